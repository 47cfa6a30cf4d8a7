"""The mirror: it has what the archive has, never claims more, and belongs to one archive and one writer."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.backup.create import create_backup
from archive.backup.storage import BackupStorage, FolderStorage, open_storage
from archive.files.layout import journal_path
from archive.integrity.rewrite import replace_members
from archive.journal.gzip_members import members, write_member
from archive.journal.journal import Journal
from archive.journal.warc import warc_files
from archive.mirror import format as mirror_format
from archive.mirror import journal_copy
from archive.mirror.format import (
    Catalog,
    Head,
    dump_catalog,
    dump_head,
    file_name,
    head_name,
    load_catalog,
    load_head,
    piece_name,
    piece_of,
    sequences,
)
from archive.mirror.reader import MirrorReader
from archive.mirror.writer import MirrorWriter
from archive.model.errors import ArchiveError, MirrorError, SystemRefusedError
from tests.archive.test_forget import old_fetch
from tests.support.sealed_archive import make_sealed_archive

NOW = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with three articles, manifests and a journal."""
    root = tmp_path_factory.mktemp("made") / "archive"
    make_sealed_archive(root)
    add(root, 3)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "archive"))


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BackupStorage:
    return open_storage(f"file://{tmp_path}/mirror" if request.param == "folder" else f"memory://{uuid.uuid4()}/x")


def add(root: Path, number: int, at: datetime = NOW, size: int = 3000) -> None:
    journal = Journal(journal_path(root))
    journal.append_fetches([old_fetch(f"x{uuid.uuid4().hex}", os.urandom(size), at) for _ in range(number)], {})
    journal.close()


def writer(root: Path, storage: BackupStorage, may_write: Callable[[], bool] = lambda: True) -> MirrorWriter:
    return MirrorWriter(root, storage, lambda: None, may_write)


def journal_of(storage: BackupStorage) -> dict[str, bytes]:
    """What a reader of the mirror gets."""
    reader = MirrorReader(storage)
    state = reader.newest()
    assert state
    return {name: b"".join(reader.pieces(name, file)) for name, file in state.journal.items()}


def local(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in warc_files(journal_path(root))}


def pieces(storage: BackupStorage) -> list[tuple[str, int, int]]:
    return sorted(piece for name in storage.sizes("journal") if (piece := piece_of(name)))


def test_the_mirror_has_the_bytes_of_the_archive(root: Path, storage: BackupStorage) -> None:
    done = writer(root, storage).copy(NOW)
    assert journal_of(storage) == local(root)
    assert done.files == 3 + 1, "manifests and the catalog"
    state = MirrorReader(storage).newest()
    assert state
    for path, sha256 in state.catalog.manifests.items():
        assert storage.read(file_name(sha256)) == (root / path).read_bytes()


def test_only_what_is_new_is_written(root: Path, storage: BackupStorage) -> None:
    copying = writer(root, storage)
    copying.copy(NOW)
    before = storage.sizes("")
    again = copying.copy(NOW + timedelta(hours=1))
    assert (again.pieces, again.files, storage.sizes("")) == (0, 0, before)
    add(root, 1)
    more = copying.copy(NOW)
    assert (more.pieces, more.files) == (1, 0)
    assert more.size == sum(map(len, local(root).values())) - sum(size for _, size in before.items() if size > 3000)
    another = writer(root, storage)
    assert (another.copy(NOW).pieces, journal_of(storage)) == (0, local(root)), "another process continues"


def test_only_bytes_that_are_on_the_disk_are_copied(root: Path, storage: BackupStorage) -> None:
    with Archive(root, "test", NOW) as archive:
        archive.begin_journal()
        archive.store.feeds.register_source("a", "one", NOW)
        archive.store.feeds.register_source("a", "two", NOW)
        end = archive.journal_end()
        assert end
        path = journal_path(root) / end.file
        whole = path.read_bytes()
        assert end.offset == len(whole)
        with path.open("ab") as file:
            file.write(b"half a record")
        MirrorWriter(root, storage, archive.journal_end).copy(NOW)
        assert journal_of(storage)[end.file] == whole


