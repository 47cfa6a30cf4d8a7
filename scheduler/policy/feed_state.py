"""The state of a feed with its reason, and how to close a gap. Pure.

Reasons are texts for people: what is wrong, and what the program does or the user can do about it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate, FailureKind, FeedHistory, Gap, HostBackoff
from archive.model.secrets import mask_secrets
from scheduler.policy.intervals import Silence, find_silence

# Without a poll for this long the state is stale. Users who crawl by hand may skip a weekend.
MAX_POLL_AGE = timedelta(days=3)

OK_REASON = "polled without an error"  # of a feed with nothing to say about
_ANSWERING = frozenset({"ok", "stale"})  # states in which the list answers
_RETRIED = "the daemon polls it again, finarchive crawl does so at once"
_REMEDIES = {
    FailureKind.TEMPORARY: _RETRIED,
    FailureKind.BLOCKED: _RETRIED,
    FailureKind.GONE: "the list may have moved: check its address in the configuration; " + _RETRIED,
    FailureKind.ENDED: "remove it from the configuration, or correct its address; it is asked again once a day",
    FailureKind.REFUSED: "not requested, by a rule of this program: see [network] and the feed in the configuration",
    FailureKind.UNREADABLE: "an error page passes; a new list format or a wrong address does not; " + _RETRIED,
}
_MINUTE = timedelta(minutes=1)


class FeedState(Struct, frozen=True):
    """State of a feed."""

    state: str  # ok, stale, failing, blocked, new
    reason: str  # for people: the cause, and what is done or to do about it
    since: datetime | None = None  # when the state began; None: unknown, or nothing is wrong


class OpenGap(Struct, frozen=True):
    """A gap and how to close it; a lost gap cannot be closed."""

    gap: Gap
    command: str | None  # closes as much of it as possible; None: it cannot be closed
    why_not: str | None  # why it cannot be closed, or not completely


def decide(
    history: FeedHistory | None,
    backoff: HostBackoff | None,
    arrival_rate: ArrivalRate,
    base: timedelta,
    now: datetime,
    *,
    listed: bool,
) -> FeedState:
    """Return the state of a feed.

    :param backoff: of the host of its list
    :param base: its configured interval, see :class:`~scheduler.policy.intervals.Pace`
    :param listed: True if it ever listed an article
    """
    state = _decide(history, backoff, arrival_rate, base, now, listed=listed)
    if history is None or not history.moved_to or state.state not in _ANSWERING:
        return state
    target = mask_secrets(history.moved_to)
    move = f"its address has moved permanently to {target}: change its endpoint in the configuration"
    return replace(state, reason=f"{state.reason}; {move}")


def _decide(
    history: FeedHistory | None,
    backoff: HostBackoff | None,
    arrival_rate: ArrivalRate,
    base: timedelta,
    now: datetime,
    *,
    listed: bool,
) -> FeedState:
    active = backoff if backoff and backoff.until > now else None
    if history is None or history.last_poll is None:
        return FeedState("new", "never polled; the daemon does so when it runs, finarchive crawl does at once")
    if history.error or active:
        return _failing(history, active)
    if now - history.last_poll >= MAX_POLL_AGE:
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
        return FeedState("stale", _silence_reason(silence), history.newest)
    return FeedState("ok", OK_REASON)


def close_gap(gap: Gap, oldest_available: datetime | None, *, enabled: bool) -> OpenGap:
    """Return how to close a gap.

    :param oldest_available: time of the oldest article in the feed's list, if the end of the list was seen
    :param enabled: True if the feed is configured and enabled
    """
    if gap.lost is not None:
        return OpenGap(gap, None, gap.evidence)
    if not enabled:
        return OpenGap(gap, None, f"the feed {gap.feed} is off or no longer configured")
    if oldest_available is None or oldest_available <= gap.start:
        return OpenGap(gap, _backfill_command(gap.feed, gap.start, gap.end), None)
    reason = f"the list reaches back to {_local(oldest_available)} only: it no longer has older articles"
    return OpenGap(
        gap, _backfill_command(gap.feed, oldest_available, gap.end) if oldest_available < gap.end else None, reason
    )


def _failing(history: FeedHistory, backoff: HostBackoff | None) -> FeedState:
    """State of a feed whose host is backed off or whose last poll failed."""
    kind = backoff.kind if backoff else history.kind
    state = "blocked" if kind is FailureKind.BLOCKED else "failing"
    cause = history.error
    if backoff and (not cause or backoff.host in cause):  # the poll was not sent because of the back-off
        cause = backoff.reason
    if backoff:
        remedy = f"{backoff.host} is backed off until {_local(backoff.until)}, and then polled again"
    else:
        remedy = _REMEDIES[kind or FailureKind.TEMPORARY]
    return FeedState(state, f"{cause}; {remedy}", history.failing_since)


def _silence_reason(silence: Silence) -> str:
    cause = f"it answers, but its newest article was {_age(silence.age)} old when it last did"
    if silence.missing is not None:
        cause += f", and at its usual rate some {silence.missing:,.0f} should have arrived since"
    return f"{cause}: the list may have moved, check its address; polling continues"


def _backfill_command(feed: str, start: datetime, end: datetime) -> str:
    # Whole minutes around the gap: easier to read and to type, and reading one more minute does no harm.
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
