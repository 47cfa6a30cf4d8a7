"""Optional libraries that only some exports need; they are installed as an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archive.model.errors import MissingExtraError


@contextmanager
def requires_extra(output: str, extra: str) -> Iterator[None]:
    """Turn a failed import in the block into an error that says how to install the extra.

    :param output: the export format that needs the libraries
    :param extra: the extra's name
    :raises MissingExtraError: a library is not installed
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"{output} needs {error.name or error}, which is not installed: pip install 'finarchive[{extra}]'"
        ) from error
