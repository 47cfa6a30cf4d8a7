"""The text of an alert message, and when it may be sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.index.alerts import AlertProgress
from archive.model.backoff import doubling
from archive.model.results import Change
from archive.query.parser import And, DateFilter, Query

# Older articles are not sent: these are the thousand articles of a first poll, those of a backfill, and those that
# could not be sent for this long.
MAX_AGE = timedelta(days=1)
# Articles listed in a message: as many as a phone shows without scrolling. Services take 2,000 to 4,000 characters.
MAX_ARTICLES = 10
MAX_TITLE_CHARS = 100
MAX_URL_CHARS = 200
# Delays before a failed message is retried; they double. A service restarts in a minute; after an outage of hours,
# its messages arrive within the hour.
_MIN_RETRY_DELAY = timedelta(minutes=1)
_MAX_RETRY_DELAY = timedelta(hours=1)
_HOUR = timedelta(hours=1)


class Message(Struct, frozen=True):
    """A message in plain text."""

    title: str
    body: str


def recent_only(query: Query, now: datetime) -> Query:
    """Return the query, limited to articles published within the last :data:`MAX_AGE`."""
    parts = query.of if isinstance(query, And) else (query,)
    return And((*parts, DateFilter(since=now - MAX_AGE)))


def next_send_time(progress: AlertProgress, at_most: int, now: datetime) -> datetime:
    """Return the earliest time at which a message may be sent to an address; ``now`` if it may be sent immediately.

    :param at_most: maximum number of messages in an hour
    """
    times = [now]
    if progress.sent:
        times.append(progress.sent + _HOUR / at_most)
    if progress.due:
        times.append(progress.due)
    # Times more than an hour ahead come from before the clock was set back: they must not silence the alert.
    return max(time for time in times if time <= now + _MAX_RETRY_DELAY)


def after_success(progress: AlertProgress, position: int, now: datetime) -> AlertProgress:
    """Return the progress after a message was sent that covers everything up to a position."""
    return AlertProgress(progress.alert, progress.address, position, now)


def after_failure(progress: AlertProgress, reason: str, now: datetime) -> AlertProgress:
    """Return the progress after a message failed, with the time of the next attempt."""
    delay = doubling(progress.attempts + 1, _MIN_RETRY_DELAY, _MAX_RETRY_DELAY)
    return replace(progress, attempts=progress.attempts + 1, due=now + delay, failure=reason)


def compose(alert: str, changes: Sequence[Change], total: int) -> Message:
    """Return the message about new articles.

    :param alert: the alert's name
    :param changes: the articles to list, oldest first
    :param total: the number of new articles, including those not listed
    """
    lines = []
    for change in changes:
        time = f"{change.published.astimezone(CHINA):%H:%M}"
        lines.append(" ".join((time, _plain(change.title), *map(_plain, change.symbols))))
        if change.url and len(change.url) <= MAX_URL_CHARS:
            lines.append(change.url)
        lines.append("")
    if total > len(changes):
        lines.append(f"and {total - len(changes):,} more: finarchive alerts, finarchive search")
    subject = _plain(changes[0].title) if total == 1 else f"{total:,} articles"
    return Message(f"{alert}: {subject}", "\n".join(lines).strip("\n"))


def _plain(text: str) -> str:
    """Text from a site on one line, without ``@``, so that no service notifies a user or a group (@everyone)."""
    line = "".join(char if char.isprintable() else " " for char in text).replace("@", "＠")
    return line if len(line) <= MAX_TITLE_CHARS else f"{line[: MAX_TITLE_CHARS - 1]}…"
