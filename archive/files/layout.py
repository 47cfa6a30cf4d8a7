"""Where the files of an archive are, below its root."""

from __future__ import annotations

from pathlib import Path

# Everything that is not an article is below this folder, so that Hexo can build the root folder as it is.
INNER = ".finarchive"


def index_path(root: Path) -> Path:
    """The index database of the archive at ``root``."""
    return root / INNER / "index.db"


def journal_path(root: Path) -> Path:
    """The folder of the raw pages (WARC files) of the archive at ``root``."""
    return root / INNER / "warc"
