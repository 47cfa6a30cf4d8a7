"""Backups: what is restored is what was there; what is interrupted or damaged loses nothing and is said."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.backup.create import create_backup, snapshots
from archive.backup.restore import check_backup, restore_backup
from archive.backup.snapshot import (
    PART_BYTES,
    BackupFile,
    dump_snapshot,
    load_snapshot,
    object_path,
    snapshot_name,
    snapshot_path,
)
from archive.backup.storage import BackupStorage, FolderStorage, open_storage
from archive.files.lock import Lock
from archive.integrity.verify import verify
from archive.model.errors import BackupError, LockedError, MissingExtraError, SystemRefusedError, TransientError
from tests.archive.test_forget import append, old_fetch
from tests.support.sealed_archive import add_article, make_sealed_archive
from tests.support.sftp_server import SftpServer

NOW = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with three articles, manifests and a journal."""
    root = tmp_path / "archive"
    make_sealed_archive(root)
    append(root, NOW, [old_fetch(f"x{n}", os.urandom(3000), NOW) for n in range(3)])
    return root


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BackupStorage:
    """A place for a backup: a folder, and one that fsspec keeps."""
    return open_storage(str(tmp_path / "backup") if request.param == "folder" else f"memory://{uuid.uuid4()}/backup")


def files(root: Path) -> dict[str, bytes]:
    """What a backup has to have, except the index."""
    skipped = ("lock", "index.db", "index.db-wal", "index.db-shm")
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in skipped and "unfinished" not in path.parts
    }


def backup(root: Path, storage: BackupStorage, hours: int = 0) -> str:
    return create_backup(root, storage, NOW + timedelta(hours=hours)).snapshot


