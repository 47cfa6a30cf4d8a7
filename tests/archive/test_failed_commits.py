"""A change that is in the journal and whose commit failed is applied once, before anything later."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.journal.journal import Journal, events
from archive.model.errors import LockedError, SystemRefusedError
from archive.model.feed import BackfillPage, Failure, FailureKind, Span
from archive.model.image import FailedImage, StoredImage
from archive.store import Store
from tests.archive.test_store import FILING, HOST, HOUR, NOW, commit, entry, poll_of, revision
from tests.support.failing_index import failing_store
from tests.support.fetches import commit_failure, commit_revisions

Write = Callable[[Store], object]
PAGE = BackfillPage("china", NOW, (entry("x"),), covered=Span(NOW - 2 * HOUR, NOW - HOUR))
STORED = StoredImage("https://p.cn/1.png", NOW, "0" * 64, "image/png", 1)
MISSED = FailedImage(Failure("https://p.cn/2.png", FailureKind.TEMPORARY, "status 500"), NOW, NOW + HOUR)
# Every change that is written to the journal in the transaction that makes it, by the kind of its record.
CHANGES: dict[str, Write] = {
    "sighted, by a poll": lambda store: commit(store, poll_of(entry("x"), entry("a"), entry("b"))),
    "sighted, by a backfill": lambda store: store.listings.commit_backfill_page(
        PAGE, FILING, {"x": ["china"]}, {"x": HOST}
    ),
    "unlisted": lambda store: commit(store, poll_of(*LISTED[:1], *LISTED[2:])),
    "settled": lambda store: store.feeds.register_source("china", "roll https://other.cn/", NOW),
    "released": lambda store: store.queues.release(NOW, parked=True),
    "brought-to-date": lambda store: store.queues.clamp_future_times(NOW - timedelta(days=9), timedelta(0)),
    "images": lambda store: store.images.commit([STORED], [MISSED], NOW),
    "ledger": lambda store: store.feeds.log_snapshot(NOW),
}
LISTED = tuple(replace(entry(docid), published=NOW - hours * HOUR) for hours, docid in enumerate("abcde", 2))
OBSERVED = ("entries", "addresses", "listings", "unlisted", "changes", "images", "revisions", "journal")


def observed(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """The observed rows, and how far the journal is applied."""
    queries = {name: store._db.execute(f"SELECT * FROM {name} ORDER BY 1, 2") for name in OBSERVED}
    return {name: [tuple(row) for row in rows] for name, rows in queries.items()}


def fill(store: Store) -> None:
    """A list with articles, one of which is archived and has two images to fetch."""
    store.feeds.register_source("china", "roll https://a.cn/", NOW)
    commit(store, poll_of(*LISTED, at=NOW - HOUR))
    commit_revisions(store, [revision("a")], {STORED.url: "p.cn", MISSED.failure.subject: "p.cn"})
    commit_failure(store, Failure("c", FailureKind.TEMPORARY, "status 500"), NOW - HOUR, NOW + HOUR)


@pytest.mark.parametrize("later", ["sighted, by a poll", "images"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_whose_commit_failed_is_applied_before_the_next(tmp_path: Path, change: str, later: str) -> None:
    store, connection = failing_store(tmp_path / "live.db")
    with closing(store), closing(Journal(tmp_path / "warc")) as journal:
        fill(store)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(tmp_path / "live.db", tmp_path / "replayed.db")
        store.log.open(journal)
        before = observed(store)

        connection.failures = 1
        with pytest.raises(SystemRefusedError):
            CHANGES[change](store)
        assert observed(store) == before
        connection.failures = 1
        with pytest.raises(SystemRefusedError):  # now the commit of what is caught up fails
            CHANGES[later](store)
        CHANGES[later](store)

        with closing(Store.open(tmp_path / "replayed.db")) as replayed:
            replayed.apply(events(tmp_path / "warc"))
            assert observed(store) == observed(replayed)
    assert change.partition(",")[0] in {event.kind for event in events(tmp_path / "warc")}


def test_a_locked_index_is_noticed_before_anything_is_written_to_the_journal(tmp_path: Path) -> None:
    store, connection = failing_store(tmp_path / "live.db")
    connection.execute("PRAGMA busy_timeout = 0")
    with closing(store), closing(Journal(tmp_path / "warc")) as journal, closing(Store.open(store._path)) as other:
        store.log.open(journal)
        other._db.execute("BEGIN IMMEDIATE")
        for change in CHANGES.values():
            with pytest.raises(LockedError):
                change(store)
        other._db.execute("ROLLBACK")

    assert list(events(tmp_path / "warc")) == []
