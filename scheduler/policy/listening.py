"""Which feeds are heard through a broad list, how often each is verified, and how often the broad list is read. Pure.

Sina's items name all lists that they are in, so that one request for a broad list finds the articles of many. Where
the polls of a feed prove that a broad list has all of its articles, the feed is polled only as often as keeps the
proof fresh, and the requests that this saves go to the first page of the broad list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct, field

from archive.index.containment_proof import is_proven
from archive.model.feed import ArrivalRate, Containment, FeedHistory
from crawler.listings.source import PAGE_SIZE
from scheduler.policy.arrival_rate import EMPTY, interval
from scheduler.policy.intervals import normal_interval, pace

if TYPE_CHECKING:
    from config.model import Feed, Settings

_HOUR = timedelta(hours=1)
# Between two polls of a feed that is heard through a broad list. A miss is found out within this time: an article
# that only the feed's own list has is at most so late.
VERIFY_INTERVAL = timedelta(minutes=30)
# Of a feed whose own interval is long, a verification saves this factor at least, within schedule.max.
_MIN_VERIFY_FACTOR = 3
# An older verification says nothing about now: the daemon was off, or the feed's polls do not end.
MAX_VERIFIED_AGE = timedelta(hours=3)
# A broad list counts as down when its last complete poll is older than three of its intervals, and than three
# minutes.
_MAX_BROAD_POLLS = 3
_MIN_BROAD_AGE = timedelta(minutes=3)
# A broad list that is off is polled this often, to learn which lists it contains and to check that it still does.
OFF_INTERVAL = VERIFY_INTERVAL
# Ends the id under which the record has such a list, apart from what is known of it as a feed. No feed has such ids.
_OFF_SUFFIX = ".heard"
# Requests of one poll, as measured (bench.latency): half of the polls of a feed find nothing, and need one request; a
# poll after a long time finds something, and reads two pages more.
_REQUESTS_PER_POLL = 1.5
_REQUESTS_PER_VERIFICATION = 3.0


class ListeningPlan(Struct, frozen=True):
    """Which feeds are heard through a broad list now, and what that changes."""

    heard: Mapping[str, str] = field(default_factory=dict)  # feed id -> id of the feed that reads the broad list
    verify: Mapping[str, timedelta] = field(default_factory=dict)  # the interval of each heard feed's polls
    # Feed id -> how often the first page of its broad list is read. A list that is missing here is read by its own
    # polls only.
    peeks: Mapping[str, timedelta] = field(default_factory=dict)
    # Broad lists that are off and are polled all the same, for feeds that no list that is on contains.
    off_lists: tuple[Feed, ...] = ()


NOT_LISTENING = ListeningPlan()


class _ListState(Struct, frozen=True):
    """What decides whether a feed is heard, or whether others are heard through it."""

    feed: Feed
    own: timedelta  # its interval if it is polled by itself
    verify: timedelta  # its interval if it is heard
    has_error: bool  # its last poll failed, or it was never polled
    is_down: bool  # no others are heard through it

    @property
    def saved(self) -> float:
        """Requests an hour that are saved while it is heard."""
        if self.feed.cron:  # its times stay
            return 0.0
        return max(_REQUESTS_PER_POLL * (_HOUR / self.own) - _REQUESTS_PER_VERIFICATION * (_HOUR / self.verify), 0.0)


def as_off_list(feed: Feed) -> Feed:
    """Return a broad list that is off as it is polled: under another id."""
    return feed.model_copy(update={"id": feed.id + _OFF_SUFFIX})


def is_off_list(feed_id: str) -> bool:
    """Return whether an id is that of a broad list that is off: its articles are not archived because of it."""
    return feed_id.endswith(_OFF_SUFFIX)


def feed_of_list(feed_id: str) -> str:
    """Return the id of the feed that reads a broad list, on or off."""
    return feed_id.removesuffix(_OFF_SUFFIX)


def broad_lists_of(feed: Feed, feeds: Iterable[Feed]) -> list[str]:
    """Return the ids of the broad lists that may contain a feed's list.

    A broad list itself is never heard through another.

    :param feeds: all that are polled
    """
    if feed.broad or feed.lid is None:
        return []
    return [
        each.id
        for each in feeds
        if each.broad and each.lid and (each.kind, each.endpoint) == (feed.kind, feed.endpoint) and not each.cron
    ]


def off_lists_of(settings: Settings) -> list[Feed]:
    """Return the broad lists that are off, and that a daemon may poll all the same to hear feeds that are on."""
    if settings.schedule.listen is None:
        return []
    on = [feed for feed in settings.feeds if feed.enabled]
    off = [feed for feed in settings.feeds if feed.broad and not feed.enabled]
    return [feed for feed in off if any(broad_lists_of(each, [feed]) for each in on)]


def listening_plan(
    settings: Settings,
    histories: Mapping[str, FeedHistory],
    rates: Mapping[str, ArrivalRate],
    containments: Sequence[Containment],
    now: datetime,
) -> ListeningPlan:
    """Return which feeds are heard through a broad list now."""
    listen = settings.schedule.listen
    if listen is None:
        return NOT_LISTENING
    on = [feed for feed in settings.feeds if feed.enabled]
    off = [as_off_list(feed) for feed in off_lists_of(settings)]
    lists = {
        feed.id: _list_state(feed, settings, histories.get(feed.id), rates.get(feed.id, EMPTY), now)
        for feed in [*on, *off]
    }
    heard = _heard(lists, containments, now)
    peeks: dict[str, timedelta] = {}
    for broad in sorted(set(heard.values())):
        feeds = [lists[feed] for feed, through in heard.items() if through == broad]
        every, is_worth = _peek_interval(lists[broad], feeds, listen)
        if not is_worth:
            heard = {feed: through for feed, through in heard.items() if through != broad}
        elif every < lists[broad].own:
            peeks[broad] = every
    alone = [feed for feed in on if feed.id not in heard or is_off_list(heard[feed.id])]
    needed = tuple(each for each in off if any(broad_lists_of(feed, [each]) for feed in alone))
    return ListeningPlan(heard, {feed: lists[feed].verify for feed in heard}, peeks, needed)


def _list_state(
    feed: Feed, settings: Settings, history: FeedHistory | None, rate: ArrivalRate, now: datetime
) -> _ListState:
    bounds = pace(feed, settings.schedule)
    own = normal_interval(rate, bounds, now)
    # Half of what one poll can read: the pages must still overlap with those of the poll before.
    overlap = interval(rate, now, settings.schedule.pages * PAGE_SIZE / 2, bounds.base)
    verify = min(max(VERIFY_INTERVAL, _MIN_VERIFY_FACTOR * own), overlap, bounds.max_interval)
    if verify * _REQUESTS_PER_POLL < own * _REQUESTS_PER_VERIFICATION:  # it would save nothing
        verify = own
    if not feed.enabled:
        own = OFF_INTERVAL
    complete_to = history.complete_to if history else None
    max_age = max(_MAX_BROAD_POLLS * own, _MIN_BROAD_AGE)
    has_error = history is None or history.error is not None
    is_down = has_error or bool(feed.cron) or complete_to is None or now - complete_to > max_age
    return _ListState(feed, own, verify, has_error, is_down)


def _heard(lists: Mapping[str, _ListState], containments: Sequence[Containment], now: datetime) -> dict[str, str]:
    """Return through which broad list each feed is heard: one that is on if possible, in the order of the feeds."""
    # After a miss all feeds of a broad list are verified again, because it may have stopped.
    missed = {
        broad: max(each.missed for each in containments if each.broad == broad and each.missed)
        for broad in {each.broad for each in containments if each.missed}
    }
    heard: dict[str, str] = {}
    places = {feed: (not state.feed.enabled, place) for place, (feed, state) in enumerate(lists.items())}
    for each in sorted(containments, key=lambda each: places.get(each.broad, (True, 0))):
        feed, broad = lists.get(each.feed), lists.get(each.broad)
        if each.feed in heard or feed is None or broad is None or not feed.feed.enabled:
            continue
        if each.broad not in broad_lists_of(feed.feed, [broad.feed]) or feed.has_error or broad.is_down:
            continue
        is_fresh = each.verified is not None and now - each.verified <= MAX_VERIFIED_AGE
        if is_fresh and is_proven(each, now) and not _is_before(each.verified, missed.get(each.broad)):
            heard[each.feed] = each.broad
    return heard


def _is_before(verified: datetime | None, missed: datetime | None) -> bool:
    return missed is not None and (verified is None or verified <= missed)


def _peek_interval(broad: _ListState, feeds: Sequence[_ListState], listen: timedelta) -> tuple[timedelta, bool]:
    """Return how often to read a broad list's first page, and whether it is worth to hear feeds through it."""
    saved = sum(each.saved for each in feeds)
    if not broad.feed.enabled:
        saved -= _REQUESTS_PER_VERIFICATION * (_HOUR / broad.own)
    if saved <= 0:
        return broad.own, broad.feed.enabled
    every = max(listen, _HOUR / saved)
    # A list that is off has polls of its own only for this: articles must be found sooner by it.
    return every, broad.feed.enabled or every < min(each.own for each in feeds)
