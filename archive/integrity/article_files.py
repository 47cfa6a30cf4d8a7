"""Which article a file belongs to, by its name alone."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from archive.files.layout import HISTORY_FOLDER, INNER_FOLDER, QUARANTINE_FOLDER

_EXTENSION = ".md"


def files_of(root: Path, docids: Collection[str]) -> Iterator[str]:
    """Yield the paths of all files of articles, relative to the root: newest versions, history, quarantine."""
    wanted = set(docids)
    kept = tuple(Path(name).name for name in (HISTORY_FOLDER, QUARANTINE_FOLDER))
    for folder, folders, names in os.walk(root):
        inner = Path(folder).relative_to(root)
        if inner.as_posix() == INNER_FOLDER:
            folders[:] = [name for name in folders if name in kept]
        yield from ((inner / name).as_posix() for name in names if docid_of(name, wanted))


def docid_of(name: str, docids: Collection[str]) -> str | None:
    """Return which of some articles a file of this name belongs to; None: to none of them."""
    if not name.endswith(_EXTENSION):
        return None
    whole = name.removesuffix(_EXTENSION)
    while whole.rpartition(".")[2].isdecimal():  # of a version in the history, or of a second file in quarantine
        whole = whole.rpartition(".")[0]
    parts = whole.split("_")
    # A docid may contain the character that separates it from the title.
    return next((found for n in range(1, len(parts)) if (found := "_".join(parts[n:])) in docids), None)
