"""What the reports say of feeds that are, or were, heard through a broad list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archive.model.feed import ArrivalRate, FeedHistory
from scheduler.policy.listening import listening_plan

if TYPE_CHECKING:  # as in reports
    from archive.store import Store
    from config.model import Settings


def report_heard(
    settings: Settings,
    store: Store,
    histories: Mapping[str, FeedHistory],
    arrival_rates: Mapping[str, ArrivalRate],
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """What a report says of feeds that are, or were, heard through a broad list: by feed."""
    containments = store.containments.all()
    plan = listening_plan(settings, histories, arrival_rates, containments, now)
    verified = {(each.feed, each.broad): each.verified for each in containments}
    heard: dict[str, dict[str, Any]] = {
        feed: {"heard_through": broad, "heard_verified": verified[feed, broad]} for feed, broad in plan.heard.items()
    }
    for feed, (miss, at) in store.containments.last_misses().items():
        last = {
            "at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "through": miss.broad,
            "docid": miss.docid,
            "kind": str(miss.kind),
        }
        heard.setdefault(feed, {})["last_miss"] = last
    return heard
