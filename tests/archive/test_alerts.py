"""Progress of alerts in the index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.index.alerts import AlertProgress
from archive.integrity.carry_over import carry_over_alerts, carry_over_rows
from archive.model.errors import LockedError
from archive.query.parser import parse
from archive.store import Store
from tests.support.search_data import NOW, Story, put


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    index_path(tmp_path).parent.mkdir()
    opened = Store.open(index_path(tmp_path))
    yield opened
    opened.close()


def named(*docids: str) -> list[Story]:
    return [Story(docid, f"题{docid}", "贵州茅台提价") for docid in docids]


def positions(store: Store) -> dict[tuple[str, int], int]:
    return {(each.alert, each.address): each.position for each in store.alerts.all()}


def test_an_alert_begins_with_what_comes_after_it_was_configured(store: Store) -> None:
    put(store, named("a", "b"))
    store.alerts.sync({"x": ("茅台", 2)})
    put(store, named("c"))
    store.alerts.sync({"x": ("茅台", 2)})  # a restart

    assert positions(store) == {("x", 1): 2, ("x", 2): 2}
    assert [
        each.docid for each in store.changefeed.between(parse("茅台"), 2, store.changefeed.last_position(), 9)
    ] == ["c"]


def test_a_changed_query_or_address_starts_over_and_removed_alerts_are_forgotten(store: Store) -> None:
    store.alerts.sync({"x": ("茅台", 1), "y": ("降准", 1)})
    put(store, named("a"))
    store.alerts.sync({"x": ("五粮液", 2), "z": ("降准", 1)})
    assert positions(store) == {("x", 1): 1, ("x", 2): 1, ("z", 1): 1}
    store.alerts.sync({})
    assert store.alerts.all() == []


def test_who_does_not_know_the_addresses_changes_nothing(store: Store) -> None:
    store.alerts.sync({"x": ("茅台", 2)})
    put(store, named("a"))
    store.alerts.sync({"x": ("茅台", 0)})
    store.alerts.sync({"x": ("茅台", 2)})
    assert positions(store) == {("x", 1): 0, ("x", 2): 0}


def test_the_position_of_an_alert_is_stored(store: Store) -> None:
    store.alerts.sync({"x": ("茅台", 2)})
    progress = AlertProgress("x", 2, 7, NOW, 3, NOW + timedelta(minutes=4), "no")
    store.alerts.record([progress])
    assert store.alerts.all() == [AlertProgress("x", 1, 0), progress]
    store.alerts.record([AlertProgress("forgotten", 1, 7)])
    assert len(store.alerts.all()) == 2


def test_an_older_copy_of_the_index_silences_nothing(store: Store) -> None:
    put(store, named("a"))
    store.alerts.sync({"x": ("茅台", 1)})
    store.alerts.record([AlertProgress("x", 1, 4000)])
    store.alerts.sync({"x": ("茅台", 1)})
    assert positions(store) == {("x", 1): 1}


def test_a_locked_index_is_reported_and_nothing_is_half_done(store: Store, tmp_path: Path) -> None:
    other = Store.open(index_path(tmp_path))
    other._db.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 0")
    for write in (
        lambda: store.alerts.sync({"x": ("茅台", 1)}),
        lambda: store.alerts.record([AlertProgress("x", 1, 2)]),
    ):
        with pytest.raises(LockedError):
            write()
    other.close()
    assert store.alerts.all() == []


def rebuilt(root: Path, *batches: list[Story]) -> Store:
    aside = root / "aside.db"
    made = Store.open(aside)
    for batch in batches:
        put(made, batch)
    carry_over_rows(index_path(root), aside)
    made.search.add_missing()
    carry_over_alerts(index_path(root), aside)
    return made


def untold(store: Store) -> list[str]:
    [progress] = store.alerts.all()
    return [
        each.docid
        for each in store.changefeed.between(parse("茅台"), progress.position, store.changefeed.last_position(), 99)
    ]


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_rebuild_neither_repeats_nor_loses_what_was_to_be_sent(store: Store, tmp_path: Path, left: int) -> None:
    put(store, named("a", "b", "c"))
    store.alerts.sync({"x": ("茅台", 1)})
    store.alerts.record([AlertProgress("x", 1, 3 - left, NOW)])

    made = rebuilt(tmp_path, named("found", "a"), named("b", "c"))

    assert untold(made) == ["a", "b", "c"][3 - left :]
    assert made.alerts.all()[0].sent == NOW
    made.close()


def test_what_was_archived_without_a_journal_is_not_sent_again_after_a_rebuild_when_all_was_sent(
    store: Store, tmp_path: Path
) -> None:
    put(store, named("without", "a"))
    store.alerts.sync({"x": ("茅台", 1)})
    made = rebuilt(tmp_path, named("a"))
    assert untold(made) == []
    assert made.changefeed.last_position() == 2
    made.close()
