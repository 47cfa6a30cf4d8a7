"""Reports on the archive and its feeds, for ``status``, ``coverage``, ``feeds`` and ``alerts``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from archive.files.disk_space import free_bytes
from archive.files.replica_mark import read_mark
from archive.index.lateness import bound, quantile
from archive.model.feed import Counts, Gap, Lateness, Span
from archive.model.secrets import without_credentials
from archive.records import as_dict
from crawler import urls
from scheduler.monitoring.formats import versions_written_otherwise
from scheduler.monitoring.heard import report_heard
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.backlog import MEASURED_TIME, Backlog, estimate
from scheduler.policy.coverage import FeedDay, KnownSpans, coverage, recent_days
from scheduler.policy.feed_state import OpenGap, close_gap, decide
from scheduler.policy.intervals import find_silence, pace

if TYPE_CHECKING:  # commands that only read articles need no settings, and import this module for its JSON
    from archive.index.alerts import AlertProgress
    from archive.store import Store
    from config.model import Alert, Settings


class FeedReport(Struct, frozen=True):
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
    last_sweep: datetime | None = None  # when the last complete sweep began
    # How late articles enter the list, in seconds: the times within which 50, 95 and 99 % do, and the bound that gaps
    # and settled spans allow for. None: nothing was measured yet.
    lateness: dict[str, int] | None = None
    heard_through: str | None = None  # id of the feed with the broad list through which it is heard; None: it is not
    heard_verified: datetime | None = None  # last poll of its own that proved that the broad list has its articles
    # How that ended last: "at", "through" (a feed's id), "docid" and "kind" (absent, late). None: never.
    last_miss: dict[str, str] | None = None


class AlertReport(Struct, frozen=True):
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
    lateness = store.coverage.lateness()
    heard = report_heard(settings, store, histories, arrival_rates, now)
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
                last_sweep=history.swept if history else None,
                lateness=_lateness_json(lateness.get(feed.id)),
                **heard.get(feed.id, {}),
                **as_dict(state),
                **as_dict(count),
            )
        )
    return reports


def _lateness_json(lateness: Lateness | None) -> dict[str, int] | None:
    """The lateness of a feed, in seconds; None if nothing was measured."""
    if lateness is None:
        return None
    quantiles = {f"p{share}": quantile(lateness, share / 100) for share in (50, 95, 99)}
    seconds = {name: round(time.total_seconds()) for name, time in quantiles.items() if time is not None}
    return seconds | {"bound": round(bound(lateness).total_seconds())}


def report_gaps(settings: Settings, store: Store) -> list[OpenGap]:
    """The open gaps, and how each can be closed; then the lost ones."""
    histories = store.feeds.histories()
    enabled = {feed.id for feed in settings.feeds if feed.enabled}
    return [
        close_gap(
            gap, histories[gap.feed].oldest_available if gap.feed in histories else None, enabled=gap.feed in enabled
        )
        for gap in [*store.coverage.gaps(), *store.coverage.lost_gaps()]
    ]


def report_coverage(
    settings: Settings, store: Store, feeds: Sequence[str], days: Sequence[date], now: datetime
) -> list[FeedDay]:
    """The coverage of each feed on each day.

    :param days: days in China time; empty for the last days on record
    """
    spans, settled = store.coverage.spans(), store.coverage.settled()
    gaps = [*store.coverage.gaps(), *store.coverage.lost_gaps()]
    dead = _dead_lists(settings, store)
    known = {
        feed: KnownSpans(
            spans.get(feed, ()), settled.get(feed, ()), [gap for gap in gaps if gap.feed == feed], dead.get(feed)
        )
        for feed in feeds
    }
    return coverage(known, days or recent_days([each.spans for each in known.values()], now), now)


def _dead_lists(settings: Settings, store: Store) -> dict[str, datetime]:
    """The lists that answer but count as dead: feed id -> the time of the newest article that it shows."""
    histories, arrival_rates = store.feeds.histories(), store.feeds.arrival_rates()
    dead = {}
    for feed in settings.feeds:
        history = histories.get(feed.id)
        if history is None or history.newest is None:
            continue
        last = history.last_success or history.last_poll or history.newest
        base = pace(feed, settings.schedule).base
        if silence := find_silence(arrival_rates.get(feed.id, EMPTY), history.newest, last, base):
            dead[feed.id] = last - silence.age
    return dead


def report_backlog(settings: Settings, store: Store, now: datetime) -> Backlog | None:
    """When the articles that are due will be archived; None if none are, or it is unknown."""
    archived, began = store.queues.archived_since(now - MEASURED_TIME)
    waiting = {host: number for host, number in store.entries.pending_hosts(now, now).items() if host}
    return estimate(waiting, archived, began, timedelta(seconds=settings.network.delay), now)


def _backlog_json(backlog: Backlog | None) -> dict[str, Any] | None:
    if backlog is None:
        return None
    names = {"waiting": backlog.waiting, "per_minute": backlog.per_minute, "measured": backlog.is_measured}
    return names | {"until": iso(backlog.until)}


def report_alerts(alerts: Sequence[Alert], store: Store, now: datetime) -> list[AlertReport]:
    """A report on each address of the configured alerts; one without an address for an alert that has none here."""
    from archive.query.parser import parse  # noqa: PLC0415 - the other reports need no queries
    from scheduler.alerts.message import recent_only  # noqa: PLC0415

    recorded = {(progress.alert, progress.address): progress for progress in store.alerts.all()}
    newest = store.changefeed.last_position()
    reports = []
    for alert in alerts:
        query = recent_only(parse(alert.query, now), now)
        for address, url in enumerate(alert.urls, start=1):
            progress = recorded.get((alert.name, address))
            waiting = store.changefeed.count(query, progress.position, newest) if progress else 0
            service = url.get_secret_value().partition("://")[0].lower()
            reports.append(AlertReport(alert, address, service, waiting, progress))
        if not alert.urls:
            reports.append(AlertReport(alert, None, None, 0, None))
    return reports


def report_disk(settings: Settings) -> dict[str, Any]:
    """The bytes that are free on the archive's disk, `archive.min_free`, and whether the first is less."""
    free, minimum = free_bytes(settings.archive.root.absolute()), settings.archive.min_free
    return {"free": free, "min_free": minimum, "low": free < minimum}