def test_a_large_file_is_cut_between_records(
    root: Path, storage: BackupStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "PIECE_BYTES", 10_000)
    add(root, 20)
    writer(root, storage).copy(NOW)
    [path] = warc_files(journal_path(root))
    begins = {begin for begin, _, _ in members(path)}
    offsets = [offset for _, _, offset in pieces(storage)]
    assert len(offsets) > 5
    assert set(offsets) <= begins
    assert journal_of(storage) == local(root)


def test_a_finished_file_of_many_pieces_is_copied_again_in_few(
    root: Path, storage: BackupStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "_SPARE_PIECES", 3)
    copying = writer(root, storage)
    for _ in range(5):
        add(root, 1)
        copying.copy(NOW)
    assert len(pieces(storage)) == 5
    add(root, 1, NOW + timedelta(days=1))
    copying.copy(NOW)
    copying.copy(NOW)
    first, second = local(root)
    assert pieces(storage) == [(first, 2, 0), (second, 1, 0)]
    assert journal_of(storage) == local(root)


def test_a_rewritten_file_loses_its_old_bytes(root: Path, storage: BackupStorage) -> None:
    copying = writer(root, storage)
    copying.copy(NOW)
    rewrite_record(root, tombstone=True)
    first = min(local(root))
    for each in (copying, writer(root, storage)):
        each.copy(NOW)
        assert journal_of(storage) == local(root)
        assert [piece for piece in pieces(storage) if piece[0] == first] == [(first, 2, 0)], (
            "the old piece is removed"
        )


def rewrite_record(root: Path, *, tombstone: bool) -> None:
    path = warc_files(journal_path(root))[-1]
    begin, end, data = max(members(path), key=lambda each: len(each[2]))
    member = write_member(end - begin, data[:-900] + 896 * b"0" + data[-4:])
    assert member
    if not tombstone:
        whole = path.read_bytes()
        path.write_bytes(whole[:begin] + member + whole[end:])
        return
    with Archive(root, "test", NOW) as archive:
        archive.begin_journal()
        archive.leave_files({path.name})
        replace_members(archive, path, [(begin, member)], {}, NOW)


def test_a_file_that_changes_without_a_tombstone_is_not_copied(root: Path, storage: BackupStorage) -> None:
    writer(root, storage).copy(NOW)
    before = journal_of(storage)
    rewrite_record(root, tombstone=False)
    with pytest.raises(MirrorError, match="it has other bytes than there, and no tombstone says why"):
        writer(root, storage).copy(NOW)
    [path] = warc_files(journal_path(root))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(MirrorError, match="it is shorter than there"):
        writer(root, storage).copy(NOW)
    assert journal_of(storage) == before


def test_a_file_that_is_lost_stays_in_the_mirror(root: Path, storage: BackupStorage) -> None:
    add(root, 1, NOW + timedelta(days=1))
    writer(root, storage).copy(NOW)
    before = journal_of(storage)
    warc_files(journal_path(root))[-1].unlink()
    with pytest.raises(MirrorError, match="restore it from there"):
        writer(root, storage).copy(NOW)
    assert journal_of(storage) == before


