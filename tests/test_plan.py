"""When to try again, and when to give up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from archive.records import Kind
from scheduler.plan import retry_delay


def delays(kind: Kind) -> list[timedelta]:
    """All waits until an entry is parked."""
    found = []
    while (delay := retry_delay(kind, len(found) + 1)) is not None:
        found.append(delay)
        assert len(found) < 100, "it is never parked"
    return found


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_failure_is_tried_again_at_once_then_ever_later_then_parked(kind: Kind) -> None:
    found = delays(kind)
    assert found[0] == timedelta(0)
    assert found == sorted(found)
    assert found[-1] == timedelta(days=1)
    assert retry_delay(kind, len(found) + 1) is None
    assert retry_delay(kind, len(found) + 50) is None


def test_what_mends_by_itself_is_tried_more_often_than_what_hardly_does() -> None:
    assert len(delays(Kind.TEMPORARY)) == len(delays(Kind.BLOCKED)) == 7
    assert len(delays(Kind.GONE)) == len(delays(Kind.REFUSED)) == len(delays(Kind.UNREADABLE)) == 3


def test_a_network_that_is_down_for_a_day_parks_nothing() -> None:
    assert sum(delays(Kind.TEMPORARY), timedelta(0)) > timedelta(days=1)
