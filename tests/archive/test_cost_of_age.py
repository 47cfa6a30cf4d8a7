"""What reports and rechecks cost does not grow with the archive: SQLite's steps are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from archive.index.migrations.m020_old_archives import m020_old_archives
from archive.model.feed import Counts
from archive.model.times import to_text
from archive.store import Store
from tests.archive.test_store import HOST, NOW, commit, entry, poll_of

SMALL, LARGE = 500, 5000
DAY = timedelta(days=1)
FORMATS = ('["sample", "faithful", "china", "x", "a"]', '["hugo", "clean", "china", "x", "a"]')


def fill(store: Store, number: int) -> None:
    """Archived articles in two feeds, one a minute before the other; each is due for a recheck in a year."""
    with store._db.atomic():
        for n in range(number):
            at = to_text(NOW - timedelta(minutes=n))
            store._db.conn.execute(
                """INSERT INTO entries (docid, url, host, title, published, keywords, lids, first_seen, status,
                                        revision, recheck, due, tried)
                   VALUES (?, 'https://x.cn', ?, 't', ?, '[]', '[]', ?, 'archived', 1, ?, ?, ?)""",
                [f"a{n}", HOST, at, at, to_text(NOW + 365 * DAY - timedelta(minutes=n)), at, at],
            )
            store._db.conn.executemany(
                "INSERT INTO listings (feed, docid, ground) VALUES (?, ?, 1)", [("china", f"a{n}"), ("all", f"a{n}")]
            )
            store._db.conn.execute(
                """INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at, written_with)
                   VALUES (?, 1, ?, 'x', 't', ?, ?, ?)""",
                [f"a{n}", f"a{n}.md", at, at, FORMATS[n % 100 == 0]],
            )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """Two indexes, one with ten times as many articles as the other."""
    opened = []
    for number in (SMALL, LARGE):
        opened.append(Store.open(tmp_path_factory.mktemp("age") / "index.db"))
        fill(opened[-1], number)
    yield opened[0], opened[1]
    for store in opened:
        store.close()


def steps(store: Store, do: Callable[[Store], object]) -> int:
    """The steps of SQLite's machine for what is done, in tens."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    store._db.conn.set_progress_handler(count, 10)
    do(store)
    store._db.conn.set_progress_handler(None, 10)
    return counted


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(lambda store: store.feeds.counts(), id="entries by feed"),
        pytest.param(lambda store: store.entries.counts(), id="entries"),
        pytest.param(lambda store: store.articles.formats(), id="formats"),
        pytest.param(lambda store: store.articles.recheck_hosts(NOW, NOW), id="hosts of rechecks"),
        pytest.param(lambda store: store.articles.due_rechecks(HOST, 10, NOW, NOW, ()), id="rechecks"),
        pytest.param(lambda store: store.articles.rechecks_since(NOW - DAY), id="rechecks of an hour"),
    ],
)
def test_ten_times_as_many_articles_cost_the_same(stores: tuple[Store, Store], do: Callable[[Store], object]) -> None:
    small, large = (steps(store, do) for store in stores)
    assert large <= small + 5


def test_a_lease_of_rechecks_reads_what_is_due_and_builds_what_it_leases(stores: tuple[Store, Store]) -> None:
    _, store = stores
    later = NOW + 365 * DAY - timedelta(minutes=LARGE - 1000)  # the 1000 oldest are due
    assert store.articles.recheck_hosts(later, later) == {HOST: 1000}
    few, many = (
        steps(store, lambda each, limit=limit: each.articles.due_rechecks(HOST, limit, later, later, ()))
        for limit in (1, 1000)
    )
    assert few < many / 2
    leased = store.articles.due_rechecks(HOST, 3, later, later, ["a4000"])
    assert [each.entry.docid for each in leased] == ["a4001", "a4002", "a4003"]


def test_versions_with_other_settings_are_counted(stores: tuple[Store, Store]) -> None:
    small, _ = stores
    assert small.articles.formats() == sorted(FORMATS)
    assert small.articles.count_in_formats([FORMATS[1]]) == SMALL / 100
    assert small.articles.count_in_formats(FORMATS) == SMALL
    assert small.articles.count_in_formats([]) == 0


def test_counts_by_feed_follow_each_change_of_the_listings(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "index.db")) as store:
        commit(store, poll_of(entry("a"), entry("b")), "china", "all")
        commit(store, poll_of(entry("b"), entry("c")), "china")
        commit(store, poll_of(entry("b"), entry("c")), "china")  # known: nothing is added
        assert store.feeds.counts() == {"china": Counts(3, pending=3), "all": Counts(2, pending=2)}
        store._db.conn.execute("DELETE FROM listings WHERE feed = 'all'")
        assert store.feeds.counts() == {"china": Counts(3, pending=3)}


def test_an_older_index_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "index.db")) as store:
        commit(store, poll_of(entry("a"), entry("b")), "china", "all")
        store._db.conn.executescript(
            "DROP TABLE listing_counts; DROP TRIGGER listings_added; DROP TRIGGER listings_removed;"
        )
        m020_old_archives(store._db)
        assert store.feeds.counts() == {"china": Counts(2, pending=2), "all": Counts(2, pending=2)}
