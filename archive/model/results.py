"""What a search, an export and a follower give: frozen records, as those of archive.model.article."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Mark = tuple[int, int]  # from where to where, in characters, something stands that was asked for


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that a search has found, as it was known at the time that was asked about."""

    docid: str
    title: str
    path: str  # relative to the archive's root, of the article's newest version
    published: datetime
    feeds: tuple[str, ...]  # ids of those that it belongs to
    snippet: str  # a line from its text
    title_marks: tuple[Mark, ...] = ()
    snippet_marks: tuple[Mark, ...] = ()
    media: str | None = None
    symbols: tuple[str, ...] = ()  # stocks that it names, in Sina's notation


@dataclass(frozen=True, slots=True)
class HourCount:
    """How many articles were published in an hour."""

    hour: datetime  # when it begins
    feed: str | None  # that they belong to; None: of all feeds, each article once
    articles: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the articles that a search has found have in common; the most frequent values first, and how often."""

    articles: int  # that were counted
    complete: bool  # False: there may be more; those were counted that were observed last
    feeds: tuple[tuple[str, int], ...]
    media: tuple[tuple[str, int], ...]
    symbols: tuple[tuple[str, int], ...]
    days: tuple[tuple[str, int], ...]  # in China, YYYY-MM-DD; the latest first


@dataclass(frozen=True, slots=True)
class Record:
    """An article as an export has it: all that was known of it at the time that was asked about."""

    docid: str
    title: str
    url: str
    path: str  # relative to the archive's root, of the article's newest version
    published: datetime
    first_seen: datetime | None  # when a list first named it
    observed: datetime  # when this version was
    revision: int  # its number, 1 for the first
    updated: datetime | None  # the page's own word on its last change
    media: str | None
    feeds: tuple[str, ...]
    keywords: tuple[str, ...]
    symbols: tuple[str, ...]
    editor: str | None
    original_title: str | None
    gone: datetime | None  # since when the site has it no more
    sha256: str  # of this version's file
    text: str | None  # plain; None: archived by a version of the program that did not keep it


@dataclass(frozen=True, slots=True)
class Change:
    """A version of an article that has come into the index, as whoever follows it is told."""

    position: int  # among all versions, in the order of their commits
    docid: str
    revision: int  # its number, 1 for the first
    title: str
    url: str
    path: str  # relative to the archive's root, of the article's newest version
    published: datetime
    observed: datetime
    media: str | None
    feeds: tuple[str, ...]  # ids of those that it belongs to
    symbols: tuple[str, ...]
    snippet: str  # a line from its text
    title_marks: tuple[Mark, ...] = ()
    snippet_marks: tuple[Mark, ...] = ()
