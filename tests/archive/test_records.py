"""Records as dicts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from archive.records import as_dict


class Inner(Struct, frozen=True):
    """A record in another."""

    name: str


class Outer(Struct, frozen=True):
    """A record with others, in everything that may contain them."""

    one: Inner
    several: tuple[Inner, ...]
    changing: list[Inner]
    named: dict[str, Inner]
    none: Inner | None = None


def test_records_in_a_record_become_dicts_and_containers_stay_what_they_are() -> None:
    made = as_dict(Outer(Inner("a"), (Inner("b"),), [Inner("c")], {"d": Inner("d")}))

    assert made == {
        "one": {"name": "a"},
        "several": ({"name": "b"},),
        "changing": [{"name": "c"}],
        "named": {"d": {"name": "d"}},
        "none": None,
    }


class Times(Struct, frozen=True):
    """A record of times."""

    at: datetime
    day: date
    span: timedelta


def test_times_in_a_record_stay_what_they_are() -> None:
    at = datetime(2026, 9, 28, 12, tzinfo=UTC)
    times = Times(at, at.date(), timedelta(hours=1))

    assert as_dict(times) == {"at": at, "day": at.date(), "span": timedelta(hours=1)}