def test_the_mirror_of_another_archive_is_refused(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    writer(root, storage).copy(NOW)
    other = tmp_path / "other"
    other.mkdir()
    add(other, 1)
    before = storage.sizes("")
    with pytest.raises(MirrorError, match="is the mirror of another archive"):
        writer(other, storage).copy(NOW)
    assert storage.sizes("") == before


def test_two_writers_cannot_both_write(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    """A copy of the archive, as one that is woken up after its successor has taken over."""
    old = writer(root, storage)
    old.copy(NOW)
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    add(root, 1)
    add(copy, 2)
    writer(copy, storage).copy(NOW)
    with pytest.raises(MirrorError, match="another process"):
        old.copy(NOW)
    assert journal_of(storage) == local(copy)
    with pytest.raises(MirrorError, match="contradicts the mirror"):
        writer(root, storage).copy(NOW)
    assert journal_of(storage) == local(copy)


def test_who_does_not_lead_writes_nothing(root: Path, storage: BackupStorage) -> None:
    leads = True
    copying = writer(root, storage, lambda: leads)
    copying.copy(NOW)
    before, leads = storage.sizes(""), False
    add(root, 1)
    with pytest.raises(MirrorError, match="another process leads now"):
        copying.copy(NOW)
    assert storage.sizes("") == before


def test_pieces_that_no_head_names_are_replaced(root: Path, storage: BackupStorage) -> None:
    """A process was killed after it had written a piece; another one leads, with other bytes."""
    writer(root, storage).copy(NOW)
    [path] = warc_files(journal_path(root))
    storage.create(piece_name(path.name, 1, path.stat().st_size), b"of the one that was killed")
    storage.create(piece_name(path.name, 2, 0), b"half a generation")
    add(root, 1)
    writer(root, storage).copy(NOW)
    assert journal_of(storage) == local(root)
    assert {generation for _, generation, _ in pieces(storage)} == {1}


def test_old_heads_and_unneeded_files_are_removed(root: Path, storage: BackupStorage) -> None:
    copying = writer(root, storage)
    for number in range(8):
        add(root, 1)
        copying.copy(NOW, f"lists {number}".encode())
    assert sequences(storage.sizes("heads")) == [5, 6, 7, 8]
    state = MirrorReader(storage).newest()
    assert state
    needed = {state.head.catalog, state.head.lists, *state.catalog.manifests.values()}
    assert set(storage.sizes("files")) == {file_name(sha256) for sha256 in needed if sha256}


def test_what_is_not_of_the_mirror_stays(root: Path, storage: BackupStorage) -> None:
    storage.write("files/aa/notes.txt", b"mine")
    storage.write("journal/notes.txt", b"mine")
    writer(root, storage).copy(NOW)
    assert storage.read("files/aa/notes.txt") == storage.read("journal/notes.txt") == b"mine"


def test_a_place_with_backups_is_refused(root: Path, storage: BackupStorage) -> None:
    create_backup(root, storage, NOW)
    before = storage.sizes("")
    with pytest.raises(MirrorError, match="has backups: name another place"):
        writer(root, storage).copy(NOW)
    assert storage.sizes("") == before


def test_a_place_inside_the_archive_is_refused(root: Path) -> None:
    for folder in (root / "mirror", root.parent):
        with pytest.raises(MirrorError, match="are inside one another"):
            writer(root, FolderStorage(folder)).copy(NOW)
    assert not (root / "mirror").exists()


def test_a_mirror_that_was_emptied_is_filled_again(root: Path, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "mirror")
    copying = writer(root, storage)
    copying.copy(NOW)
    shutil.rmtree(storage.folder)
    add(root, 1)
    with pytest.raises(MirrorError, match="has lost its newest head"):
        copying.copy(NOW)
    writer(root, storage).copy(NOW)
    assert journal_of(storage) == local(root)


class Failing:
    """A storage whose nth write fails, before or after it was done."""

    def __init__(self, storage: BackupStorage, nth: int, *, is_done: bool) -> None:
        self._storage, self._left, self._is_done = storage, nth, is_done
        self.place = storage.place
        self.has_failed = False

    def __getattr__(self, name: str) -> object:
        method = getattr(self._storage, name)
        if name not in ("create", "write", "remove"):
            return method

        def call(*arguments: object) -> object:
            self._left -= 1
            if self._left != 0:
                return method(*arguments)
            self.has_failed = True
            if self._is_done:
                method(*arguments)
            raise SystemRefusedError("no answer")

        return call


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [True, False])
def test_after_any_error_the_mirror_is_whole_and_the_next_pass_continues(
    root: Path, tmp_path: Path, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the head never claims more than there is."""
    monkeypatch.setattr(journal_copy, "PIECE_BYTES", 5000)
    nth, goes_on = 0, True
    while goes_on:
        nth += 1
        copy = tmp_path / f"copy{nth}"
        shutil.copytree(root, copy)
        storage = FolderStorage(tmp_path / f"mirror{nth}")
        failing = Failing(storage, nth, is_done=is_done)
        failed = 0
        for step in range(3):
            if step == 1:
                rewrite_record(copy, tombstone=True)
            else:
                add(copy, 2, NOW + timedelta(days=step))
            try:
                writer(copy, failing).copy(NOW, os.urandom(10))  # type: ignore[arg-type]
            except SystemRefusedError:
                failed += 1
            if MirrorReader(storage).newest():
                journal_of(storage)  # all that the head names is there
        goes_on = failing.has_failed
        assert failed == goes_on
        writer(copy, storage).copy(NOW)
        assert journal_of(storage) == local(copy)
    assert nth > 20


def test_an_archive_without_a_journal_has_no_mirror_yet(tmp_path: Path, storage: BackupStorage) -> None:
    root = tmp_path / "archive"
    make_sealed_archive(root)
    assert writer(root, storage).copy(NOW).files == 0
    assert storage.sizes("") == {}


HEAD = Head("id", 7, "2026-11-30T00:00:00+00:00", "w", "ab" * 32, {}, None)


def test_heads_and_catalogs_are_read_as_they_were_written() -> None:
    file = mirror_format.MirroredFile(2, 5, "cd" * 32, 10**18)
    head = Head("id", 7, "at", "w", "ab" * 32, {"finarchive-20261130-0001.warc.gz": file}, "ef" * 32)
    assert load_head(dump_head(head), "x") == head
    catalog = Catalog(head.recent, {".finarchive/manifests/2026-11-29.tsv": "ab" * 32}, True)
    assert load_catalog(dump_catalog(catalog), "x") == catalog


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"finarchive-mirror": 1', b'"finarchive-mirror": 2', "a newer finarchive wrote the mirror"),
        (b'"id"', b"1", "is damaged"),
        (b'"sequence": 7', b'"sequence": -7', "is damaged"),
        (b'"journal": {}', b'"journal": {"../x": [1, 1, "", 1]}', "is damaged"),
        (b'"journal": {}', b'"journal": []', "is damaged"),
        (b'"ab', b'"XY', "is damaged"),
        (b"}", b"", "is damaged"),
    ],
)
def test_a_head_that_is_none_is_refused(
    root: Path, storage: BackupStorage, old: bytes, new: bytes, words: str
) -> None:
    data = dump_head(HEAD)
    assert old in data
    storage.write(head_name(7), data.replace(old, new))
    for action in (lambda: writer(root, storage).copy(NOW), MirrorReader(storage).newest):
        with pytest.raises(MirrorError, match=words):
            action()


def test_a_catalog_cannot_name_a_file_elsewhere() -> None:
    for path in ("../x", "/etc/passwd", ".finarchive/manifests/../../x", ".finarchive/manifests/.x", "金融/x.md"):
        data = dump_catalog(Catalog({}, {path: "ab" * 32}))
        with pytest.raises(MirrorError, match="is no path of a manifest"):
            load_catalog(data, "x")


def test_damaged_pieces_and_files_are_named(root: Path, storage: BackupStorage) -> None:
    writer(root, storage).copy(NOW)
    [(file, generation, offset)] = pieces(storage)
    storage.remove(piece_name(file, generation, offset))
    with pytest.raises(MirrorError, match=f"has no {piece_name(file, generation, offset)}"):
        journal_of(storage)
    reader = MirrorReader(storage)
    state = reader.newest()
    assert state
    storage.write(file_name(state.head.catalog), b"other")
    with pytest.raises(ArchiveError, match="it has other bytes than its name says"):
        MirrorReader(storage).newest()
