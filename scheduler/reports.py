"""How the archive and its feeds are doing: what ``status`` and ``feeds`` show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from archive.records import Counts, FeedHistory, Kind, Rest
from archive.store import Store
from config.model import Feed, Settings
from crawler import urls

# A news list without an article for so long is not quiet but dead: Sina's lists that ended in 2024 still answer
# 200. The longest quiet stretch of a live one is the Spring Festival night.
STALE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How a feed is doing, and why."""

    id: str
    state: str  # ok, stale, failing, blocked, new
    reason: str  # in words
    last_poll: datetime | None
    last_success: datetime | None
    newest: datetime | None
    entries: int
    archived: int
    pending: int
    parked: int


def report_feeds(settings: Settings, store: Store, now: datetime) -> list[FeedReport]:
    """A report on every feed that is configured and on."""
    histories, counts = store.feed_histories(), store.feed_counts()
    rests = {rest.host: rest for rest in store.rests()}
    return [
        _report(feed, histories.get(feed.id), counts.get(feed.id, Counts()), rests.get(urls.host(feed.endpoint)), now)
        for feed in settings.feeds
        if feed.enabled
    ]


def _report(feed: Feed, history: FeedHistory | None, counts: Counts, rest: Rest | None, now: datetime) -> FeedReport:
    state, reason = _state(history, rest, now)
    return FeedReport(
        id=feed.id,
        state=state,
        reason=reason,
        last_poll=history.last_poll if history else None,
        last_success=history.last_success if history else None,
        newest=history.newest if history else None,
        **asdict(counts),
    )


def _state(history: FeedHistory | None, rest: Rest | None, now: datetime) -> tuple[str, str]:
    if history is None:
        return "new", "never polled"
    if history.error:
        if history.kind is Kind.BLOCKED or (rest and rest.until > now):
            until = f"; it is left alone until {rest.until:%Y-%m-%d %H:%M} UTC" if rest and rest.until > now else ""
            return "blocked", history.error + until
        return "failing", history.error
    if history.newest and now - history.newest > STALE:
        return "stale", f"it answers, but its newest article is {(now - history.newest).days} days old"
    return "ok", "polled without a fault"


def status_json(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    """The document that ``status --json`` prints."""
    counts = store.counts()
    return {
        "articles": counts.archived,
        "pending": counts.pending,
        "parked": counts.parked,
        "feeds": [plain(asdict(report)) for report in report_feeds(settings, store, now)],
        "gaps": [{"feed": g.feed, "from": iso(g.start), "to": iso(g.end)} for g in store.gaps()],
    }


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its times as text, for JSON."""
    return {key: iso(value) if isinstance(value, datetime) else value for key, value in record.items()}


def iso(time: datetime) -> str:
    """A time in JSON: ISO 8601, UTC."""
    return time.isoformat(timespec="seconds")
