"""What is wrong with an index is said in words, and nothing is half done."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import archive.index.connection
from archive.index.articles import ArticleIndex
from archive.index.images import ImageIndex
from archive.index.manifests import ManifestIndex
from archive.journal.journal import Event
from archive.model.errors import ArchiveError, DamagedIndexError, LockedError, NewerIndexError
from archive.model.feed import ArrivalRate, BackfillPage, Counts, Failure, FailureKind, HostBackoff, Span
from archive.model.fetch import JournalPosition
from archive.model.image import FailedImage, StoredImage
from archive.query.parser import And, parse
from archive.search.history import History
from archive.search.search import Search
from archive.search.stats import Stats
from archive.store import Store
from tests.archive.test_store import FILING, HOST, HOUR, NOW, commit, dump, entry, poll_of, revision
from tests.support.fetches import commit_failure, commit_revisions

STRETCH = BackfillPage("china", NOW, (entry("new"),), covered=Span(NOW - 2 * HOUR, NOW - HOUR))
MISS = Failure("https://p.cn/missed.png", FailureKind.GONE, "status 404")
DAYS = iter(range(1, 31))
WRITES: dict[str, Callable[[Store], object]] = {
    "commit_poll": lambda store: commit(store, poll_of(entry("new"))),
    "commit_stretch": lambda store: store.commit_backfill_page(STRETCH, FILING, {"new": ["china"]}, {"new": HOST}),
    "commit_rhythm": lambda store: store.commit_arrival_rate("china", ArrivalRate((1.0,), (2.0,), NOW)),
    "settle": lambda store: store.settle("china", "roll https://other.cn/", NOW),
    "commit_paths": lambda store: store.commit_paths({"a": "x/a.md"}),
    "apply": lambda store: store.apply([Event(JournalPosition("x", 1), "released", NOW, document={"parked": True})]),
    "seals.commit": lambda store: store.manifests.commit(f"2026-09-{next(DAYS):02d}", b"x", []),
    "versions.commit": lambda store: commit_revisions(store, [revision("a")]),
    "come_to_date": lambda store: store.clamp_future_times(NOW - timedelta(days=9), timedelta(0)),
    "release": lambda store: store.release(NOW, parked=True),
    "gallery.commit": lambda store: store.images.commit([], [FailedImage(MISS, NOW, None)], NOW),
    "search.add_missing": lambda store: store.search.add_missing(),
    "commit_rest": lambda store: store.commit_backoff(HostBackoff("b.cn", NOW, 1, stated=True, reason="x")),
    "end_rest": lambda store: store.end_backoff("a.cn"),
}
READS: dict[str, Callable[[Store], object]] = {
    "known": lambda store: store.known("china", ["a"]),
    "pending_hosts": lambda store: store.pending_hosts(NOW, NOW),
    "due": lambda store: store.due(HOST, 9, NOW, NOW, []),
    "rests": lambda store: store.backoffs(),
    "counts": lambda store: store.counts(),
    "feed_counts": lambda store: store.feed_counts(),
    "feed_histories": lambda store: store.feed_histories(),
    "failures": lambda store: store.failures("pending"),
    "next_due": lambda store: store.next_due(),
    "gaps": lambda store: store.gaps(),
    "spans": lambda store: store.spans(),
    "rhythms": lambda store: store.arrival_rates(),
    "damage": lambda store: store.damage(),
    "versions.find": lambda store: store.articles.find("a"),
    "versions.newest": lambda store: store.articles.newest(["a", "b"]),
    "seals.roots": lambda store: store.manifests.roots(),
    "seals.unsealed": lambda store: store.manifests.unsealed(NOW),
    "seals.sealed": lambda store: store.manifests.sealed("2026-09-29"),
    "seals.raw_files": lambda store: store.manifests.raw_files(),
    "overview.latest": lambda store: store.overview.latest(NOW),
    "overview.hours": lambda store: store.overview.hours(NOW - HOUR, NOW + HOUR, NOW),
    "overview.named": lambda store: store.overview.named(NOW - HOUR, NOW + HOUR, NOW, 5),
    "overview.of_symbol": lambda store: store.overview.of_symbol("sh600519", 9, 0, NOW),
    "overview.days_of_symbol": lambda store: store.overview.days_of_symbol("sh600519", NOW),
    "overview.facets": lambda store: store.overview.facets(parse("茅台"), NOW),
    "overview.looks": lambda store: store.overview.fetches("b", NOW),
    "search.numbers": lambda store: store.search.numbers(parse("茅台"), 9, NOW),
    "search.hits": lambda store: store.search.hits([1], NOW),
    "search.latest": lambda store: store.search.latest(parse("茅台"), 9, NOW),
    "gallery.media_type": lambda store: store.images.media_type("0" * 64),
    "past.as_of": lambda store: store.past.as_of("a", NOW),
    "past.same_story": lambda store: store.past.same_story("b", NOW),
    "versions.text": lambda store: store.articles.text("b", 1),
    "versions.all_files": lambda store: list(store.articles.all_files()),
    "versions.contradictions": lambda store: store.articles.contradictions(),
    "versions.places_by_file": lambda store: store.articles.places_by_file(),
    "versions.promised": lambda store: store.articles.promised(),
    "versions.places": lambda store: store.articles.places(["sha1:X"]),
    "versions.hosts": lambda store: store.articles.hosts(NOW, NOW),
    "versions.due": lambda store: store.articles.due(HOST, 9, NOW, NOW, []),
    "versions.looked_again": lambda store: store.articles.rechecks_since(NOW),
    "gallery.hosts": lambda store: store.images.hosts(NOW + HOUR, NOW + HOUR),
    "gallery.due": lambda store: store.images.due("p.cn", 9, NOW, NOW, in_flight=[]),
    "gallery.next_due": lambda store: store.images.next_due(NOW - HOUR),
    "gallery.path_of": lambda store: store.images.path_of("https://p.cn/kept.png"),
    "gallery.files": lambda store: list(store.images.files()),
    "gallery.unsealed": lambda store: list(store.images.unsealed(NOW + HOUR)),
    "gallery.counts": lambda store: store.images.counts(),
    "gallery.failures": lambda store: store.images.failures(),
    "journal_positions": lambda store: store.journal_positions(),
    "search.find": lambda store: store.search.find(parse("题b"), 9),
    "search.each": lambda store: list(store.search.each(And(()))),
    "past.feeds": lambda store: store.past.feeds("a", NOW),
    "past.gone": lambda store: store.past.gone("b", NOW),
    "versions.revisions": lambda store: store.articles.revisions("a"),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.index.connection, "PATIENCE", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with an entry of each status and a rest, and a version that search does not know."""
    path = tmp_path / "index.db"
    store = Store.open(path)
    store.settle("china", "roll https://a.cn/", NOW)
    commit(store, poll_of(entry("a"), entry("b"), entry("c")))
    commit_revisions(store, [revision("b")], {"https://p.cn/kept.png": "p.cn", MISS.subject: "p.cn"})
    store.images.commit([StoredImage("https://p.cn/kept.png", NOW, "0" * 64, "image/png", 9)], [], NOW)
    commit_failure(store, Failure("c", FailureKind.GONE, "x"), NOW, None)
    store.commit_backoff(HostBackoff("a.cn", NOW, 1, stated=False, reason="x"))
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


