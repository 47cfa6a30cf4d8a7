"""How the archive and its feeds are doing: what ``status``, ``coverage`` and ``feeds`` show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from archive.index.alerts import AlertProgress
from archive.model.feed import Counts
from archive.query.parser import parse
from archive.store import Store
from config.model import Alert, Settings
from crawler import urls
from scheduler.alerts.message import fresh
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.coverage import FeedDay, coverage, recent_days
from scheduler.policy.feed_state import OpenGap, close_gap, decide
from scheduler.policy.intervals import pace


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How a feed is doing, and why."""

    id: str
    state: str  # ok, stale, failing, blocked, new
    reason: str  # in words
    since: datetime | None  # when the state began; None: not known, or nothing did
    last_poll: datetime | None
    last_success: datetime | None
    newest: datetime | None
    entries: int
    archived: int
    pending: int
    parked: int


@dataclass(frozen=True, slots=True)
class AlertReport:
    """How an address of an alert is doing."""

    alert: Alert
    address: int | None  # which of the alert's, from 1; None: none is known here
    service: str | None  # the scheme of the address: the rest is secret
    waiting: int  # articles that it is still to be told of
    told: AlertProgress | None  # None: neither the daemon nor a crawl has run since it was configured


def report_feeds(settings: Settings, store: Store, now: datetime, *, counted: bool = True) -> list[FeedReport]:
    """A report on every feed that is configured and on.

    :param counted: count the feeds' entries, at a cost that grows with the archive; without it the counts are 0
    """
    histories, arrival_rates = store.feeds.histories(), store.feeds.arrival_rates()
    counts = store.feeds.counts() if counted else {}
    backoffs = {backoff.host: backoff for backoff in store.backoffs.all()}
    reports = []
    for feed in settings.feeds:
        if not feed.enabled:
            continue
        history, count = histories.get(feed.id), counts.get(feed.id, Counts())
        backoff, arrival_rate = backoffs.get(urls.host(feed.endpoint)), arrival_rates.get(feed.id, EMPTY)
        base = pace(feed, settings.schedule).base
        standing = decide(history, backoff, arrival_rate, base, now, listed=bool(count.entries) or not counted)
        reports.append(
            FeedReport(
                id=feed.id,
                last_poll=history.last_poll if history else None,
                last_success=history.last_success if history else None,
                newest=history.newest if history else None,
                **asdict(standing),
                **asdict(count),
            )
        )
    return reports


def report_gaps(settings: Settings, store: Store) -> list[OpenGap]:
    """The gaps that are open, and how each can be closed."""
    histories = store.feeds.histories()
    on = {feed.id for feed in settings.feeds if feed.enabled}
    return [
        close_gap(gap, histories[gap.feed].oldest_available if gap.feed in histories else None, reads=gap.feed in on)
        for gap in store.feeds.gaps()
    ]


def report_coverage(store: Store, feeds: Sequence[str], days: Sequence[date], now: datetime) -> list[FeedDay]:
    """How much of each of these days is known complete; of the last days when none are named."""
    spans = store.feeds.spans()
    shown = {feed: spans.get(feed, []) for feed in feeds}
    return coverage(shown, store.feeds.gaps(), feeds, days or recent_days(shown.values(), now), now)


def report_alerts(alerts: Sequence[Alert], store: Store, now: datetime) -> list[AlertReport]:
    """How each address of the configured alerts is doing."""
    told = {(each.alert, each.address): each for each in store.alerts.all()}
    upto, found = store.changefeed.last_position(), []
    for alert in alerts:
        query = fresh(parse(alert.query), now)
        for address, url in enumerate(alert.urls, start=1):
            each = told.get((alert.name, address))
            waiting = store.changefeed.count(query, each.position, upto) if each else 0
            service = url.get_secret_value().partition("://")[0].lower()
            found.append(AlertReport(alert, address, service, waiting, each))
        if not alert.urls:
            found.append(AlertReport(alert, None, None, 0, None))
    return found


def status_json(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    """The document that ``status --json`` prints."""
    counts = store.entries.counts()
    return {
        "articles": counts.archived,
        "pending": counts.pending,
        "parked": counts.parked,
        "feeds": [plain(asdict(report)) for report in report_feeds(settings, store, now)],
        "gaps": [{"feed": g.feed, "from": iso(g.start), "to": iso(g.end)} for g in store.feeds.gaps()],
    } | ({"pictures": asdict(store.images.counts())} if settings.archive.images else {})


def coverage_json(days: Sequence[FeedDay]) -> list[dict[str, Any]]:
    """The document that ``coverage --json`` prints."""
    return [
        {
            "feed": found.feed,
            "day": found.day.isoformat(),
            "complete": found.cover.share,
            "open": [{"from": iso(hole.start), "to": iso(hole.end)} for hole in found.cover.open],
        }
        for found in days
    ]


def plain(record: dict[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """A record with its times as text, for JSON."""
    return {key: iso(value, exact=exact) if isinstance(value, datetime) else value for key, value in record.items()}


def iso(time: datetime, *, exact: bool = False) -> str:
    """A time in JSON: ISO 8601, UTC.

    :param exact: to the millisecond, as the index has it: what was observed then is known as of it
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds" if exact and time.microsecond else "seconds")
