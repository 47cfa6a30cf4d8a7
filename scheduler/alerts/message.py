"""What an alert says, and when it may say it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.index.alerts import AlertProgress
from archive.model.backoff import doubling
from archive.model.results import Change
from archive.query.parser import And, DateFilter, Query

# What was published longer ago is no news: the thousand articles of a first poll, those of a backfill, and what a
# service could not be told for so long.
FRESH = timedelta(days=1)
# Articles that a message names: as many as a phone shows without an end. Services take 2,000 to 4,000 characters.
MAX_NAMED = 10
MAX_TITLE, MAX_URL = 100, 200
# Before a message that failed is tried again, doubling: a service restarts in a minute; one that was out for hours is
# told within the hour.
_FIRST_WAIT, _MAX_WAIT = timedelta(minutes=1), timedelta(hours=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str


def fresh(query: Query, now: datetime) -> Query:
    """What is asked for, of what is still news."""
    parts = query.of if isinstance(query, And) else (query,)
    return And((*parts, DateFilter(since=now - FRESH)))


def may_send(told: AlertProgress, at_most: int, now: datetime) -> datetime:
    """When an address may next be sent a message.

    :param at_most: messages in an hour
    """
    times = [now]
    if told.sent:
        times.append(told.sent + _HOUR / at_most)
    if told.due:
        times.append(told.due)
    # A clock that was set back must not silence it: nothing of this lies further ahead than an hour.
    return max(time for time in times if time <= now + _MAX_WAIT)


def sent(told: AlertProgress, position: int, now: datetime) -> AlertProgress:
    """A message was taken that tells everything up to a position."""
    return AlertProgress(told.alert, told.address, position, now)


def failed(told: AlertProgress, reason: str, now: datetime) -> AlertProgress:
    """A message was not taken."""
    wait = doubling(told.attempts + 1, _FIRST_WAIT, _MAX_WAIT)
    return replace(told, attempts=told.attempts + 1, due=now + wait, failure=reason)


def message(alert: str, news: Sequence[Change], number: int) -> Message:
    """What to say of new articles.

    :param alert: its name
    :param news: those that are named, the last to come last
    :param number: how many there are
    """
    lines = []
    for each in news:
        when = f"{each.published.astimezone(CHINA):%H:%M}"
        lines.append(" ".join((when, _plain(each.title), *map(_plain, each.symbols))))
        if each.url and len(each.url) <= MAX_URL:
            lines.append(each.url)
        lines.append("")
    if number > len(news):
        lines.append(f"and {number - len(news):,} more: finarchive alerts, finarchive search")
    told = _plain(news[0].title) if number == 1 else f"{number:,} articles"
    return Message(f"{alert}: {told}", "\n".join(lines).strip("\n"))


def _plain(text: str) -> str:
    """Other people's text on one line, in which no service finds somebody to call (@everyone)."""
    line = "".join(char if char.isprintable() else " " for char in text).replace("@", "＠")
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}…"
