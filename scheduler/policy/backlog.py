"""When the articles that wait will be archived: an estimate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

# How far back the rate is measured: long enough for a slow host, short enough to follow a change of its speed.
MEASURED_TIME = timedelta(minutes=10)
MIN_MEASURED = 10  # articles; fewer say nothing of a rate


class Backlog(Struct, frozen=True):
    """The articles that are due, and how long they take."""

    waiting: int
    per_minute: float  # articles
    until: datetime  # when the last of them is archived; if no crawl runs, when a crawl from now on would archive it
    is_measured: (
        bool  # the rate is that of the last minutes; otherwise no crawl runs, and it is what the delay allows
    )


def estimate(
    waiting: Mapping[str, int], archived: int, began: datetime | None, delay: timedelta, now: datetime
) -> Backlog | None:
    """Estimate when the articles that are due will be archived, without those that lists will name meanwhile.

    :param waiting: host -> number of articles that are due
    :param archived: number of articles archived since ``now`` - :data:`MEASURED_TIME`
    :param began: when the first of them was archived
    :param delay: between two requests to one host
    :return: None if nothing is due, or nothing is known of the rate
    """
    total = sum(waiting.values())
    if not total:
        return None
    if began and archived >= MIN_MEASURED and began < now:
        needed = (now - began) / archived * total
        return Backlog(total, round(archived / ((now - began) / timedelta(minutes=1)), 1), now + needed, True)
    needed = max(waiting.values()) * delay  # hosts are fetched from at the same time
    if not needed:
        return None
    return Backlog(total, round(total / (needed / timedelta(minutes=1)), 1), now + needed, False)
