"""Feeds: entries of listings, polls, backfills, gaps and failures. Frozen records.

Every time is an aware datetime in UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from archive.model.article import Article
from archive.model.feed_values import Enclosure, Precision


class FailureKind(StrEnum):
    """Kind of a failure; it decides when to retry."""

    TEMPORARY = "temporary"  # network or server, likely to recover without help: time-out, reset, 5xx
    BLOCKED = "blocked"  # the host refuses for now, back off: 403, 418, 429, 456
    REFUSED = "refused"  # this program refuses: robots.txt, a private address, a scheme or a size out of bounds
    GONE = "gone"  # the site says that the page does not exist: 404, 410
    ENDED = "ended"  # the site says that a feed has ended: 410 for its list
    UNREADABLE = "unreadable"  # a response arrived, but its content cannot be parsed


class Failure(Struct, frozen=True):
    """A failure to get an article, a listing or an item of a listing."""

    subject: str  # the docid, the feed's id, or the address of an image
    kind: FailureKind
    reason: str  # one line, for people
    moved_to: str | None = None  # docid of the article whose page the address shows instead; its kind is GONE then
    is_cut: bool = False  # the page ends before its end tag, so another fetch may find something else
    listed: Article | None = None  # the article as the feed has it, which can stand for the page


class Entry(Struct, frozen=True):
    """One article as a listing describes it."""

    docid: str  # Sina's document id ("mcwiwss7730811"), else 16 hex digits derived from the address
    url: str  # absolute, http or https
    title: str  # as listed, in full; "" if the listing has none
    published: datetime | None  # ctime of a roll list: the time that the page shows
    modified: datetime | None  # mtime: the last change in the site's CMS
    entered: datetime | None  # intime: when the article entered the list, seconds to minutes after ctime
    media: str | None  # the medium that the site names as source, e.g. "新华社"
    image: str | None  # address of the listing's image, as listed
    keywords: tuple[str, ...] = ()
    lids: tuple[int, ...] = ()  # ids of all of Sina's lists that contain the article
    content: str | None = None  # HTML of the full text, if the listing itself has it; None: fetch the page
    symbols: tuple[str, ...] = ()  # stocks that the listing names; journals of older versions have other notations
    withdrawn: bool = False  # the listing says that the site has deleted it
    foreign: bool = False  # the page belongs to another site, and its layout is unknown
    # HTML of the text in the feed, where it may not be the whole article: used if the page has none. See D220.
    listed_text: str | None = None
    is_excerpt: bool = False  # `listed_text` is a part of the article, and never stands for it
    authors: tuple[str, ...] = ()  # persons, as the feed names them
    enclosures: tuple[Enclosure, ...] = ()
    guid: str | None = None  # the feed's own id for the item, as stated
    link: str | None = None  # digest of the address, where items share it and the guid identifies the article
    published_text: str | None = None  # the time of publication as the feed states it, unparsed
    precision: Precision = Precision.TIME  # of `published`
    published_note: str | None = None  # why `published` is not the time that is stated; None: it is
    stock_names: tuple[tuple[str, str], ...] = ()  # symbol and name of the stocks that the listing names


class Listing(Struct, frozen=True):
    """One parsed page of a feed's list."""

    entries: tuple[Entry, ...]  # in the page's order
    failures: tuple[Failure, ...] = ()  # one for each item that cannot be parsed
    total: int | None = None  # number of articles in the whole list, as the list states it
    is_open: bool = False  # True: a short page does not mean the end of the list


class Validators(Struct, frozen=True):
    """A list's HTTP validators, for conditional requests (RFC 9110, 8.8)."""

    etag: str | None
    modified: str | None  # Last-Modified, as sent


class Poll(Struct, frozen=True):
    """Result of one poll: a feed's list read from its newest page down."""

    feed: str  # the feed's id
    at: datetime  # when it began
    pages: int  # number of pages read
    entries: tuple[Entry, ...]  # each docid once, newest first
    failures: tuple[Failure, ...]  # items that cannot be parsed
    caught_up: bool  # later polls may stop here: it reached known entries, the list's end or its page limit
    error: Failure | None = None  # why it stopped early
    unchanged: bool = False  # the list is the same as at the previous poll; the other fields have no new data
    # For a list of one page: True if its last entries were known before. None: the list has further pages.
    reaches_known: bool | None = None
    validators: Validators | None = None  # of the response; stored together with its entries
    # Number of first entries that were read without a hole; None: all. The others are on pages that did not overlap.
    proven: int | None = None
    moved_to: str | None = None  # where the list's address redirects permanently; None: nowhere
    archives: bool = True  # False: only entries that belong to other feeds are archived, and no time is known by it

    @property
    def proven_entries(self) -> tuple[Entry, ...]:
        """Entries that were read without a hole from the top of the list."""
        return self.entries[: self.proven]


class Span(Struct, frozen=True):
    """A span of publication time, both ends included, in which the whole list is known as it was when read."""

    start: datetime
    end: datetime


class BackfillPage(Struct, frozen=True):
    """One page of a backfill."""

    feed: str  # the feed's id
    at: datetime  # when the backfill began
    entries: tuple[Entry, ...]  # those of the page, each docid once
    failures: tuple[Failure, ...] = ()  # items that cannot be parsed
    covered: Span | None = None  # what the backfill has read so far without a gap; None: nothing yet
    oldest_available: datetime | None = None  # the list ends here: it has no older articles
    # What a walk by page numbers has read, when it has ended. None: it goes on, or the site chose the articles.
    walked: Span | None = None
    is_sweep: bool = False  # it walks over the last days, from the newest article down


