"""A replica has the files, the index and the manifests of its archive, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.backup.storage import BackupStorage, open_storage
from archive.files.layout import journal_path, replica_path
from archive.files.lock import Lock
from archive.integrity.takedown import forget_articles
from archive.integrity.verify import verify
from archive.journal.warc import warc_files
from archive.mirror import journal_copy, replica
from archive.mirror.format import head_name
from archive.mirror.reader import MirrorReader
from archive.mirror.replica import read_replica
from archive.model.errors import LockedError, MirrorError, ReplicaError
from archive.model.feed import Filing, Poll
from archive.model.fetch import Fetch
from archive.model.formatting import Formatting
from archive.store import Store
from config.model import Settings
from pipeline.compact import compact
from pipeline.deep_verify import verify_deep
from pipeline.follow import Replica
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.pipeline.test_compact import BEFORE, HISTORY, NOW, fetch, page, record
from tests.support.killed_syncs import is_killed
from tests.support.parsers import PARSERS
from tests.support.replicas import MAX_BODY, differences, files, follow, mirror


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of two articles with versions, rechecks and a deletion, its mirror and a replica."""
    folder = tmp_path_factory.mktemp("follow")
    record(folder / "archive", HISTORY[:9])
    storage = open_storage(f"file://{folder}/mirror")
    mirror(folder / "archive", storage, NOW)
    follow(folder / "replica", storage, NOW)
    return folder


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    """The archive in a copy of all three."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "archive"


@pytest.fixture
def storage(root: Path, tmp_path: Path) -> BackupStorage:
    """Its mirror."""
    return open_storage(f"file://{tmp_path}/mirror")


@pytest.fixture
def copy(storage: BackupStorage, tmp_path: Path) -> Iterator[Replica]:
    """Its replica, which is up to date, and open."""
    with closing(Replica(tmp_path / "replica", storage, MAX_BODY, NOW)) as opened:
        opened.update(NOW)
        yield opened


SNAPSHOTS = 2  # of the state of all lists, which add() writes


def add(root: Path, fetches: Sequence[Fetch] = HISTORY[9:12]) -> None:
    """Fetch more, and seal the days before."""
    with Archive(root, "test", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        archive.append_fetches(fetches, {})
    with Archive(root, "test", NOW + timedelta(days=1)) as archive:
        recover(archive, Settings(), NOW + timedelta(days=1), PARSERS)


def test_a_first_copy_is_the_archive(root: Path, copy: Replica) -> None:
    assert differences(root, copy.root) == []
    assert verify(copy.root).problems == ()
    times = [
        {path.name: path.stat().st_mtime_ns for path in warc_files(journal_path(each))} for each in (root, copy.root)
    ]
    assert times[0] == times[1]


def test_what_is_new_is_replayed_alone(root: Path, copy: Replica, storage: BackupStorage) -> None:
    add(root)
    done = mirror(root, storage, NOW)
    result = copy.update(NOW)
    assert result
    assert (result.events, result.size) == (len(HISTORY[9:12]) + SNAPSHOTS, done.size)
    assert differences(root, copy.root) == []
    assert copy.update(NOW) is None


def test_a_process_that_starts_again_continues(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    add(root)
    mirror(root, storage, NOW)
    result = follow(tmp_path / "replica", storage, NOW)
    assert result
    assert result.events == len(HISTORY[9:12]) + SNAPSHOTS
    assert differences(root, tmp_path / "replica") == []


@pytest.mark.slow
def test_two_replicas_are_equal_however_often_they_were_updated(
    root: Path, copy: Replica, storage: BackupStorage, tmp_path: Path
) -> None:
    for each in HISTORY[9:12]:
        add(root, [each])
        mirror(root, storage, NOW)
        copy.update(NOW)
    follow(tmp_path / "late", storage, NOW)
    assert differences(copy.root, tmp_path / "late") == differences(root, copy.root) == []
    assert verify_deep(tmp_path / "late", MAX_BODY, NOW)[0].problems == ()


def test_a_file_that_was_copied_again_in_few_pieces_is_not_downloaded(
    root: Path, copy: Replica, storage: BackupStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "_SPARE_PIECES", 0)
    monkeypatch.setattr(journal_copy, "PIECE_BYTES", 1 << 40)
    for day in range(2):
        for each in HISTORY[9 + day : 10 + day]:
            add(root, [each])
            mirror(root, storage, NOW)
            copy.update(NOW)
    before = {name: file.generation for name, file in read_replica(copy.root).journal.items()}  # type: ignore[union-attr]
    add(root, [fetch("b", 24 * 80, page(text="另一篇。"))])
    mirror(root, storage, NOW)
    mirror(root, storage, NOW)
    result = copy.update(NOW)
    assert result
    after = read_replica(copy.root)
    assert after
    assert any(after.journal[name].generation > generation for name, generation in before.items())
    assert result.size < 20_000, "only the new fetch"
    assert differences(root, copy.root) == []


def test_compaction_leaves_the_replica_too(root: Path, copy: Replica, storage: BackupStorage) -> None:
    with Archive(root, "compact", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        assert compact(archive, BEFORE, NOW, PARSERS, MAX_BODY).pages == 4
    mirror(root, storage, NOW)
    copy.update(NOW)
    assert differences(root, copy.root) == []
    blocks = [sum(path.stat().st_blocks for path in warc_files(journal_path(each))) for each in (root, copy.root)]
    assert blocks[1] <= blocks[0] + 16, "zeros take no room there either"


FORGOTTEN = "鼎鑫秘密的正文"


def forget(root: Path, docid: str) -> None:
    with Archive(root, "forget", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        forget_articles(archive, archive.store.forgotten.plan([docid], "court order", NOW), NOW)


def traces(root: Path) -> list[str]:
    """Files that have the text of the forgotten article."""
    return [str(path) for path in root.rglob("*") if path.is_file() and FORGOTTEN[:2].encode() in path.read_bytes()]


def test_a_forgotten_article_leaves_the_mirror_and_the_replica(
    root: Path, copy: Replica, storage: BackupStorage, tmp_path: Path
) -> None:
    first = fetch("secret", 200, page(text=FORGOTTEN))
    later = fetch("secret", 201, page(text=f"{FORGOTTEN}，第二版。"))
    with Archive(root, "test", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        poll = Poll("china", first.at, 1, (first.pending.entry,), (), caught_up=True)
        archive.store.listings.commit_poll(poll, Filing(("a", "b"), "b"), {"secret": ["china"]}, {"secret": "a.cn"})
    add(root, [first, later])
    mirror(root, storage, NOW)
    copy.update(NOW)
    behind = Path(shutil.copytree(copy.root, tmp_path / "behind"))  # a replica that was away meanwhile
    old = [path for path in files(root) if "secret" in path]
    assert len(old) == 2
    assert traces(copy.root)
    copy.close()

    forget(root, "secret")
    mirror(root, storage, NOW)
    fresh = tmp_path / "fresh"
    for each in (copy.root, behind, fresh):
        follow(each, storage, NOW)
        assert differences(root, each) == []
        assert traces(each) == []
        assert verify(each).problems == ()
    reader = MirrorReader(storage)
    state = reader.newest()
    assert state
    kept = {name: b"".join(reader.pieces(name, file)) for name, file in state.journal.items()}
    assert kept == {path.name: path.read_bytes() for path in warc_files(journal_path(root))}
    assert {name.split("/")[2] for name in storage.sizes("journal") if name.split("/")[1] in kept} == {
        f"{file.generation:06d}" for file in state.journal.values()
    }, "no piece of an older generation is left"


@pytest.mark.slow
def test_files_that_are_written_with_other_settings_are_there_too(
    root: Path, copy: Replica, storage: BackupStorage
) -> None:
    rebuild(root, MAX_BODY, NOW, formatting=Formatting("extended", "clean", {}))
    mirror(root, storage, NOW)
    copy.update(NOW)
    assert differences(root, copy.root) == []
    assert any(data.startswith(b"---\n") for name, data in files(copy.root).items() if name.endswith(".md"))


def test_the_state_of_lists_is_there_though_the_journal_does_not_have_it(
    root: Path, copy: Replica, storage: BackupStorage
) -> None:
    with Archive(root, "test", NOW) as archive:
        archive.store.feeds.register_source("china", "roll x", NOW)
        snapshot = archive.store.feeds.snapshot()
    mirror(root, storage, NOW, json.dumps(snapshot).encode())
    copy.update(NOW)
    with closing(Store.open_for_reading(copy.root / ".finarchive" / "index.db")) as store:
        assert store.feeds.snapshot() == snapshot


def test_a_state_of_lists_that_is_none_is_refused(root: Path, copy: Replica, storage: BackupStorage) -> None:
    mirror(root, storage, NOW, b'{"feeds": 1}')
    with pytest.raises(MirrorError, match="the state of all lists"):
        copy.update(NOW)
    mirror(root, storage, NOW, b"{}")
    copy.update(NOW)


def test_who_writes_to_a_replica_is_refused(copy: Replica) -> None:
    copy.close()
    with pytest.raises(ReplicaError, match=r"is a replica, which only finarchive follow .*/mirror changes"):
        Archive(copy.root, "crawl", NOW)
    replica_path(copy.root).unlink()
    with Archive(copy.root, "crawl", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)  # a replica without its mark is an archive


def test_a_folder_that_is_another_archive_is_not_touched(
    root: Path, copy: Replica, storage: BackupStorage, tmp_path: Path
) -> None:
    before = files(root)
    with pytest.raises(ReplicaError, match="has an archive that is no replica: name an empty folder"):
        follow(root, storage, NOW)
    assert files(root) == before
    other, place = tmp_path / "other", open_storage(f"memory://{uuid.uuid4()}/mirror")
    record(other, HISTORY[:1])
    mirror(other, place, NOW)
    copy.close()
    with pytest.raises(ReplicaError, match="is a replica of another archive"):
        follow(copy.root, place, NOW)
    assert differences(root, copy.root) == []


def test_there_is_one_follower_of_a_replica(copy: Replica, storage: BackupStorage) -> None:
    with pytest.raises(LockedError, match="finarchive follow"):
        Replica(copy.root, storage, MAX_BODY, NOW)


def test_a_place_without_a_mirror_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    storage = open_storage(f"memory://{uuid.uuid4()}/mirror")
    with pytest.raises(MirrorError, match=r"there is no mirror at memory://.*: set journal.mirror"):
        Replica(tmp_path / "replica", storage, MAX_BODY, NOW)
    assert not (tmp_path / "replica").exists()


def test_a_damaged_mirror_changes_nothing_and_is_named(root: Path, copy: Replica, storage: BackupStorage) -> None:
    before = files(copy.root)
    add(root)
    mirror(root, storage, NOW)
    newest = max(storage.sizes("journal"), key=lambda name: (name.split("/")[1], name))
    good = storage.read(newest) or b""
    for damage in (b"", good[:-1], b"x" + good[1:]):
        storage.write(newest, damage)
        with pytest.raises(MirrorError, match="is damaged"):
            copy.update(NOW)
    storage.write(newest, good)
    assert {name: data for name, data in files(copy.root).items() if ".warc.gz" not in name} == {
        name: data for name, data in before.items() if ".warc.gz" not in name
    }
    copy.update(NOW)
    assert differences(root, copy.root) == []


def test_a_damaged_record_of_a_replica_is_named(copy: Replica, storage: BackupStorage) -> None:
    copy.close()
    for text, words in (
        ("", "is damaged"),
        ('{"finarchive-replica": 2}', "a newer finarchive"),
        ("[]", "is damaged"),
    ):
        replica_path(copy.root).write_text(text)
        with pytest.raises(ReplicaError, match=words):
            follow(copy.root, storage, NOW)
        with pytest.raises(ReplicaError, match=words):
            Archive(copy.root, "crawl", NOW)


def test_a_mirror_of_a_newer_version_is_refused(root: Path, copy: Replica, storage: BackupStorage) -> None:
    data = storage.read(head_name(1)) or b""
    storage.write(head_name(2), data.replace(b'"finarchive-mirror": 1', b'"finarchive-mirror": 2'))
    with pytest.raises(MirrorError, match=r"a newer finarchive wrote the mirror .*: upgrade finarchive"):
        copy.update(NOW)
    assert differences(root, copy.root) == []


def test_the_lock_of_an_archive_that_is_no_replica_is_respected(root: Path, storage: BackupStorage) -> None:
    with Lock(root / ".finarchive" / "lock", "run", NOW), pytest.raises(LockedError):
        follow(root, storage, NOW)


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first copy, in an update, and in one that removes an article."""
    monkeypatch.setattr(journal_copy, "PIECE_BYTES", 8000)
    monkeypatch.setattr(replica, "_RECORD_BYTES", 16_000)
    storage, target, kills = open_storage(f"file://{tmp_path}/mirror2"), tmp_path / "replica2", 0
    for step in (None, HISTORY[9:12], "forget"):
        if step == "forget":
            forget(root, "b")
        elif step:
            add(root, HISTORY[9:12])
        mirror(root, storage, NOW)
        nth = 1
        while is_killed(lambda: follow(target, storage, NOW), nth):
            kills, nth = kills + 1, nth + 1
        follow(target, storage, NOW)
        assert differences(root, target) == []
    assert kills > 25
    assert verify(target).problems == ()
