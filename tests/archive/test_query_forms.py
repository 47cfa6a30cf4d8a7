"""Queries as people type them find exactly what a naive scan finds, now and as of any time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.query.parser import parse
from archive.store import Store
from tests.support.query_forms import DAYS, fill, random_query
from tests.support.search_data import NOW

END = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("articles", "queries"),
    [
        (100, 80),
        pytest.param(2_000, 200, marks=pytest.mark.slow),
        pytest.param(5_000, 500, marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_any_query_finds_what_a_scan_finds(tmp_path: Path, articles: int, queries: int) -> None:
    store = Store.open(tmp_path / "index.db")
    known = fill(store, articles)
    docid_of = {row["id"]: row["docid"] for row in store._db.execute("SELECT id, docid FROM searchable")}
    dice = random.Random(2)
    sizes = set()
    for _ in range(queries):
        text, predicate = random_query(dice, known)
        time = dice.choice((END, END, NOW - timedelta(minutes=dice.randrange(DAYS * 24 * 60))))
        query = parse(text, NOW)
        store.names.check(query)
        stories = [each.story for each in known if each.version(time) and predicate(each, time)]
        stories.sort(key=lambda story: (-story.published.timestamp(), story.docid))
        newest = [story.docid for story in stories]
        assert [docid_of[each.id] for each in store.search.newest(query, articles, time)] == newest, (text, time)
        assert store.search.count(query, articles + 1, time) == len(newest), text
        assert [hit.docid for hit in store.search.find(query, 3, time, by_time=True)] == newest[:3], text
        best = [hit.docid for hit in store.search.find(query, 3, time)]
        assert len(set(best)) == min(3, len(newest)), text
        assert set(best) <= set(newest), text
        sizes.add(len(newest))
    assert min(sizes) == 0
    assert max(sizes) > articles / 2
    assert len(sizes) > queries / 4, "some are narrow, and some wide"
    store.close()
