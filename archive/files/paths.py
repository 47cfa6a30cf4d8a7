"""Where an article's file goes: a function of the article alone. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import PurePosixPath

CHINA = timezone(timedelta(hours=8))  # the day in a path is the reader's; China has one zone and no summer time
# File systems take 255 bytes to a name; 200 leave room for what tools append (".md~", ".sync-conflict-...").
MAX_BYTES = 200
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]')


def post_path(categories: Sequence[str], published: datetime, title: str, docid: str) -> PurePosixPath:
    """The path of an article's file, relative to the archive's root.

    :param categories: the feed's, outermost first
    :param published: aware; its day in China time names the folders
    """
    day = published.astimezone(CHINA)
    folders = map(_folder, categories)
    # strftime's %Y does not pad years below 1000 everywhere; Sina has none.
    return PurePosixPath(*folders, f"{day:%Y/%m/%d}", article_name(title, docid))


@lru_cache(maxsize=256)  # the few categories of the configuration, again and again
def _folder(category: str) -> str:
    return file_name(category)


def article_name(title: str, docid: str) -> str:
    """``<title>_<docid>.md``, at most 200 bytes of UTF-8."""
    ending = f"_{docid}.md"
    return file_name(title, MAX_BYTES - len(ending.encode())) + ending


def file_name(text: str, most_bytes: int = MAX_BYTES) -> str:
    """A text as part of a file name that every common file system takes, as readable as can be.

    NFC; the characters that Windows forbids, and control characters, become ``_``; white space collapses; no
    leading dot, no trailing dot or space; cut at a character boundary. May be empty.
    """
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))
    name = " ".join(name.split()).lstrip(". ")
    cut = name.encode()[: max(most_bytes, 0)].decode(errors="ignore")
    return cut.rstrip(". ")


def revision_path(path: str, number: int, newest: int) -> str:
    """Return the path of the file of an article's version, relative to the archive's root.

    :param path: of the article's file, relative to the root
    :param number: of the version
    :param newest: the number of the article's newest version, whose file has the article's path
    """
    return path if number == newest else str(history_path(path, number))


def history_path(path: PurePosixPath | str, number: int) -> PurePosixPath:
    """Where a superseded version of an article is, relative to the archive's root.

    :param path: of the article's file, relative to the root
    :param number: of the version
    """
    return PurePosixPath(".finarchive", "history", f"{str(path).removesuffix('.md')}.{number}.md")
