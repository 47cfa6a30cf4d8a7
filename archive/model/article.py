"""The records that the packages hand to each other: frozen, and knowing nobody.

Every time is an aware datetime in UTC. ``None`` means that the site did not say, never that we failed:
a failure is a :class:`Failure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Page:
    """A page as received, after the content coding of the transfer was undone."""

    url: str  # where it came from, after redirects
    body: bytes
    content_type: str  # the Content-Type header; "" when there was none
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Article:
    """What we understood of an article, from its page and its entry."""

    docid: str
    url: str  # the page's address, after redirects
    title: str
    published: datetime
    body: str  # HTML, as it goes into the file
    image: str | None  # the first picture of the body, else the listing's; absolute
    fetched_at: datetime
    updated: datetime | None = None  # the page's own word on its last change
    media: str | None = None
    keywords: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()  # stocks the page names, in Sina's notation: "sh600519", "hk00700", "MSFT"
    editor: str | None = None  # 责任编辑
    original_title: str | None = None  # 原标题: under which the medium named as source has it
    pictures: tuple[ArticleImage, ...] = ()  # of the text, without furniture, in their order
    text: str = ""  # plain, a line for each paragraph, without furniture
    fingerprint: str = ""  # of title, text and pictures, folded: two versions that differ only in dress have the same
    story: str = ""  # of title and text alone, folded further: the same story under two docids has the same


@dataclass(frozen=True, slots=True)
class ArticleImage:
    """A picture in an article's text."""

    url: str  # absolute
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """An article's file, not yet written."""

    path: PurePosixPath  # relative to the archive's root
    data: bytes
    supersedes: PurePosixPath | None = None  # where the file that has this path now is to go first


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of an article, as the index knows it."""

    docid: str
    number: int  # 1 for the first
    path: str  # of the article, relative to the archive's root, with "/"; superseded versions are in the history
    sha256: str  # of the file's bytes, hex
    title: str
    published: datetime
    fetched_at: datetime  # when it was observed
    url: str = ""  # the page's address, after redirects
    modified: datetime | None = None  # mtime, as listed when it was fetched
    updated: datetime | None = None  # the page's own word on its last change
    media: str | None = None
    keywords: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    editor: str | None = None
    original_title: str | None = None
    pictures: tuple[ArticleImage, ...] = ()
    fingerprint: str = ""
    story: str = ""
    sealed: str | None = None  # the day (YYYY-MM-DD) whose manifest vouches for it
