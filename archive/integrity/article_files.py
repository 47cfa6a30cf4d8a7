"""Which article a file belongs to, by its name alone."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from archive.files.layout import HISTORY_FOLDER, INNER_FOLDER, QUARANTINE_FOLDER

# After the docid in the name of an article's file, of a version in the history, or of a file in quarantine.
_ENDING = re.compile(r"(?:\.\d{1,9}){0,2}\.md$")


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
    whole = _ENDING.sub("", name)
    if whole == name:
        return None
    parts = whole.split("_")
    # A docid may contain the character that separates it from the title.
    return next((found for n in range(1, len(parts)) if (found := "_".join(parts[n:])) in docids), None)
