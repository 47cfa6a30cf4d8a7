"""Pictures in the index: wanted once, tried in order, done again from the journal row for row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.files.layout import image_path
from archive.journal.documents import load_rules
from archive.journal.journal import Journal, events
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import ArchiveRules
from archive.model.image import FailedImage, ImageCounts, StoredImage
from archive.store import Store
from tests.archive.test_store import HOUR, NOW, commit, dump, entry, poll_of, revision
from tests.support.fetches import commit_revisions

A, B, C = (f"https://{host}/{name}.png" for host, name in (("p.cn", "a"), ("p.cn", "b"), ("q.cn", "c")))
HOSTS = {A: "p.cn", B: "p.cn", C: "q.cn"}
LATER = NOW + HOUR


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An index with an article that has three pictures."""
    opened = Store.open(tmp_path / "index.db")
    commit(opened, poll_of(entry("a"), entry("b")))
    commit_revisions(opened, [revision("a")], HOSTS)
    yield opened
    opened.close()


def due(store: Store, host: str = "p.cn", **more: list[str]) -> list[str]:
    found = store.images.due(host, 9, LATER, LATER, **({"in_flight": []} | more))
    return [picture.url for picture in found]


def stored_image(url: str, sha256: str = "ab" + "0" * 62) -> StoredImage:
    return StoredImage(url, NOW, sha256, "image/png", 7)


def missed(url: str, due_in: timedelta | None = HOUR) -> FailedImage:
    return FailedImage(
        Failure(url, FailureKind.TEMPORARY, "status 503"), NOW, None if due_in is None else NOW + due_in
    )


def test_a_known_picture_is_not_queued_again(store: Store) -> None:
    store.images.commit([stored_image(A)], [missed(B, None)], NOW)
    commit_revisions(store, [revision("b")], HOSTS)
    assert (due(store), due(store, "q.cn")) == ([], [C])
    assert store.images.counts() == ImageCounts(kept=1, files=1, size=7, waiting=1, parked=1)


def test_the_least_tried_come_first_then_the_newest(store: Store) -> None:
    new = "https://p.cn/new.png"
    commit_revisions(store, [revision("b", at=NOW + timedelta(minutes=1))], {new: "p.cn"})
    store.images.commit([], [missed(A, timedelta(0))], NOW)
    assert due(store) == [new, B, A]
    assert due(store, in_flight=[new, A]) == [B]
    assert due(store, only=[A, C]) == [A]
    assert store.images.hosts(LATER, LATER) == {"p.cn": 3, "q.cn": 1}
    assert store.images.hosts(LATER, NOW) == {"p.cn": 2, "q.cn": 1}, "A was tried at NOW"
    assert store.images.hosts(LATER, LATER, [A]) == {"p.cn": 1}


def test_what_is_not_due_yet_is_left_until_it_is_released(store: Store) -> None:
    store.images.commit([], [missed(A, 2 * HOUR), missed(B, None)], NOW)
    assert due(store) == []
    assert store.images.next_due(LATER) == NOW + 2 * HOUR
    assert store.images.failures() == [("status 503", 2)]
    assert store.queues.release(LATER, parked=False) == 1
    assert due(store) == [A]
    assert store.queues.release(LATER, parked=True) == 1
    assert due(store) == [B, A], "it starts over"


def test_a_clock_that_was_ahead_delays_no_picture(store: Store) -> None:
    store.images.commit([], [missed(A, timedelta(days=900))], NOW)
    store.queues.clamp_future_times(NOW, timedelta(days=1))
    assert store.images.next_due(NOW) == NOW + timedelta(days=1)


def test_a_stored_picture_is_returned_as_of_the_time_it_was_stored(store: Store) -> None:
    store.images.commit([stored_image(A)], [], NOW)
    path = ".finarchive/images/ab/ab" + "0" * 62 + ".png"
    assert store.images.path_of(A) == store.images.path_of(A, NOW) == path
    assert str(image_path(stored_image(A).sha256, "image/png")) == path
    assert store.images.path_of(A, NOW - HOUR) is store.images.path_of(B) is None
    assert list(store.images.files()) == [(path, stored_image(A).sha256)]


def test_a_file_with_several_urls_is_sealed_once(store: Store) -> None:
    from archive.files.manifest import Line

    store.images.commit([stored_image(A)], [], NOW)
    [(at, path, sha256)] = store.images.unsealed(LATER)
    assert (at, list(store.images.unsealed(NOW))) == (NOW, [])
    store.manifests.commit("2026-09-30", b"x", [Line(sha256, path)])
    store.images.commit([stored_image(B), stored_image(C, "cd" + "0" * 62)], [], NOW)
    assert [path for _, path, _ in store.images.unsealed(LATER)] == [str(image_path("cd" + "0" * 62, "image/png"))]
    assert store.manifests.raw_files() == set()


def test_the_journal_brings_every_row_back(tmp_path: Path) -> None:
    live, again = Store.open(tmp_path / "live.db"), Store.open(tmp_path / "again.db")
    journal = Journal(tmp_path / "warc")
    for store in (live, again):  # of fetches, which are replayed by the code that recorded them
        commit(store, poll_of(entry("a")))
        commit_revisions(store, [revision("a")], HOSTS)
    live.log.open(journal)
    live.images.commit([stored_image(A)], [missed(B, None), missed(C, timedelta(days=900))], NOW)
    live.queues.clamp_future_times(NOW, timedelta(days=1))
    live.queues.release(LATER, parked=True)
    live.images.commit([stored_image(C)], [missed(B)], LATER)
    again.apply(events(tmp_path / "warc"))
    journal.close()
    live.close()
    again.close()
    lived, made = (
        [line for line in dump(tmp_path / f"{name}.db") if "_sqlite_migrations" not in line]
        for name in ("live", "again")
    )
    assert lived == made
    assert sum('INTO "images"' in line for line in lived) == 3


def test_rules_older_than_image_archiving_fetch_no_images() -> None:
    old = {"profile": "sample", "clean": False, "recheck": [], "least_retry": "PT0S"}
    assert load_rules(old) == ArchiveRules(
        "sample", clean=False, recheck=(), min_retry_delay=timedelta(0), images=False
    )
