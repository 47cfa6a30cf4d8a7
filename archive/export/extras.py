"""Libraries that only some exports need, and that are not there unless somebody asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archive.model.errors import MissingExtraError


@contextmanager
def needed_by(output: str, extra: str) -> Iterator[None]:
    """Around the import of an extra's libraries.

    :param output: the format that needs them
    :raises MissingExtraError: they are not there; it says how to have them
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"{output} needs {error.name or error}, which is not installed: pip install 'finarchive[{extra}]'"
        ) from error
