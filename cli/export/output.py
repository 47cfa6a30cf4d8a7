"""Where an export is written: stdout or a file outside the archive."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from archive.files.output import open_output
from cli.context import CommandError, cannot_write


def write_stream(
    chunks: Iterable[bytes],
    output: Path | None,
    roots: Iterable[Path],
    *,
    is_binary: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Write bytes to a file, which appears when it is complete, or to stdout.

    :param output: None for stdout
    :param roots: of the archives, where no export may be
    :param is_binary: whether the bytes are no text for a terminal
    :param announce: called with the sha256 of the output before it appears; it then replaces no file
    :raises CommandError: the place does not fit, or cannot be written
    """
    if is_binary and output is None and sys.stdout.isatty():
        raise CommandError("this format is no text for a terminal: name a file with -o, or use a pipe")
    digest = hashlib.sha256()
    with _open_output(output, roots, replace=announce is None) as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
        if announce:
            announce(digest.hexdigest())


def ensure_outside(path: Path, roots: Iterable[Path]) -> None:
    """Check that a file is not among the articles.

    :raises CommandError: it is
    """
    if any(root.resolve() in path.resolve().parents for root in roots):
        raise CommandError(f"{path} lies in the archive, which has nothing but articles: name a file elsewhere")


@contextmanager
def _open_output(path: Path | None, roots: Iterable[Path], *, replace: bool) -> Iterator[BinaryIO]:
    """The output: stdout, or a file that is replaced when the new one is complete."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name a file")
    ensure_outside(path, roots)
    try:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(open_output(path, replace=replace))
            except FileExistsError as error:
                raise CommandError(
                    f"{path} exists, and has rows that this export does not have: name another file with -o"
                ) from error
            except OSError as error:
                raise cannot_write(path, error) from error
            yield file
    except OSError as error:
        if error.filename is not None:  # no write
            raise
        raise cannot_write(path, error) from error
