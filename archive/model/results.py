"""Results of searches, exports and the changefeed. Frozen records.

Every time is an aware datetime in UTC. "As of" means as known at the time of the query.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from archive.model.article import TextSource
from archive.model.feed_values import Precision

Mark = tuple[int, int]  # a match of a search term: start and end, in characters; the end is excluded


class Hit(Struct, frozen=True):
    """An article in a search result, as of the query's time."""

    docid: str
    title: str
    path: str  # of the file of the article's newest revision, relative to the archive's root
    published: datetime
    feeds: tuple[str, ...]  # ids of the feeds that it belongs to
    snippet: str  # a line of its text
    title_marks: tuple[Mark, ...] = ()
    snippet_marks: tuple[Mark, ...] = ()
    media: str | None = None  # the medium that the site names as source
    symbols: tuple[str, ...] = ()  # stocks, in Sina's notation
    url: str = ""  # the page's address, after redirects
    revision: int = 1  # its number, 1 for the first
    observed: datetime | None = None  # when this revision was fetched
    gone: datetime | None = None  # since when the site has deleted it
    stock_names: Mapping[str, str] = field(default_factory=dict)  # of its stocks, by symbol; not all names are known
    feed_names: tuple[str, ...] = ()  # of its feeds, in their order


class StockName(Struct, frozen=True):
    """A name that a stock has or had."""

    name: str
    first_seen: datetime  # when a version with it was archived first
    last_seen: datetime  # and last


class HourCount(Struct, frozen=True):
    """Number of articles published in one hour."""

    hour: datetime  # its begin
    feed: str | None  # id of the feed; None: all feeds, each article once
    articles: int


class Facets(Struct, frozen=True):
    """The most frequent values among the articles of a search result, with their counts, most frequent first."""

    articles: int  # number of articles counted
    complete: bool  # False: only the articles observed last were counted, and there may be more
    feeds: tuple[tuple[str, int], ...]
    media: tuple[tuple[str, int], ...]
    symbols: tuple[tuple[str, int], ...]
    days: tuple[tuple[str, int], ...]  # of publication, in China, YYYY-MM-DD; the latest first


class Record(Struct, frozen=True):
    """An article in an export: everything that was known of it as of the query's time."""

    docid: str
    title: str
    url: str  # the page's address, after redirects
    path: str  # of the file of the article's newest revision, relative to the archive's root
    published: datetime
    first_seen: datetime | None  # when a listing first named it
    observed: datetime  # when this revision was fetched
    revision: int  # its number, 1 for the first
    updated: datetime | None  # last change, as the page states it
    media: str | None  # the medium that the site names as source
    feeds: tuple[str, ...]  # ids of the feeds that it belongs to
    keywords: tuple[str, ...]
    symbols: tuple[str, ...]  # stocks, in Sina's notation
    editor: str | None  # 责任编辑
    original_title: str | None  # 原标题
    gone: datetime | None  # since when the site has deleted it
    sha256: str  # of this revision's file, hex
    text: str | None  # plain; None: archived by a version of the program that did not store it
    # Ids of those of its feeds in which its time of publication is settled, or provisional, now: not as of the query.
    settled_feeds: tuple[str, ...] = ()
    provisional_feeds: tuple[str, ...] = ()
    # What feeds of other sites state; see archive.model.article.Article:
    authors: tuple[str, ...] = ()
    enclosures: tuple[str, ...] = ()  # their addresses
    published_text: str | None = None
    precision: str = Precision.TIME
    published_note: str | None = None
    text_from: str = TextSource.PAGE
    text_note: str | None = None
    images: tuple[str, ...] = ()  # paths of the files of its kept images, relative to the archive's root


class ArticlePeriod(Struct, frozen=True):
    """What was known of an article from one observation to the next. See archive.search.periods."""

    docid: str
    revision: int  # number of the version
    valid_from: datetime  # when it became known; with docid, the key of the row
    valid_to: datetime | None  # when something else became known, excluded; None: it is still so
    gone_from: datetime | None  # since when the site has deleted it, as known in the period; None: it has not
    gone_to: datetime | None  # when it was there again, however much later
    moved_to: str | None  # docid of the other article that its address showed in the period
    title: str
    url: str  # this and all others: as in Record
    path: str
    published: datetime
    first_seen: datetime | None
    observed: datetime
    modified: datetime | None  # mtime, as the list had it when the version was fetched
    updated: datetime | None
    media: str | None
    feeds: tuple[str, ...]
    keywords: tuple[str, ...]
    symbols: tuple[str, ...]
    editor: str | None
    original_title: str | None
    sha256: str
    text: str | None
    authors: tuple[str, ...]
    enclosures: tuple[str, ...]
    published_text: str | None
    precision: str
    published_note: str | None
    text_from: str
    text_note: str | None
    sequence: int  # of the export: of two rows with one key, the one with the larger number counts


class Change(Struct, frozen=True):
    """A new revision in the changefeed."""

    position: int  # among all revisions, in the order of their commits
    docid: str
    revision: int  # its number, 1 for the first
    title: str
    url: str  # the page's address, after redirects
    path: str  # of the file of the article's newest revision, relative to the archive's root
    published: datetime
    observed: datetime  # when this revision was fetched
    media: str | None  # the medium that the site names as source
    feeds: tuple[str, ...]  # ids of the feeds that it belongs to
    symbols: tuple[str, ...]  # stocks, in Sina's notation
    snippet: str  # a line of its text
    title_marks: tuple[Mark, ...] = ()
    snippet_marks: tuple[Mark, ...] = ()
    stock_names: Mapping[str, str] = field(default_factory=dict)  # as for a hit
    feed_names: tuple[str, ...] = ()  # likewise


class ChangeKind(StrEnum):
    """What happened to an article after it was first archived."""

    REVISED = "revised"  # its text or its images are others
    RETITLED = "retitled"
    FACTS = "facts"  # what its page states changed, and its text did not
    GONE = "gone"  # the site has deleted it
    RETURNED = "returned"  # the site has it again
    MOVED = "moved"  # its address shows another article
    UNLISTED = "unlisted"  # it left a list, and its neighbours stayed


class ArticleChange(Struct, frozen=True):
    """A change of an article that is in the archive."""

    cursor: str  # its place among all changes
    docid: str
    title: str  # of the version that was the newest after it
    path: str | None  # of the article's file, relative to the archive's root; None: it is not archived yet
    url: str  # the page's address, after redirects
    at: datetime  # when it was observed
    kind: ChangeKind
    # Numbers of versions (revised; before gone, after returned), titles (retitled), a value for each field (facts),
    # a docid (after moved) or the id of a feed (before unlisted); None where there is nothing to name.
    before: Any
    after: Any
    evidence: str | None  # the reason, for people
    revision: int  # number of the version that was the newest after it; 0: none
    published: datetime | None
    media: str | None  # this and the others as of the change
    feeds: tuple[str, ...]
    symbols: tuple[str, ...]


class ChangesPage(Struct, frozen=True):
    """Some changes, the newest first."""

    changes: tuple[ArticleChange, ...]
    next: str | None  # cursor of the last one that was read: there may be earlier ones; None: there are none
