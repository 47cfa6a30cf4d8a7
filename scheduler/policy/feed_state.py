"""How a feed is doing and why, and what can be done about a gap. Pure.

Reasons are for people: what is wrong, and what is being done about it or can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate, FailureKind, FeedHistory, Gap, HostBackoff
from scheduler.policy.intervals import Silence, find_silence

# Without a poll for so long a record is stale, however its list is doing. Who crawls by hand may skip a weekend.
NEGLECT = timedelta(days=3)

_BY_ITSELF = "the daemon asks again by itself, finarchive crawl does at once"
_MENDS = {
    FailureKind.TEMPORARY: _BY_ITSELF,
    FailureKind.BLOCKED: _BY_ITSELF,
    FailureKind.GONE: "the list may have moved: check its address in the configuration; " + _BY_ITSELF,
    FailureKind.REFUSED: "not asked, by a rule of ours: see [network] and the feed in the configuration",
    FailureKind.UNREADABLE: "an error page passes; a list in a new form, or a wrong address, does not; " + _BY_ITSELF,
}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class FeedState:
    """How a feed is doing."""

    state: str  # ok, stale, failing, blocked, new
    reason: str  # in words: why, and what is done or to be done about it
    since: datetime | None = None  # when that began; None: not known, or nothing did


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap, and how it can be closed."""

    gap: Gap
    command: str | None  # that closes it, as far as it can be; None: it cannot be closed
    why_not: str | None  # what keeps it from being closed, or from being closed whole


def decide(
    history: FeedHistory | None,
    backoff: HostBackoff | None,
    arrival_rate: ArrivalRate,
    base: timedelta,
    now: datetime,
    *,
    listed: bool,
) -> FeedState:
    """How a feed is doing.

    :param backoff: of the host of its list
    :param base: its configured interval, see :class:`~scheduler.policy.intervals.Pace`
    :param listed: whether it has ever listed an article
    """
    resting = backoff if backoff and backoff.until > now else None
    if history is None or history.last_poll is None:
        return FeedState("new", "never polled; the daemon does so when it runs, finarchive crawl does at once")
    if history.error or resting:
        return _trouble(history, resting)
    if now - history.last_poll >= NEGLECT:
        text = (
            f"not polled for {_age(now - history.last_poll)}: is the daemon running? finarchive crawl polls it once"
        )
        return FeedState("stale", text, history.last_poll)
    if not listed:
        return FeedState(
            "stale", "it answers, but has never listed an article: check its address in the configuration"
        )
    silence = find_silence(arrival_rate, history.newest, history.last_success or history.last_poll, base)
    if silence:
        return FeedState("stale", _dead(silence), history.newest)
    return FeedState("ok", "polled without a fault")


def close_gap(gap: Gap, oldest_available: datetime | None, *, reads: bool) -> OpenGap:
    """How a gap can be closed.

    :param oldest_available: where the feed's list ends, if that was seen
    :param reads: whether the feed is configured and on
    """
    if not reads:
        return OpenGap(gap, None, f"the feed {gap.feed} is off or no longer configured")
    if oldest_available is None or oldest_available <= gap.start:
        return OpenGap(gap, _backfill(gap.feed, gap.start, gap.end), None)
    reach = f"the list reaches back to {_local(oldest_available)} only: what is older cannot be had from it"
    return OpenGap(gap, _backfill(gap.feed, oldest_available, gap.end) if oldest_available < gap.end else None, reach)


def _trouble(history: FeedHistory, resting: HostBackoff | None) -> FeedState:
    """Its host rests, or its last poll broke off."""
    kind = resting.kind if resting else history.kind
    state = "blocked" if kind is FailureKind.BLOCKED else "failing"
    told = history.error
    if resting and (not told or resting.host in told):  # a poll that was not even sent: it only says so
        told = resting.reason
    if resting:
        mend = f"{resting.host} is left alone until {_local(resting.until)} and then asked again by itself"
    else:
        mend = _MENDS[kind or FailureKind.TEMPORARY]
    return FeedState(state, f"{told}; {mend}", history.failing_since)


def _dead(silence: Silence) -> str:
    told = f"it answers, but its newest article was {_age(silence.age)} old when it last did"
    if silence.missing is not None:
        told += f", and by its own rhythm some {silence.missing:,.0f} should have come since"
    return f"{told}: the list may have moved, check its address; it is polled on"


def _backfill(feed: str, start: datetime, end: datetime) -> str:
    # Whole minutes around the gap: easier to read and to type, and reading a minute more harms nothing.
    first, last = start.astimezone(CHINA).replace(second=0, microsecond=0), end.astimezone(CHINA)
    if last.second or last.microsecond:
        last = last.replace(second=0, microsecond=0) + _MINUTE
    ends = [moment.isoformat(timespec="minutes") for moment in (first, last)]
    return f"finarchive backfill {feed} --from {ends[0]} --to {ends[1]}"


def _age(age: timedelta) -> str:
    hours = age // timedelta(hours=1)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M} China time"
