"""Feeds, what their listings say, and how reading them went: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FailureKind(StrEnum):
    """What kind of failure it was; it decides how often it is worth another try."""

    TEMPORARY = "temporary"  # the network or the server, likely to mend by itself: time-out, reset, 5xx
    BLOCKED = "blocked"  # the host wants rest: 403, 418, 429, 456
    REFUSED = "refused"  # we refuse: robots.txt, a private address, a scheme or a size out of bounds
    GONE = "gone"  # the site says there is no such page: 404, 410
    UNREADABLE = "unreadable"  # an answer came, and is not what it should be


@dataclass(frozen=True, slots=True)
class Failure:
    """Something a site did that kept us from an entry, a listing or an item of one."""

    subject: str  # the docid, or the feed's id
    kind: FailureKind
    reason: str  # one line, for people


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing says of one article."""

    docid: str  # Sina's document id ("mcwiwss7730811"), else 16 hex digits drawn from the address
    url: str  # absolute, http or https
    title: str  # as listed, whole; "" when the listing has none
    published: datetime | None  # the roll list's ctime: the time the page shows
    modified: datetime | None  # mtime: the last change in the site's CMS
    entered: datetime | None  # intime: when the article entered the list, seconds to minutes after ctime
    media: str | None  # the medium the site names as source, e.g. "新华社"
    image: str | None  # address of the listing's picture, as listed
    keywords: tuple[str, ...] = ()
    lids: tuple[int, ...] = ()  # ids of all of Sina's lists that the article is in
    content: str | None = None  # HTML of the whole text, where the listing itself carries it; None: it is on the page
    symbols: tuple[str, ...] = ()  # stocks that the listing names, in Sina's notation
    withdrawn: bool = False  # the listing says that the site has deleted it
    foreign: bool = False  # its page is another site's, and has no layout that is known


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a feed's list, as read: what could be understood of it, in its order."""

    entries: tuple[Entry, ...]
    failures: tuple[Failure, ...] = ()  # one for each item that could not be understood
    total: int | None = None  # how many articles the list says it has in all
    is_open: bool = False  # that a page is short says nothing: it may be as long as a page can be


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave with a list, to be asked with whether it has changed since (RFC 9110, 8.8)."""

    etag: str | None
    modified: str | None  # Last-Modified, as sent


@dataclass(frozen=True, slots=True)
class Poll:
    """One reading of a feed's list, from its newest page down."""

    feed: str  # the feed's id
    at: datetime  # when it began
    pages: int  # pages that were read
    entries: tuple[Entry, ...]  # what they listed, each docid once, newest first
    failures: tuple[Failure, ...]  # the items that could not be understood
    caught_up: bool  # later polls may stop here: it met known ground, the list's end or its page limit
    error: Failure | None = None  # why it broke off
    unmoved: bool = False  # the list was as it had been at the poll before: it has nothing to tell but that
    met: bool | None = None  # of a list of one page: at its end stands what was known; None: it has further pages
    validators: Validators | None = None  # of the answer; they vouch for the entries, and are stored with them


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of publication time, ends included, in which a feed's list is known whole, as it stood when read."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class BackfillPage:
    """One page of a walk through the past of a feed's list."""

    feed: str
    at: datetime  # when the walk began
    entries: tuple[Entry, ...]  # those of the page, each docid once
    failures: tuple[Failure, ...] = ()
    covered: Span | None = None  # what the walk has read without a hole so far; None: nothing yet
    oldest_available: datetime | None = None  # the list ends here: older articles cannot be had from it


@dataclass(frozen=True, slots=True)
class ListingChange:
    """A listing said something else of an article than it had before."""

    docid: str
    seen: datetime
    title: str  # as listed now
    modified: datetime | None  # mtime, as listed now
    retitled: bool  # the title is another; else only mtime is


@dataclass(frozen=True, slots=True)
class ListingResult:
    """What the index learned from a poll or a stretch."""

    new: int  # entries not known before
    broken: int  # items that could not be understood and were not known before
    changes: tuple[ListingChange, ...] = ()
    gap: Gap | None = None  # that the poll left


@dataclass(frozen=True, slots=True)
class ArrivalRate:
    """How many articles a feed brings at which time of the week, as learned so far.

    Slot n is the hour n of the day in China on weekdays (0-23), or the hour n - 24 at weekends (24-47). Both tuples
    have 48 numbers; old evidence fades.
    """

    seconds: tuple[float, ...]  # that were watched
    arrivals: tuple[float, ...]  # that came in them
    until: datetime | None  # everything up to here is learned: the poll that last brought something new


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry whose article is to be fetched: for the first time, or again."""

    entry: Entry  # as the listings say by now
    host: str  # that it is to be fetched from
    feeds: tuple[str, ...]  # ids of all feeds that it belongs to: that listed it, or whose lid it names
    attempts: int  # failed ones so far
    first_seen: datetime
    path: str | None = None  # where its file is, or is to be when an earlier run has decided it
    revision: int = 0  # the number of its newest version; 0: not archived yet


@dataclass(frozen=True, slots=True)
class Filing:
    """Under what a feed files its articles."""

    categories: tuple[str, ...]  # outermost first; they name the folders too
    author: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time in which a feed may have shown articles that nobody saw."""

    feed: str
    start: datetime  # publication time of the newest article known before
    end: datetime  # publication time of the oldest article seen after


@dataclass(frozen=True, slots=True)
class HostBackoff:
    """A host that asked to be left alone."""

    host: str
    until: datetime
    failures: int  # refusals in a row: each doubles the rest
    from_retry_after: bool  # the host said until when (Retry-After); else it is our own guess
    reason: str
    kind: FailureKind = (
        FailureKind.BLOCKED
    )  # BLOCKED: it asked for rest; TEMPORARY: it is out of reach, and left alone for a while


@dataclass(frozen=True, slots=True)
class FeedHistory:
    """How a feed has done so far. Counts are of entries that belong to it."""

    feed: str
    filing: Filing  # as configured when its list was last read
    last_poll: datetime | None  # None: the list it reads now was never polled, only walked back through
    last_success: datetime | None
    newest: datetime | None  # publication time of the newest article it has listed
    error: str | None  # why its last poll broke off
    kind: FailureKind | None  # of that error
    complete_to: datetime | None = None  # when a poll last left nothing unread
    failing_since: datetime | None = None  # the first of the failed polls in a row, of which `error` is the last
    trouble: float = 0.0  # the weight of these failures together; see scheduler.policy.intervals
    oldest_available: datetime | None = None  # the list ends here: older articles cannot be had from it
    validators: Validators | None = None  # of the list as it was last read whole


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries stand where."""

    entries: int = 0
    archived: int = 0
    pending: int = 0
    parked: int = 0
