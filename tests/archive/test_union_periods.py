"""The table of all versions over several archives is that of one archive, whole and since a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.export.cursor import parse_cursor
from archive.files.layout import index_path
from archive.model.errors import CursorError
from archive.model.results import ArticlePeriod
from archive.query.parser import And, parse
from archive.store import Store
from archive.union.store import UnionStore
from tests.archive.test_union import archive, open_all
from tests.support import article_history
from tests.support.article_history import DOCIDS, FEEDS, Event, Replay
from tests.support.examples import examples
from tests.support.search_data import NOW, Story, put

QUERIES = (None, "feed:stock", "NOT feed:china", "茅台 OR feed:stock", "is:gone", "symbol:sh600519")
Table = dict[tuple[str, datetime], ArticlePeriod]


def of_docids(happened: Iterable[Event], docids: set[str]) -> list[Event]:
    """What happens to some of the articles, at the same times."""
    return [
        (minutes, ("poll", what[1], [each for each in what[2] if each in docids]) if what[0] == "poll" else what)
        for minutes, what in happened
    ]


def of_feed(happened: Iterable[Event], feed: str) -> list[Event]:
    """What an archive sees that reads one feed, at the same times; it fetches what the feed has listed."""
    return [
        (minutes, ("poll", feed, what[2] if what[1] == feed else []) if what[0] == "poll" else what)
        for minutes, what in happened
    ]


def shards(happened: list[Event], way: str) -> dict[str, list[Event]]:
    if way == "feed":
        return {feed: of_feed(happened, feed) for feed in FEEDS}
    return {docid: without_others(of_docids(happened, {docid}), docid) for docid in DOCIDS}


def without_others(happened: list[Event], docid: str) -> list[Event]:
    return [
        (minutes, what if what[0] == "poll" or what[1] == docid else ("poll", "china", []))
        for minutes, what in happened
    ]


def plain(row: ArticlePeriod) -> ArticlePeriod:
    """A row without what says from which archive it is, and when that archive's list named the article first."""
    return replace(row, path=row.path.rpartition("/")[2], sequence=0, first_seen=None)


def add(table: Table, rows: Iterable[ArticlePeriod]) -> None:
    """Add an export to earlier ones: of two rows with one key, that with the larger sequence counts."""
    for row in rows:
        before = table.get((row.docid, row.valid_from))
        assert before is None or before.sequence < row.sequence
        table[row.docid, row.valid_from] = row


def periods(rows: Iterable[ArticlePeriod]) -> list[Any]:
    return sorted(
        (plain(row) for row in rows if row.valid_to != row.valid_from), key=lambda row: (row.docid, row.valid_from)
    )


@pytest.mark.slow
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    happened=article_history.events,
    cuts=st.lists(st.integers(0, 16), max_size=3).map(sorted),
    way=st.sampled_from(("feed", "docid")),
    text=st.sampled_from(QUERIES),
)
# Another archive's list names an article after it was exported.
@example(
    happened=[(1, ("poll", "china", ["aaaa"])), (1, ("edit", "aaaa")), (1, ("poll", "stock", ["aaaa"]))],
    cuts=[2], way="feed", text=None,
)  # fmt: skip
def test_rows_and_what_follows_a_cursor_are_those_of_one_archive(
    tmp_path_factory: pytest.TempPathFactory, happened: list[Event], cuts: list[int], way: str, text: str | None
) -> None:
    folder = tmp_path_factory.mktemp("periods")
    query = parse(text) if text else And(())
    archives = {"one": happened, **shards(happened, way)}
    replays = {name: Replay() for name in archives}
    roots = {name: archive(folder / name) for name in archives}
    table: Table = {}
    cursor = None
    for begin, end in zip((0, *cuts), (*cuts, len(happened)), strict=True):
        for name, events in archives.items():
            store = Store.open(index_path(roots[name]))
            article_history.write(store, replays[name], events[begin:end])
            store.close()
        several = open_all({name: root for name, root in roots.items() if name != "one"})
        one = Store.open_for_reading(index_path(roots["one"]))
        expected = periods(one.periods.each(query))
        assert periods(several.periods.each(query)) == expected
        by_month = [row for month in several.periods.months(query) for row in several.periods.of_month(query, month)]
        assert periods(by_month) == expected
        add(table, several.periods.each(query, cursor))
        cursor = parse_cursor(str(several.periods.cursor()))
        assert list(several.periods.each(query, cursor)) == []
        assert periods(table.values()) == expected
        several.close()
        one.close()


@pytest.fixture
def several(tmp_path: Path) -> UnionStore:
    for name in ("east", "west, 2"):
        store = Store.open(index_path(archive(tmp_path / name)))
        put(store, [Story(f"of{name[0]}", "题", "文", feeds=(name[:4],))], NOW)
        store.close()
    return open_all({name: tmp_path / name for name in ("east", "west, 2")})


def test_a_cursor_is_of_the_archives_that_it_names(several: UnionStore, tmp_path: Path) -> None:
    cursor = several.periods.cursor()
    assert parse_cursor(str(cursor)) == cursor
    one = Store.open_for_reading(index_path(tmp_path / "east"))
    with pytest.raises(CursorError, match=r"of the archives east, west, 2, and not of one"):
        one.periods.each(And(()), cursor)
    with pytest.raises(CursorError, match=r"is of one archive, and not of east, west, 2: export everything"):
        several.periods.each(And(()), one.periods.cursor())
    archive(tmp_path / "added")
    more = open_all({name: tmp_path / name for name in ("added", "east", "west, 2")})
    with pytest.raises(CursorError, match=r"of the archives east, west, 2, and not of added, east, west, 2"):
        more.periods.months(And(()), cursor)
    for store in (one, several, more):
        store.close()


def test_a_cursor_is_not_valid_after_one_archive_has_removed_an_article(several: UnionStore, tmp_path: Path) -> None:
    cursor = several.periods.cursor()
    store = Store.open(index_path(tmp_path / "east"))
    store.forgotten.commit(store.forgotten.plan(["ofe"], "law", NOW), NOW)
    store.close()
    with pytest.raises(CursorError, match="1 articles were forgotten"):
        several.periods.ensure_valid(cursor)
    several.close()


PART = "1-1-1-1-0-abcdefabcdef"


@pytest.mark.parametrize("text", ["east:1-2", f"east:{PART},", "east", f"{PART},x:{PART}", f":{PART},x:{PART}"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError, match="is no cursor"):
        parse_cursor(text)
