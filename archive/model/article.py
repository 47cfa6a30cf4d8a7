"""Articles: pages, files and revisions. Frozen records.

Every time is an aware datetime in UTC. ``None`` means that the site does not state the value. It never means a
failure: that is a :class:`archive.model.feed.Failure`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from msgspec import Struct

from archive.model.feed_values import Enclosure, Precision


class TextSource(StrEnum):
    """Where an article's text is from."""

    PAGE = "page"
    FEED = "feed"  # or another list


class Page(Struct, frozen=True):
    """A page as received, with its content coding removed."""

    url: str  # its address, after redirects
    body: bytes
    content_type: str  # the Content-Type header; "" if there is none
    fetched_at: datetime


class PageFacts(Struct, frozen=True):
    """What a page itself states of its article, whatever lists state. None: it does not state the field.

    For an article whose text is in its list, the stocks that the list names.
    """

    title: str | None = None  # its headline
    published: datetime | None = None
    updated: datetime | None = None
    media: str | None = None
    keywords: tuple[str, ...] | None = None  # (): it states that there are none
    symbols: tuple[str, ...] | None = None  # the same


class Article(Struct, frozen=True):
    """An article as extracted from its page and its entry."""

    docid: str
    url: str  # the page's address, after redirects
    title: str
    published: datetime
    body: str  # HTML, as it goes into the file
    image: str | None  # absolute address of the first image of the body, else of the listing's
    fetched_at: datetime
    updated: datetime | None = None  # last change, as the page states it
    media: str | None = None  # the medium that the site names as source, e.g. "新华社"
    keywords: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()  # stocks that the page names, in Sina's notation: "sh600519", "hk00700", "MSFT"
    editor: str | None = None  # 责任编辑
    original_title: str | None = None  # 原标题: the title at the medium named as source
    pictures: tuple[ArticleImage, ...] = ()  # of the text, without the page's furniture, in order
    text: str = ""  # plain, one line for each paragraph, without the page's furniture
    fingerprint: str = ""  # of title, text and images, normalized; equal if two revisions differ only in markup
    story: str = ""  # of title and text, normalized further; equal if two docids carry the same story
    page: PageFacts = PageFacts()  # what the page itself states
    general_title: str = ""  # the page's headline if nothing were known of where its site states it (D307)
    is_cut: bool = False  # the page ends before its end tag, so there may be more of the article
    authors: tuple[str, ...] = ()  # persons, as the feed or the page names them
    enclosures: tuple[Enclosure, ...] = ()
    published_text: str | None = None  # see archive.model.feed.Entry
    precision: Precision = Precision.TIME  # of `published`
    published_note: str | None = None  # why `published` is not the time that is stated; None: it is
    text_from: TextSource = TextSource.PAGE
    text_note: str | None = None  # why the text is the feed's; None: it is the page's
    stock_names: tuple[tuple[str, str], ...] = ()  # symbol and name of the stocks that are printed with their names
    raw_symbols: tuple[str, ...] = ()  # as the page and the list write them, as in files of older fetches (D224)


class ArticleImage(Struct, frozen=True):
    """An image in an article's text."""

    url: str  # absolute
    caption: str = ""


class Post(Struct, frozen=True):
    """A file to write: an article's or an image."""

    path: PurePosixPath  # relative to the archive's root
    data: bytes
    supersedes: PurePosixPath | None = None  # where the existing file is moved, relative to the root
    superseded_sha256: str | None = None  # of the file that is moved there; None: not known
    moved_from: PurePosixPath | None = None  # where the superseded file is; None: at `path`


class Revision(Struct, frozen=True):
    """One revision of an article in the index."""

    docid: str
    number: int  # 1 for the first
    path: str  # of the article's file, relative to the root, with "/"; superseded revisions are in the history
    sha256: str  # of the file's bytes, hex
    title: str
    published: datetime
    fetched_at: datetime  # when it was observed
    url: str = ""  # the page's address, after redirects
    modified: datetime | None = None  # mtime, as listed when it was fetched
    updated: datetime | None = None  # last change, as the page states it
    media: str | None = None  # the medium that the site names as source
    keywords: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()  # stocks, in Sina's notation
    editor: str | None = None  # 责任编辑
    original_title: str | None = None  # 原标题
    pictures: tuple[ArticleImage, ...] = ()
    fingerprint: str = ""  # see Article
    story: str = ""  # see Article
    sealed: str | None = None  # day of the manifest that lists it, YYYY-MM-DD; None: not sealed yet
    authors: tuple[str, ...] = ()  # this and the others: see Article
    enclosures: tuple[Enclosure, ...] = ()
    published_text: str | None = None
    precision: Precision = Precision.TIME
    published_note: str | None = None
    text_from: TextSource = TextSource.PAGE
    text_note: str | None = None
    written_with: str | None = None  # settings of its file: see archive.model.formatting; None: of an earlier version
    raw_title: str | None = None  # the title as the list has it, with HTML character references; None: it is `title`

    @property
    def listed_title(self) -> str:
        """The title as its list has it, in HTML; it is in the file."""
        return self.title if self.raw_title is None else self.raw_title
