"""The path of an article's file. It depends only on the article. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import PurePosixPath

CHINA = timezone(timedelta(hours=8))  # of the day in a path; China has one time zone and no summer time
# File systems allow 255 bytes in a name; 200 leave room for suffixes of tools (".md~", ".sync-conflict-...").
MAX_NAME_BYTES = 200
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]')


def post_path(categories: Sequence[str], published: datetime, title: str, docid: str) -> PurePosixPath:
    """The path of an article's file, relative to the archive's root.

    :param categories: of the feed, outermost first; each is a folder
    :param published: aware; year, month and day in China time are folders
    """
    day = published.astimezone(CHINA)
    folders = filter(None, map(_folder, categories))
    # %Y of strftime does not pad years below 1000 on all systems; Sina has no such years.
    # One text: pathlib takes twice as long for several parts.
    return PurePosixPath("/".join((*folders, f"{day:%Y/%m/%d}", article_name(title, docid))))


@lru_cache(maxsize=256)  # the configuration has few categories, and each is used often
def _folder(category: str) -> str:
    return file_name(category)


def article_name(title: str, docid: str) -> str:
    """``<title>_<docid>.md``, at most 200 bytes of UTF-8."""
    ending = f"_{docid}.md"
    return file_name(title, MAX_NAME_BYTES - len(ending.encode())) + ending


def file_name(text: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Turn a text into part of a file name that is valid on every common file system.

    The result is in NFC. Characters that Windows forbids and control characters become ``_``. White space collapses.
    There is no leading dot, and no trailing dot or space. It is cut at a character boundary. It may be empty.

    :param max_bytes: of the result in UTF-8
    """
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))
    name = " ".join(name.split()).lstrip(". ")
    cut = name.encode()[: max(max_bytes, 0)].decode(errors="ignore")
    return cut.rstrip(". ")