def report_mirror(settings: Settings, now: datetime) -> dict[str, Any] | None:
    """How the mirror is doing; None: there is none. `age`: for how many seconds the oldest bytes wait, at most."""
    if settings.journal.mirror is None or report_replica(settings):  # a replica copies nothing to it
        return None
    from archive.mirror.status import (  # noqa: PLC0415 - it imports the journal, which few reports need
        MirrorStatus,
        read_mirror_status,
        waiting_since,
    )

    root, place = settings.archive.root.absolute(), without_credentials(settings.journal.mirror.get_secret_value())
    status = read_mirror_status(root)
    if status is None or status.place != place:
        status = MirrorStatus(place, None)
    since = waiting_since(root, status)
    return {
        "place": status.place,
        "copied_until": status.copied_until,
        "age": round((now - since).total_seconds()) if since else 0,
        "error": status.error,
        "failing_since": status.failing_since,
    }


def mirror_json(settings: Settings, now: datetime) -> dict[str, Any]:
    """What ``status --json`` says of a mirror and of a replica; empty if there is neither."""
    mirror, replica = report_mirror(settings, now), report_replica(settings)
    return ({"mirror": plain(mirror)} if mirror else {}) | ({"replica": replica} if replica else {})


def report_replica(settings: Settings) -> dict[str, Any] | None:
    """The mirror of a replica, and from when its state is; None: the archive is no replica."""
    mark = read_mark(settings.archive.root.absolute())
    return {"place": str(mark.get("place")), "at": mark.get("at")} if mark else None


def status_json(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    """The document that ``status --json`` prints."""
    counts = store.entries.counts()
    return (
        {
            "articles": counts.archived,
            "pending": counts.pending,
            "parked": counts.parked,
            "feeds": [plain(as_dict(report)) for report in report_feeds(settings, store, now)],
            "gaps": [_gap_json(gap) for gap in [*store.coverage.gaps(), *store.coverage.lost_gaps()]],
            "backlog": _backlog_json(report_backlog(settings, store, now)),
            "written_otherwise": versions_written_otherwise(store, settings),
            "disk": report_disk(settings),
        }
        | mirror_json(settings, now)
        | ({"pictures": as_dict(store.images.counts())} if settings.archive.images else {})
    )


def _gap_json(gap: Gap) -> dict[str, Any]:
    ends: dict[str, Any] = {"feed": gap.feed, "from": iso(gap.start), "to": iso(gap.end)}
    if gap.lost is None:
        return ends | {"state": "open"}
    return ends | {"state": "lost", "since": iso(gap.lost), "evidence": gap.evidence}


def coverage_json(days: Sequence[FeedDay]) -> list[dict[str, Any]]:
    """The document that ``coverage --json`` prints."""
    return [
        {
            "feed": each.feed,
            "day": each.day.isoformat(),
            "settled": each.cover.settled_share,
            "provisional": round(each.cover.share - each.cover.settled_share, 4),
            "complete": each.cover.share,
            "open": _spans_json(each.cover.open),
            "provisional_stretches": _spans_json(each.cover.provisional),
            "lost": _spans_json(each.cover.lost),
        }
        for each in days
    ]


def _spans_json(spans: Sequence[Span]) -> list[dict[str, str]]:
    return [{"from": iso(span.start), "to": iso(span.end)} for span in spans]


def plain(record: dict[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """A record for JSON: its times become text, see :func:`iso`."""
    return {key: iso(value, exact=exact) if isinstance(value, datetime) else value for key, value in record.items()}


def iso(time: datetime, *, exact: bool = False) -> str:
    """A time for JSON: ISO 8601, UTC.

    :param exact: to the millisecond, as in the index, so that it can be used as ``--as-of``; else to the second
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds" if exact and time.microsecond else "seconds")