def test_every_public_method_is_tried_here() -> None:
    public = {name for name, value in vars(Store).items() if name[0] != "_" and callable(value)}
    public |= {f"versions.{name}" for name, value in vars(ArticleIndex).items() if name[0] != "_" and callable(value)}
    public |= {f"seals.{name}" for name, value in vars(ManifestIndex).items() if name[0] != "_" and callable(value)}
    public |= {f"gallery.{name}" for name, value in vars(ImageIndex).items() if name[0] != "_" and callable(value)}
    public |= {f"search.{name}" for name, value in vars(Search).items() if name[0] != "_" and callable(value)}
    public |= {f"past.{name}" for name, value in vars(History).items() if name[0] != "_" and callable(value)}
    public |= {f"overview.{name}" for name, value in vars(Stats).items() if name[0] != "_" and callable(value)}
    assert public == {*WRITES, *READS, "close", "keep_journal", "note_ledger", "in_one_go"}
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
    """Write over the whole index, and over the log that would mend it."""
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
        DamagedIndexError, match=r"index\.db is damaged \(file is not a database\): finarchive rebuild"
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
        assert store.counts() == Counts()
        assert (store.gaps(), store.articles.find("a"), store.damage()) == ([], None, None)
    finally:
        store.close()
    assert list(tmp_path.iterdir()) == []


def test_an_index_opened_for_reading_reads_and_cannot_be_written(path: Path) -> None:
    before = dump(path)
    store = Store.open_for_reading(path)
    try:
        assert store.counts() == Counts(entries=3, archived=1, pending=1, parked=1)
        for write in WRITES.values():
            with pytest.raises(ArchiveError, match=r"index\.db"):
                write(store)
    finally:
        store.close()
    assert dump(path) == before


def test_reading_sees_what_a_writer_commits(path: Path, store: Store) -> None:
    reader = Store.open_for_reading(path)
    try:
        store.commit_poll(poll_of(entry("new")), FILING, {"new": ["china"]}, {"new": HOST})
        assert reader.counts().entries == 4
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
        "print(Store.open_for_reading(Path(sys.argv[1])).counts().entries)\n"
    )
    done = subprocess.run([sys.executable, "-c", read, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")