class ListingChange(Struct, frozen=True):
    """A change of an article's title or mtime in a listing."""

    docid: str
    seen: datetime  # when the listing was read
    title: str  # as listed now
    modified: datetime | None  # mtime, as listed now
    retitled: bool  # True: the title changed; False: only mtime did


class Containment(Struct, frozen=True):
    """What is known of whether a broad list contains the list of a feed."""

    feed: str  # the feed's id
    broad: str  # id of the feed that reads the broad list
    since: datetime  # each article that the feed's list has shown since then was in the broad list, no later
    entries: int  # number of these articles
    verified: datetime | None  # last poll of the feed all of whose articles the broad list has; None: none since then
    missed: datetime | None  # when a miss last ended a proven containment; None: never


class MissKind(StrEnum):
    """How a broad list failed to contain an article of another list."""

    ABSENT = "absent"  # it did not show the article
    LATE = "late"  # by the times that the site states, the article entered it later


class Miss(Struct, frozen=True):
    """An article by which a list turned out not to be contained in a broad list."""

    feed: str  # the feed's id
    broad: str  # id of the feed that reads the broad list
    docid: str
    kind: MissKind


class ListingResult(Struct, frozen=True):
    """The changes of the index after a poll or a backfill page."""

    new: int  # entries not known before
    broken: int  # items that cannot be parsed and were not known before
    changes: tuple[ListingChange, ...] = ()
    gap: Gap | None = None  # left by the poll
    unlisted: tuple[Unlisting, ...] = ()  # entries that left the list
    known_now: int = 0  # entries that the poll made known entries of its feed; other lists may have named them before
    misses: tuple[Miss, ...] = ()  # that ended a proven containment
    first_shown: tuple[str, ...] = ()  # of pages of a poll: docids of what the list shows for the first time

    def with_page(self, page: ListingResult) -> ListingResult:
        """Return what this and one more page of the same poll brought: new entries, and what the list shows first."""
        return ListingResult(self.new + page.new, 0, first_shown=self.first_shown + page.first_shown)


class ArrivalRate(Struct, frozen=True):
    """The number of articles that a feed publishes in each hour of the week, as learned so far.

    Slot n is the hour n of the day in China on weekdays (0-23), or the hour n - 24 at weekends (24-47). Both tuples
    have 48 numbers; old observations fade.
    """

    seconds: tuple[float, ...]  # observed, by slot
    arrivals: tuple[float, ...]  # articles that arrived in these seconds, by slot
    until: datetime | None  # time of the last poll that found new articles; arrivals until then are learned


class Lateness(Struct, frozen=True):
    """How late articles enter a feed's list, as measured; see archive.index.lateness."""

    counts: tuple[float, ...]  # articles by bucket; old ones fade. (): nothing is measured
    until: datetime | None  # time of the last measurement


class Unlisting(Struct, frozen=True):
    """An entry that left a feed's list while its neighbours stayed."""

    docid: str
    newer: str  # docid of the next newer entry that stayed
    older: str  # docid of the next older one


class PendingEntry(Struct, frozen=True):
    """An entry whose article is due: for its first fetch, a retry or a recheck."""

    entry: Entry  # as listed now
    host: str  # to fetch it from
    feeds: tuple[str, ...]  # ids of all feeds that it belongs to: they listed it, or it names their lid
    attempts: int  # failed ones so far
    first_seen: datetime  # when a listing first named it
    path: str | None = None  # of its file, relative to the archive's root, if reserved; None: not decided yet
    revision: int = 0  # number of its newest revision; 0: not archived yet


class Filing(Struct, frozen=True):
    """The categories and the author under which a feed files its articles."""

    categories: tuple[str, ...]  # outermost first; they name the folders too
    author: str


class Gap(Struct, frozen=True):
    """A span of publication time in which a feed may have listed articles that no poll read."""

    feed: str  # the feed's id
    start: datetime  # publication time up to which all articles had entered before: earlier ones were known
    end: datetime  # publication time of the oldest article read after
    lost: datetime | None = None  # since when no list shows these articles any more; None: the gap is open
    evidence: str | None = None  # why they count as lost


class HostBackoff(Struct, frozen=True):
    """A host that gets no requests for a while."""

    host: str
    until: datetime
    failures: int  # in a row; each doubles the delay
    from_retry_after: bool  # True: the host stated `until` (Retry-After); False: it is an estimate
    reason: str  # one line, for people
    kind: FailureKind = FailureKind.BLOCKED  # BLOCKED: the host refuses; TEMPORARY: it is down or unreachable


class FeedHistory(Struct, frozen=True):
    """A feed's record of polls. Counts are of entries that belong to it."""

    feed: str  # the feed's id
    filing: Filing  # as configured at the last poll
    last_poll: datetime | None  # None: its present list was never polled, only backfilled
    last_success: datetime | None
    newest: datetime | None  # publication time of the newest article that it has listed
    error: str | None  # why the last poll stopped early
    kind: FailureKind | None  # of that error
    complete_to: datetime | None = None  # time of the last poll that left nothing unread
    failing_since: datetime | None = None  # first of the failed polls in a row, of which `error` is the last
    trouble: float = 0.0  # the weight of these failures together; see scheduler.policy.intervals
    oldest_available: datetime | None = None  # the list ends here: it has no older articles
    validators: Validators | None = None  # of the list when it was last read in full
    swept: datetime | None = None  # when the last complete sweep began
    moved_to: str | None = None  # where the list's address redirects permanently


class Counts(Struct, frozen=True):
    """Number of entries by state."""

    entries: int = 0
    archived: int = 0
    pending: int = 0
    parked: int = 0
