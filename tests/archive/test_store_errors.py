"""Errors of an index are clear messages, and nothing is half done."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pytest
from msgspec.structs import replace

import archive.index.connection
from archive.index.alerts import AlertProgress
from archive.journal.journal import Event
from archive.model.errors import ArchiveError, DamagedIndexError, LockedError, NewerIndexError
from archive.model.feed import ArrivalRate, BackfillPage, Counts, Failure, FailureKind, HostBackoff, Span
from archive.model.fetch import JournalPosition
from archive.model.identity import IdentityQuery
from archive.model.image import FailedImage, StoredImage
from archive.model.results import ArticleChange, ChangeKind
from archive.query.parser import And, parse
from archive.search.search import FoundVersion
from archive.search.search_part import ResolvedQuery
from archive.store import Store
from tests.archive.test_store import FILING, HOST, HOUR, NOW, commit, dump, entry, poll_of, revision
from tests.support.fetches import commit_failure, commit_revisions

STRETCH = BackfillPage("china", NOW, (entry("new"),), covered=Span(NOW - 2 * HOUR, NOW - HOUR))
MISS = Failure("https://p.cn/missed.png", FailureKind.GONE, "status 404")
CHANGE = ArticleChange("", "b", "题", None, "", NOW, ChangeKind.REVISED, 1, 2, None, 2, None, None, (), ())
DAYS = iter(range(1, 31))


def resolved(store: Store) -> ResolvedQuery:
    return store.search_part.resolve(parse("题b"), NOW)


WRITES: dict[str, Callable[[Store], object]] = {
    "listings.commit_poll": lambda store: commit(store, poll_of(entry("new"))),
    "listings.commit_peek": lambda store: store.listings.commit_peek(
        replace(poll_of(entry("new")), caught_up=False), {"new": ["china"]}, {"new": HOST}
    ),
    "listings.commit_poll_page": lambda store: store.listings.commit_poll_page(
        poll_of(entry("new")), {"new": ["china"]}, {"new": HOST}
    ),
    "listings.commit_backfill_page": lambda store: store.listings.commit_backfill_page(
        STRETCH, FILING, {"new": ["china"]}, {"new": HOST}
    ),
    "feeds.commit_arrival_rate": lambda store: store.feeds.commit_arrival_rate(
        "china", ArrivalRate((1.0,), (2.0,), NOW)
    ),
    "coverage.lose_gap": lambda store: store.coverage.lose_gap(store.coverage.gaps()[0], NOW, "the list ends"),
    "feeds.register_source": lambda store: store.feeds.register_source("china", "roll https://other.cn/", NOW),
    "feeds.adopt_snapshot": lambda store: store.feeds.adopt_snapshot({"sources": [["feed", "source"], ["x", "y"]]}),
    "entries.commit_paths": lambda store: store.entries.commit_paths({"a": "x/a.md"}),
    "apply": lambda store: store.apply([Event(JournalPosition("x", 1), "released", NOW, document={"parked": True})]),
    "words.merge": lambda store: store.words.merge(),
    "manifests.commit": lambda store: store.manifests.commit(f"2026-09-{next(DAYS):02d}", b"x", []),
    "articles.commit": lambda store: commit_revisions(store, [revision("a")]),
    "queues.clamp_future_times": lambda store: store.queues.clamp_future_times(NOW - timedelta(days=9), timedelta(0)),
    "queues.release": lambda store: store.queues.release(NOW, parked=True),
    "images.commit": lambda store: store.images.commit([], [FailedImage(MISS, NOW, None)], NOW),
    "search_part.add_missing": lambda store: store.search_part.add_missing(),
    "search.add_missing": lambda store: store.search.add_missing(),
    "backoffs.commit": lambda store: store.backoffs.commit(
        HostBackoff("b.cn", NOW, 1, from_retry_after=True, reason="x")
    ),
    "backoffs.end": lambda store: store.backoffs.end("a.cn"),
    "forgotten.commit": lambda store: store.forgotten.commit(store.forgotten.plan(["a"], "law", NOW), NOW),
    "raw_pages.commit_compacted": lambda store: store.raw_pages.commit_compacted("f", NOW + next(DAYS) * HOUR),
    "forgotten.commit_done": lambda store: store.forgotten.commit_done(["gone"], NOW + next(DAYS) * HOUR),
    "alerts.sync": lambda store: store.alerts.sync({"maotai": ("茅台", 1), "other": ("题", next(DAYS))}),
    "alerts.record": lambda store: store.alerts.record([AlertProgress("maotai", 1, 0, attempts=next(DAYS))]),
}
READS: dict[str, Callable[[Store], object]] = {
    "listings.known_docids": lambda store: store.listings.known_docids("china", ["a"]),
    "listings.identities": lambda store: store.listings.identities("china", IdentityQuery(("g",), ("l",), ("d",))),
    "containments.all": lambda store: store.containments.all(),
    "containments.last_misses": lambda store: store.containments.last_misses(),
    "entries.pending_hosts": lambda store: store.entries.pending_hosts(NOW, NOW),
    "entries.due": lambda store: store.entries.due(HOST, 9, NOW, NOW, []),
    "entries.newest_due": lambda store: store.entries.newest_due("x.cn", 1, NOW, NOW, ()),
    "queues.archived_since": lambda store: store.queues.archived_since(NOW),
    "articles.formats": lambda store: store.articles.formats(),
    "articles.count_in_formats": lambda store: store.articles.count_in_formats(["x"]),
    "manifests.observed": lambda store: store.manifests.observed(["a"]),
    "entries.pending": lambda store: store.entries.pending(HOST, 9, []),
    "backoffs.all": lambda store: store.backoffs.all(),
    "entries.counts": lambda store: store.entries.counts(),
    "feeds.counts": lambda store: store.feeds.counts(),
    "feeds.histories": lambda store: store.feeds.histories(),
    "entries.failures": lambda store: store.entries.failures("pending"),
    "entries.next_due": lambda store: store.entries.next_due(),
    "coverage.gaps": lambda store: store.coverage.gaps(),
    "coverage.lost_gaps": lambda store: store.coverage.lost_gaps(),
    "coverage.spans": lambda store: store.coverage.spans(),
    "coverage.known": lambda store: store.coverage.known(),
    "coverage.settled": lambda store: store.coverage.settled(),
    "coverage.lateness": lambda store: store.coverage.lateness(),
    "unlisted.absences": lambda store: store.unlisted.absences("a"),
    "feeds.arrival_rates": lambda store: store.feeds.arrival_rates(),
    "damage": lambda store: store.damage(),
    "articles.find": lambda store: store.articles.find("a"),
    "articles.states": lambda store: store.articles.states(["a", "b"]),
    "manifests.newest": lambda store: store.manifests.newest(),
    "manifests.roots": lambda store: store.manifests.roots(),
    "manifests.unsealed": lambda store: store.manifests.unsealed(NOW),
    "manifests.sealed": lambda store: store.manifests.sealed("2026-09-29"),
    "manifests.raw_files": lambda store: store.manifests.raw_files(),
    "stats.begins": lambda store: store.stats.begins(NOW),
    "changes.find": lambda store: store.changes.find(And(()), 9),
    "changes.texts": lambda store: store.changes.texts(CHANGE),
    "stats.latest": lambda store: store.stats.latest(NOW),
    "stats.hours": lambda store: store.stats.hours(NOW - HOUR, NOW + HOUR, NOW),
    "stats.top_symbols": lambda store: store.stats.top_symbols(NOW - HOUR, NOW + HOUR, NOW, 5),
    "stats.of_symbol": lambda store: store.stats.of_symbol("sh600519", 9, 0, NOW),
    "stats.days_of_symbol": lambda store: store.stats.days_of_symbol("sh600519", NOW),
    "stats.facets": lambda store: store.stats.facets(parse("茅台"), NOW),
    "stats.fetches": lambda store: store.stats.fetches("b", NOW),
    "raw_pages.uncompacted_files": lambda store: store.raw_pages.uncompacted_files(),
    "raw_pages.confirming": lambda store: store.raw_pages.confirming("f", NOW, NOW),
    "forgotten.plan": lambda store: store.forgotten.plan(["a"], "law", NOW),
    "forgotten.of_feed": lambda store: store.forgotten.of_feed("china"),
    "forgotten.in_other_feeds": lambda store: store.forgotten.in_other_feeds("china"),
    "forgotten.unfinished": lambda store: store.forgotten.unfinished(),
    "forgotten.find": lambda store: store.forgotten.find("a"),
    "forgotten.all": lambda store: store.forgotten.all(),
    "forgotten.image_links": lambda store: store.forgotten.image_links(),
    "images.links": lambda store: list(store.images.links()),
    "forgotten.image_files": lambda store: store.forgotten.image_files(),
    "stats.gone": lambda store: store.stats.gone(),
    "search.newest": lambda store: store.search.newest(parse("茅台"), 9, NOW),
    "search.hits": lambda store: store.search.hits([FoundVersion(0, 1)], NOW),
    "search.in_order": lambda store: store.search.in_order([[1]]) and store.search_part.places([1]),
    "search_part.resolve": lambda store: store.search_part.resolve(parse("茅台"), NOW),
    "search_part.newest": lambda store: store.search_part.newest(resolved(store), 9),
    "search_part.newest_in_titles": lambda store: store.search_part.newest_in_titles(resolved(store), 9),
    "search_part.sample": lambda store: store.search_part.sample(NOW, 9),
    "search_part.named": lambda store: store.search_part.named("b", NOW),
    "search_part.places": lambda store: store.search_part.places([1]),
    "search_part.texts": lambda store: store.search_part.texts([1]),
    "search_part.count": lambda store: store.search_part.count(resolved(store), 9),
    "search_part.keys": lambda store: list(store.search_part.keys(resolved(store))),
    "search_part.key": lambda store: store.search_part.key(1),
    "search_part.known_times": lambda store: store.search_part.known_times(),
    "search_part.hits": lambda store: list(store.search_part.hits([], NOW)),
    "search_part.records": lambda store: list(store.search_part.records([store.search_part.key(1)], NOW, {})),
    "stats.values": lambda store: store.stats.values([1], NOW, 9),
    "stats.ids_of_symbol": lambda store: store.stats.ids_of_symbol("sh600519", 9, 0, NOW),
    "stocks.joined": lambda store: store.stocks.joined([store.stocks]).names(),
    "names.joined": lambda store: store.names.joined([store.names], store.stocks).feeds(),
    "history.known_since": lambda store: store.history.known_since("a"),
    "history.story": lambda store: store.history.story("a", NOW),
    "history.with_story": lambda store: store.history.with_story("x", NOW),
    "search.latest": lambda store: store.search.latest(parse("茅台"), 9, NOW),
    "images.media_type": lambda store: store.images.media_type("0" * 64),
    "history.as_of": lambda store: store.history.as_of("a", NOW),
    "history.neighbours": lambda store: store.history.neighbours("a", NOW, NOW),
    "history.same_story": lambda store: store.history.same_story("b", NOW),
    "articles.text": lambda store: store.articles.text("b", 1),
    "articles.all_files": lambda store: list(store.articles.all_files()),
    "articles.contradictions": lambda store: store.articles.contradictions(),
    "articles.journal_offsets": lambda store: list(store.articles.journal_offsets()),
    "articles.reserved_paths": lambda store: store.articles.reserved_paths(),
    "articles.seen": lambda store: store.articles.seen([("a", "sha1:X")]),
    "articles.positions": lambda store: store.articles.positions(["sha1:X"]),
    "articles.recheck_hosts": lambda store: store.articles.recheck_hosts(NOW, NOW),
    "articles.due_rechecks": lambda store: store.articles.due_rechecks(HOST, 9, NOW, NOW, []),
    "articles.rechecks_since": lambda store: store.articles.rechecks_since(NOW),
    "images.hosts": lambda store: store.images.hosts(NOW + HOUR, NOW + HOUR),
    "images.due": lambda store: store.images.due("p.cn", 9, NOW, NOW, in_flight=[]),
    "images.next_due": lambda store: store.images.next_due(NOW - HOUR),
    "images.path_of": lambda store: store.images.path_of("https://p.cn/kept.png"),
    "images.files": lambda store: list(store.images.files()),
    "images.unsealed": lambda store: list(store.images.unsealed(NOW + HOUR)),
    "images.counts": lambda store: store.images.counts(),
    "images.failures": lambda store: store.images.failures(),
    "log.positions": lambda store: store.log.positions(),
    "log.fetches_after": lambda store: store.log.fetches_after(None),
    "search.find": lambda store: store.search.find(parse("题b"), 9),
    "search.count": lambda store: store.search.count(parse("题b"), 9),
    "search.named": lambda store: store.search.named("b"),
    "stocks.current": lambda store: store.stocks.current(["sh600519"]),
    "stocks.of": lambda store: store.stocks.of("sh600519"),
    "stocks.called": lambda store: store.stocks.called("贵州茅台"),
    "stocks.names": lambda store: store.stocks.names(),
    "names.feeds": lambda store: store.names.feeds(),
    "names.resolve": lambda store: store.names.resolve(parse("feed:china")),
    "names.check": lambda store: store.names.check(parse("feed:china")),
    "search.each": lambda store: list(store.search.each(And(()))),
    "history.feeds": lambda store: store.history.feeds("a", NOW),
    "articles.revisions": lambda store: store.articles.revisions("a"),
    "alerts.all": lambda store: store.alerts.all(),
    "changefeed.last_position": lambda store: store.changefeed.last_position(),
    "changefeed.between": lambda store: store.changefeed.between(parse("题b"), 0, 9, 9),
    "changefeed.last": lambda store: store.changefeed.last(parse("题b"), 0, 9, 9),
    "changefeed.count": lambda store: store.changefeed.count(parse("题b"), 0, 9),
    "periods.cursor": lambda store: store.periods.cursor(),
    "periods.ensure_valid": lambda store: store.periods.ensure_valid(store.periods.cursor()),
    "periods.observed_until": lambda store: store.periods.observed_until(),
    "periods.months": lambda store: store.periods.months(And(()), store.periods.cursor()),
    "periods.of_month": lambda store: list(store.periods.of_month(And(()), "2026-09")),
    "periods.since": lambda store: list(store.periods.since(And(()), None, 1)),
    "periods.months_since": lambda store: store.periods.months_since(And(()), None),
    "periods.each": lambda store: list(store.periods.each(And(()))),
    "changefeed.keys": lambda store: list(store.changefeed.keys()),
}
# Their callers begin the transaction. The version is another number when another program writes.
IN_A_TRANSACTION = {
    *(f"entries.{name}" for name in ("add_entries", "add_listings", "insert_listings")),
    *(f"feeds.{name}" for name in ("replace_source", "record_poll", "record_peek", "record_backfill_page")),
    *(f"feeds.{name}" for name in ("snapshot", "restore")),
    *(f"log.{name}" for name in ("note", "log_entries", "mark", "mark_fetches", "copy_marks")),
    *(f"coverage.{name}" for name in ("record_poll", "record_backfill_page", "learn_lateness", "delete_feed")),
    *(f"containments.{name}" for name in ("record_poll", "end")),
    *(f"unlisted.{name}" for name in ("find", "record")),
    "changefeed.data_version",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.index.connection, "BUSY_TIMEOUT_SECONDS", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with an entry of each status, a back-off, a version that search does not know, and a tombstone."""
    path = tmp_path / "index.db"
    store = Store.open(path)
    store.feeds.register_source("china", "roll https://a.cn/", NOW)
    commit(store, poll_of(entry("a"), entry("b"), entry("c"), entry("gone")))
    store.forgotten.commit(store.forgotten.plan(["gone"], "law", NOW), NOW)
    commit(store, poll_of(entry("a"), feed="stock"))
    commit(store, poll_of(entry("b", 900), feed="stock", at=NOW + timedelta(days=1)))
    store.alerts.sync({"maotai": ("茅台", 1)})
    commit_revisions(store, [revision("b")], {"https://p.cn/kept.png": "p.cn", MISS.subject: "p.cn"})
    store.images.commit([StoredImage("https://p.cn/kept.png", NOW, "0" * 64, "image/png", 9)], [], NOW)
    commit_failure(store, Failure("c", FailureKind.GONE, "x"), NOW, None)
    store.backoffs.commit(HostBackoff("a.cn", NOW, 1, from_retry_after=False, reason="x"))
    store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            """INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at)
               SELECT 'taken over', 1, path, sha256, title, published, fetched_at FROM revisions"""
        )
    connection.close()
    return path


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store.open(path)
    yield opened
    opened.close()


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def test_every_public_method_is_tried_here(store: Store) -> None:
    public = {name for name, value in vars(Store).items() if name[0] != "_" and callable(value)}
    lazy = [name for name, value in vars(Store).items() if isinstance(value, cached_property)]
    for attribute, part in {**vars(store), **{name: getattr(store, name) for name in lazy}}.items():
        if attribute[0] != "_":
            methods = (name for name, value in vars(type(part)).items() if name[0] != "_" and callable(value))
            public |= {f"{attribute}.{name}" for name in methods}
    elsewhere = {
        f"log.{name}" for name in ("open", "record", "transaction", "catch_up", "applied", "hold", "held", "release")
    }
    elsewhere |= {"close", "of", "feeds.log_snapshot", "forgotten.purge", "bulk_write", "snapshot"}
    assert public == {*WRITES, *READS, *IN_A_TRANSACTION, *elsewhere}
    assert all(isinstance(vars(Store)[name], classmethod) for name in ("open", "open_for_reading"))


