"""Reports on the archive and its feeds, for ``status``, ``coverage``, ``feeds`` and ``alerts``."""

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
from scheduler.alerts.message import recent_only
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.coverage import FeedDay, coverage, recent_days
from scheduler.policy.feed_state import OpenGap, close_gap, decide
from scheduler.policy.intervals import pace


@dataclass(frozen=True, slots=True)
class FeedReport:
    """The state of a feed, and the reason."""

    id: str
    state: str  # ok, stale, failing, blocked, new
    reason: str  # in words
    since: datetime | None  # when the state began; None: unknown, or no such time
    last_poll: datetime | None
    last_success: datetime | None
    newest: datetime | None
    entries: int
    archived: int
    pending: int
    parked: int


@dataclass(frozen=True, slots=True)
class AlertReport:
    """The state of one address of an alert."""

    alert: Alert
    address: int | None  # its number in the alert, from 1; None: the alert has no address here
    service: str | None  # the scheme of the address; the remainder is secret
    waiting: int  # articles not sent yet
    progress: AlertProgress | None  # None: no daemon or crawl has run since the alert was configured


def report_feeds(settings: Settings, store: Store, now: datetime, *, counted: bool = True) -> list[FeedReport]:
    """A report on each configured feed that is on.

    :param counted: count the feeds' entries, at a cost that grows with the archive; without it the counts are 0
    """
    histories = store.feeds.histories()
    arrival_rates = store.feeds.arrival_rates()
    counts = store.feeds.counts() if counted else {}
    backoffs = {backoff.host: backoff for backoff in store.backoffs.all()}
    reports = []
    for feed in settings.feeds:
        if not feed.enabled:
            continue
        history, count = histories.get(feed.id), counts.get(feed.id, Counts())
        backoff, arrival_rate = backoffs.get(urls.host(feed.endpoint)), arrival_rates.get(feed.id, EMPTY)
        base = pace(feed, settings.schedule).base
        state = decide(history, backoff, arrival_rate, base, now, listed=bool(count.entries) or not counted)
        reports.append(
            FeedReport(
                id=feed.id,
                last_poll=history.last_poll if history else None,
                last_success=history.last_success if history else None,
                newest=history.newest if history else None,
                **asdict(state),
                **asdict(count),
            )
        )
    return reports


def report_gaps(settings: Settings, store: Store) -> list[OpenGap]:
    """The open gaps, and how each can be closed."""
    histories = store.feeds.histories()
    enabled = {feed.id for feed in settings.feeds if feed.enabled}
    return [
        close_gap(
            gap, histories[gap.feed].oldest_available if gap.feed in histories else None, enabled=gap.feed in enabled
        )
        for gap in store.feeds.gaps()
    ]


def report_coverage(store: Store, feeds: Sequence[str], days: Sequence[date], now: datetime) -> list[FeedDay]:
    """The coverage of each feed on each day.

    :param days: days in China time; empty for the last days on record
    """
    spans = store.feeds.spans()
    feed_spans = {feed: spans.get(feed, []) for feed in feeds}
    return coverage(feed_spans, store.feeds.gaps(), feeds, days or recent_days(feed_spans.values(), now), now)


def report_alerts(alerts: Sequence[Alert], store: Store, now: datetime) -> list[AlertReport]:
    """A report on each address of the configured alerts; one without an address for an alert that has none here."""
    recorded = {(progress.alert, progress.address): progress for progress in store.alerts.all()}
    newest = store.changefeed.last_position()
    reports = []
    for alert in alerts:
        query = recent_only(parse(alert.query), now)
        for address, url in enumerate(alert.urls, start=1):
            progress = recorded.get((alert.name, address))
            waiting = store.changefeed.count(query, progress.position, newest) if progress else 0
            service = url.get_secret_value().partition("://")[0].lower()
            reports.append(AlertReport(alert, address, service, waiting, progress))
        if not alert.urls:
            reports.append(AlertReport(alert, None, None, 0, None))
    return reports


def status_json(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    """The document that ``status --json`` prints."""
    counts = store.entries.counts()
    return {
        "articles": counts.archived,
        "pending": counts.pending,
        "parked": counts.parked,
        "feeds": [plain(asdict(report)) for report in report_feeds(settings, store, now)],
        "gaps": [{"feed": gap.feed, "from": iso(gap.start), "to": iso(gap.end)} for gap in store.feeds.gaps()],
    } | ({"pictures": asdict(store.images.counts())} if settings.archive.images else {})


def coverage_json(days: Sequence[FeedDay]) -> list[dict[str, Any]]:
    """The document that ``coverage --json`` prints."""
    return [
        {
            "feed": each.feed,
            "day": each.day.isoformat(),
            "complete": each.cover.share,
            "open": [{"from": iso(gap.start), "to": iso(gap.end)} for gap in each.cover.open],
        }
        for each in days
    ]


def plain(record: dict[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """A record for JSON: its times become text, see :func:`iso`."""
    return {key: iso(value, exact=exact) if isinstance(value, datetime) else value for key, value in record.items()}


def iso(time: datetime, *, exact: bool = False) -> str:
    """A time for JSON: ISO 8601, UTC.

    :param exact: to the millisecond, as in the index, so that it can be used as ``--as-of``; else to the second
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds" if exact and time.microsecond else "seconds")
