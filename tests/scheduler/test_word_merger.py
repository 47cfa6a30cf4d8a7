"""The daemon merges the segments of words, and searches find the same afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.query.parser import parse
from archive.store import Store
from config.model import Settings
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY, CrawlContext
from scheduler.daemon.word_merger import WordMerger
from tests.archive.test_store import NOW, revision
from tests.support.fetches import version
from tests.support.parsers import PARSERS

COMMITS = 40


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive whose articles were committed one by one, and the first of them twice."""
    with Archive(tmp_path, "run", NOW, raw=False) as opened:
        for number in range(COMMITS):
            opened.store.articles.commit([version(revision(f"a{number}"), f"共同的词，第{number}篇")], [None])
        opened.store.articles.commit([version(revision("a0", 2, NOW + timedelta(hours=1)), "共同的词改了")], [None])
        yield opened


def segments(store: Store) -> int:
    return int(store._db.execute("SELECT count(DISTINCT segid) FROM words_idx").fetchone()[0])


def found(store: Store, query: str) -> list[str]:
    return [hit.docid for hit in store.search.find(parse(query), 100)]


async def merge(archive: Archive) -> int:
    clock = Clock(lambda: NOW, 1e9)  # the pauses take no time
    context = CrawlContext(archive, Settings(feeds=()), clock, DAEMON_POLICY, PARSERS)
    return await WordMerger(context, clock).merge()


def test_few_segments_are_left_and_searches_find_the_same(archive: Archive) -> None:
    store, queries = archive.store, ("共同", "共同的词", "改了", "第7篇", "篇", "没有")
    before = [found(store, query) for query in queries]
    many = segments(store)

    steps = asyncio.run(merge(archive))

    assert steps > 0
    assert segments(store) < many / 2
    assert [found(store, query) for query in queries] == before
    assert len(before[0]) == COMMITS
    assert asyncio.run(merge(archive)) == 0, "nothing is left to merge"
    store._db.execute("INSERT INTO words (words) VALUES ('integrity-check')")


def test_it_stops_when_nothing_can_be_written(archive: Archive) -> None:
    async def suspended() -> int:
        clock = Clock(lambda: NOW, 1e9)
        context = CrawlContext(archive, Settings(feeds=()), clock, DAEMON_POLICY, PARSERS)
        context.free_space.is_low = True
        return await WordMerger(context, clock).merge()

    many = segments(archive.store)
    assert asyncio.run(suspended()) == 0
    assert segments(archive.store) == many