@pytest.mark.parametrize("write", WRITES)
def test_a_write_to_a_locked_index_says_so_and_changes_nothing(
    store: Store, other: sqlite3.Connection, path: Path, write: str
) -> None:
    before = dump(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LockedError, match=r"index\.db is locked by another program"):
        WRITES[write](store)
    other.execute("ROLLBACK")
    assert dump(path) == before
    WRITES[write](store)
    assert dump(path) != before, "once the lock is gone the same write goes through"


@pytest.mark.parametrize("read", READS)
def test_reading_goes_on_while_another_program_writes(store: Store, other: sqlite3.Connection, read: str) -> None:
    expected = READS[read](store)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM entries")
    assert READS[read](store) == expected


def spoil(path: Path) -> None:
    """Overwrite the whole index, and the write-ahead log that would repair it."""
    for file in path.parent.iterdir():
        if not file.name.endswith("-shm"):
            with file.open("r+b") as opened:
                opened.write(b"spoiled!" * (file.stat().st_size // 8))


@pytest.mark.parametrize("method", [name for name in (*READS, *WRITES) if name != "damage"])
def test_an_index_that_was_spoiled_while_open_is_damaged(path: Path, method: str) -> None:
    store = Store.open(path)
    try:
        spoil(path)
        with pytest.raises(ArchiveError, match=r"index\.db"):
            (READS | WRITES)[method](store)
    finally:
        store.close()


def test_damage_to_some_page_is_found(path: Path) -> None:
    connection = sqlite3.connect(path)
    [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'")
    connection.close()
    with path.open("r+b") as file:
        file.seek(4096 * (page - 1))  # one that is not read on opening
        file.write(b"spoiled!" * 512)
    store = Store.open_for_reading(path)
    try:
        assert store.damage()
    finally:
        store.close()


@pytest.mark.parametrize("open_index", [Store.open, Store.open_for_reading])
def test_a_file_that_is_no_database_is_damaged(tmp_path: Path, open_index: Callable[[Path], Store]) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(
        DamagedIndexError, match=r"index\.db is damaged \(file is not a database\): run finarchive rebuild"
    ):
        open_index(path)
    assert path.read_bytes() == b"this is no database at all, " * 100


@pytest.mark.parametrize("open_index", [Store.open, Store.open_for_reading])
def test_an_index_of_a_newer_program_is_refused(path: Path, open_index: Callable[[Path], Store]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('finarchive', 'm999_later', '2030')"
        )
    connection.close()
    before = dump(path)
    with pytest.raises(NewerIndexError, match=r"newer finarchive \(it has m999_later\): upgrade finarchive"):
        open_index(path)
    assert dump(path) == before


def test_migrations_of_others_in_the_same_file_are_their_own(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('other', 'm999_later', '2030')"
        )
    connection.close()
    Store.open(path).close()


@pytest.mark.parametrize("open_index", [Store.open, Store.open_for_reading])
def test_a_folder_in_place_of_the_index_is_an_archive_error(
    tmp_path: Path, open_index: Callable[[Path], Store]
) -> None:
    (tmp_path / "index.db").mkdir()
    with pytest.raises(ArchiveError, match=r"index\.db"):
        open_index(tmp_path / "index.db")


def test_an_archive_that_is_not_there_reads_as_an_empty_one_and_is_not_made(tmp_path: Path) -> None:
    store = Store.open_for_reading(tmp_path / "none" / "index.db")
    try:
        assert store.entries.counts() == Counts()
        assert (store.coverage.gaps(), store.articles.find("a"), store.damage()) == ([], None, None)
    finally:
        store.close()
    assert list(tmp_path.iterdir()) == []


def test_an_index_opened_for_reading_reads_and_cannot_be_written(path: Path) -> None:
    before = dump(path)
    store = Store.open_for_reading(path)
    try:
        assert store.entries.counts() == Counts(entries=3, archived=1, pending=1, parked=1)
        for write in WRITES.values():
            with pytest.raises(ArchiveError, match=r"index\.db"):
                write(store)
    finally:
        store.close()
    assert dump(path) == before


def test_reading_sees_what_a_writer_commits(path: Path, store: Store) -> None:
    reader = Store.open_for_reading(path)
    try:
        store.listings.commit_poll(poll_of(entry("new")), FILING, {"new": ["china"]}, {"new": HOST})
        assert reader.entries.counts().entries == 4
    finally:
        reader.close()


def test_opening_a_locked_index_says_so(path: Path, other: sqlite3.Connection) -> None:
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM rests")
    other.execute("COMMIT")  # an exclusive connection keeps its lock
    for open_index in (Store.open, Store.open_for_reading):
        with pytest.raises(LockedError, match="locked by another program"):
            open_index(path)


def test_an_index_on_a_full_disk_can_be_read(path: Path) -> None:
    read = (
        "import resource, sys\nfrom pathlib import Path\nfrom archive.store import Store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "print(Store.open_for_reading(Path(sys.argv[1])).entries.counts().entries)\n"
    )
    done = subprocess.run([sys.executable, "-c", read, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")