def test_what_is_restored_is_what_was_there(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    result = create_backup(root, storage, NOW)
    assert (result.snapshot, result.was_in_use) == ("20261130T010203Z", False)
    assert result.files == len(files(root)) + 1
    restored = tmp_path / "new" / "restored"
    done = restore_backup(storage, restored)
    assert (done.files, done.size, done.damaged) == (result.files, result.size, [])
    assert files(restored) == files(root)
    assert verify(restored).problems == verify(root).problems
    assert [path.name for path in restored.parent.iterdir()] == ["restored"]
    times = {path: (root / path).stat().st_mtime_ns for path in files(root)}
    assert {path: (restored / path).stat().st_mtime_ns for path in files(restored)} == times


def test_only_what_has_changed_is_written(root: Path, storage: BackupStorage) -> None:
    first = create_backup(root, storage, NOW)
    again = create_backup(root, storage, NOW + timedelta(hours=1))
    assert (again.files, again.new_objects) == (first.files, 0)
    with Archive(root, "test", NOW) as archive:
        add_article(archive, "dddd", NOW)
    more = create_backup(root, storage, NOW + timedelta(hours=2))
    assert more.files == first.files + 1
    assert 1 < more.new_objects < first.new_objects
    assert snapshots(storage) == [snapshot_name(NOW + timedelta(hours=hours)) for hours in range(3)]


def test_of_a_large_file_only_the_parts_that_differ_are_written(root: Path, storage: BackupStorage) -> None:
    large = root / ".finarchive" / "quarantine" / "large"
    large.parent.mkdir()
    large.write_bytes(os.urandom(3 * PART_BYTES + 10))
    backup(root, storage)
    with large.open("ab") as file:
        file.write(b"more")
    grown = create_backup(root, storage, NOW + timedelta(hours=1))
    assert grown.new_size < 100, "the last part, and nothing of the index"


def test_old_snapshots_go_with_what_only_they_have(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    article = next(root.rglob("*_aaaa.md"))
    backup(root, storage)
    article.write_bytes(b"another")
    backup(root, storage, hours=1)
    before = storage.sizes("objects")
    result = create_backup(root, storage, NOW + timedelta(hours=2), keep=2)
    assert (result.removed_snapshots, result.removed_objects) == (1, 1)
    assert len(storage.sizes("objects")) == len(before) - 1
    for name in snapshots(storage):
        restored = tmp_path / name
        assert restore_backup(storage, restored, name).damaged == []
        assert (restored / article.relative_to(root)).read_bytes() == b"another"
    with pytest.raises(BackupError, match="has no snapshot 20261130T010203Z; the newest are: 2026"):
        restore_backup(storage, tmp_path / "x", "20261130T010203Z")


def test_what_is_not_of_the_archive_is_left_out(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    inner = root / ".finarchive"
    for name in ("unfinished", "rebuild", "backup"):
        (inner / name).mkdir(exist_ok=True)
        (inner / name / "x").write_bytes(b"left")
    (root / "link").symlink_to("/etc/passwd")
    backup(root, storage)
    restore_backup(storage, tmp_path / "restored")
    names = {path.name for path in (tmp_path / "restored").rglob("*")}
    assert not {"x", "link", "lock", "unfinished", "rebuild", "backup"} & names
    assert not (inner / "backup").exists()


def test_a_damaged_backup_is_named_and_everything_else_is_restored(
    root: Path, storage: BackupStorage, tmp_path: Path
) -> None:
    name = backup(root, storage)
    assert check_backup(storage).damaged == []
    by_path = {file.path: file for file in load_snapshot(storage.read(snapshot_path(name)) or b"", name)}
    one, two = (path for path in by_path if path.endswith(("_aaaa.md", "_bbbb.md")))
    storage.write(object_path(by_path[one].parts[0]), b"bit rot")
    storage.remove(object_path(by_path[two].parts[0]))
    assert check_backup(storage).damaged == sorted([one, two])
    done = restore_backup(storage, tmp_path / "restored")
    assert done.damaged == sorted([one, two])
    assert files(tmp_path / "restored") == {
        path: data for path, data in files(root).items() if path not in (one, two)
    }


def test_the_next_backup_writes_what_is_missing_or_was_cut_off(root: Path, storage: BackupStorage) -> None:
    name = backup(root, storage)
    one, two = [
        object_path(file.parts[0])
        for file in load_snapshot(storage.read(snapshot_path(name)) or b"", name)
        if file.path.endswith(("_aaaa.md", "_bbbb.md"))
    ]
    storage.write(one, b"cut")
    storage.remove(two)
    assert create_backup(root, storage, NOW + timedelta(hours=1)).new_objects == 2
    assert check_backup(storage).damaged == []


HEAD = b'{"finarchive-backup": 1}\n'


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda data: data[: len(data) // 2], "is damaged"),
        (lambda data: b"rubbish", "is damaged"),
        (lambda data: b"", "is damaged"),
        (lambda data: gzip.compress(gzip.decompress(data).rpartition(b"\n")[0]), "is damaged"),
        (lambda data: gzip.compress(b'{"finarchive-backup": 2}\n{"files": 0}'), "a newer finarchive wrote"),
        (lambda data: gzip.compress(HEAD + b'["../x", 1, 1, []]\n{"files": 1}'), "no path inside"),
        (lambda data: gzip.compress(HEAD + b'["/x", 1, 1, []]\n{"files": 1}'), "no path inside"),
        (lambda data: gzip.compress(HEAD + b'["x", 1, 1, ["../y"]]\n{"files": 1}'), "is not valid"),
    ],
)
def test_a_snapshot_that_is_none_is_refused(
    root: Path, storage: BackupStorage, tmp_path: Path, make: Callable[[bytes], bytes], words: str
) -> None:
    name = backup(root, storage)
    storage.write(snapshot_path(name), make(storage.read(snapshot_path(name)) or b""))
    with pytest.raises(BackupError, match=words):
        check_backup(storage)
    with pytest.raises(BackupError, match=words):
        restore_backup(storage, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_damaged_snapshot_does_not_prevent_the_next_backup(root: Path, storage: BackupStorage) -> None:
    storage.write(snapshot_path(backup(root, storage)), b"rubbish")
    assert create_backup(root, storage, NOW + timedelta(hours=1)).new_objects == 0
    assert check_backup(storage).damaged == []
    with pytest.raises(BackupError, match="is damaged"):  # what it needs is not known
        create_backup(root, storage, NOW + timedelta(hours=2), keep=3)
    create_backup(root, storage, NOW + timedelta(hours=3), keep=2)
    assert check_backup(storage).damaged == []


def test_a_snapshot_is_read_as_it_was_written() -> None:
    rows = [BackupFile("金融/题\u2028 \udcff.md", 5, 10**18, ("ab" * 32, "cd" * 32)), BackupFile("empty", 0, 1, ())]
    assert load_snapshot(dump_snapshot(rows, "x"), "n") == rows


def test_a_folder_that_is_not_empty_is_not_touched(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    backup(root, storage)
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine").write_text("mine")
    with pytest.raises(BackupError, match="exists and is not empty"):
        restore_backup(storage, target)
    assert [path.name for path in target.iterdir()] == ["mine"]
    (target / "mine").unlink()
    assert restore_backup(storage, target).damaged == []


def test_a_place_without_a_backup_says_so(storage: BackupStorage, tmp_path: Path) -> None:
    assert snapshots(storage) == []
    with pytest.raises(BackupError, match="there is no backup at"):
        restore_backup(storage, tmp_path / "x")


def test_an_archive_in_use_without_a_journal_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / ".finarchive" / "warc")
    storage = FolderStorage(tmp_path / "backup")
    with Lock(root / ".finarchive" / "lock", "run", NOW), pytest.raises(LockedError):
        backup(root, storage)
    assert snapshots(storage) == []
    backup(root, storage)


def test_an_archive_in_use_with_a_journal_is_backed_up(root: Path, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "backup")
    with Lock(root / ".finarchive" / "lock", "run", NOW):
        assert create_backup(root, storage, NOW).was_in_use
    restore_backup(storage, tmp_path / "restored")
    assert files(tmp_path / "restored") == files(root)


def test_a_place_that_cannot_be_reached_or_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientError, match=str(tmp_path / "file")):
        backup(root, open_storage(str(tmp_path / "file" / "below")))
    for address in ("nothing://user:hunter2@host/x", "sftp://user:hunter2@127.0.0.1:1/x"):
        with pytest.raises(SystemRefusedError) as caught:
            open_storage(address)
        assert str(caught.value).startswith(address.replace("user:hunter2@", "") + ": ")
        assert "hunter2" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'finarchive\[backup\]'"):
        open_storage("s3://bucket/x")


def is_killed(action: Callable[[], object], nth: int) -> bool:
    """Run in a child process that kills itself before its nth sync or change of a time; return False if it ends."""
    pid = os.fork()
    if not pid:
        calls = itertools.count(1)

        def or_die(function: Callable[..., object]) -> Callable[..., object]:
            def called(*arguments: object, **options: object) -> object:
                if next(calls) == nth:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)

            return called

        os.fsync, os.utime = or_die(os.fsync), or_die(os.utime)  # type: ignore[assignment]
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
def test_what_a_kill_leaves_is_continued(root: Path, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "backup")
    kills = 0
    while is_killed(lambda: backup(root, FolderStorage(tmp_path / "backup")), 5):
        kills += 1
        assert snapshots(storage) == [] or check_backup(storage).damaged == [], "a snapshot is written last"
    assert kills > 3
    assert check_backup(storage).damaged == []
    kills = 0
    while is_killed(lambda: restore_backup(storage, tmp_path / "restored"), 5):
        kills += 1
        if (tmp_path / "restored").exists():
            break
    assert kills >= 2
    assert files(tmp_path / "restored") == files(root)
    assert not (tmp_path / "restored.restoring").exists()


def test_what_another_snapshot_has_left_half_restored_does_not_stay(root: Path, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "backup")
    backup(root, storage)
    left = tmp_path / "restored.restoring" / "金融"
    left.mkdir(parents=True)
    (left / "old_x.md").write_text("old")
    restore_backup(storage, tmp_path / "restored")
    assert files(tmp_path / "restored") == files(root)


def test_a_backup_is_of_files_that_other_programs_can_read(root: Path, tmp_path: Path) -> None:
    name = backup(root, FolderStorage(tmp_path / "backup"))
    head, *rows, end = gzip.decompress((tmp_path / "backup" / snapshot_path(name)).read_bytes()).splitlines()
    assert json.loads(head)["finarchive-backup"] == 1
    assert json.loads(end) == {"files": len(rows)}
    for path, size, _, parts in map(json.loads, rows):
        data = b"".join((tmp_path / "backup" / "objects" / part[:2] / part).read_bytes() for part in parts)
        assert len(data) == size, path


@pytest.mark.slow
def test_a_server_with_sftp_keeps_backups(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    with SftpServer(tmp_path / "served") as server:
        with pytest.raises(SystemRefusedError, match=r"is not in ~/.ssh/known_hosts: connect once with ssh"):
            open_storage(server.address)
        (tmp_path / ".ssh" / "known_hosts").write_text(server.known_host)
        storage = open_storage(server.address)
        assert "hunter2" not in storage.place
        first = create_backup(root, storage, NOW)
        again = create_backup(root, open_storage(server.address), NOW + timedelta(hours=1), keep=1)
        assert (first.new_objects > 5, again.new_objects, again.removed_snapshots) == (True, 0, 1)
        assert check_backup(storage).damaged == []
        assert restore_backup(storage, tmp_path / "restored").damaged == []
        assert files(tmp_path / "restored") == files(root)
        assert check_backup(FolderStorage(tmp_path / "served" / "backup")).damaged == [], "the format is the same"
        with pytest.raises(SystemRefusedError) as caught:
            open_storage(server.address.replace("hunter2", "wr0ng"))
        assert "wr0ng" not in str(caught.value)
