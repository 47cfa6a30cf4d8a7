"""``verify --against``: equal archives are equal, and the first difference is said."""

from __future__ import annotations

import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from archive.backup.storage import BackupStorage, open_storage
from archive.files.layout import journal_path, manifests_path
from archive.journal.warc import warc_files
from archive.mirror.compare import compare_with_mirror
from archive.model.errors import MirrorError
from tests.archive.test_mirror import NOW, add, made, root
from tests.support.replicas import mirror

__all__ = ["made", "root"]


@pytest.fixture
def storage(root: Path) -> BackupStorage:
    """A mirror of the archive, of two journal files."""
    storage = open_storage(f"memory://{uuid.uuid4()}/mirror")
    add(root, 2, NOW + timedelta(days=1))
    mirror(root, storage, NOW)
    return storage


def test_what_is_equal_is_counted(root: Path, storage: BackupStorage) -> None:
    result = compare_with_mirror(root, storage)
    assert (result.days, result.files, result.behind, result.ahead, result.difference) == (3, 2, 0, 0, None)


def test_what_is_not_copied_yet_is_no_difference(root: Path, storage: BackupStorage) -> None:
    before = sum(path.stat().st_size for path in warc_files(journal_path(root)))
    add(root, 1, NOW + timedelta(days=1))
    add(root, 1, NOW + timedelta(days=2))
    (manifests_path(root) / "2026-10-01.tsv").write_text("new")
    result = compare_with_mirror(root, storage)
    after = sum(path.stat().st_size for path in warc_files(journal_path(root)))
    assert (result.files, result.ahead, result.difference) == (2, after - before, None)


def test_a_replica_that_is_behind_is_no_difference(root: Path, storage: BackupStorage, tmp_path: Path) -> None:
    behind = Path(shutil.copytree(root, tmp_path / "behind"))
    add(root, 1, NOW + timedelta(days=1))
    add(root, 1, NOW + timedelta(days=2))
    (manifests_path(root) / "2026-10-01.tsv").write_text("new")
    mirror(root, storage, NOW)
    with warc_files(journal_path(behind))[-1].open("ab") as file:
        file.write(b"\x1f\x8b\x08half a record")  # it is being written
    sizes = [sum(path.stat().st_size for path in warc_files(journal_path(each))) for each in (root, behind)]
    result = compare_with_mirror(behind, storage)
    assert (result.days, result.difference) == (3, None)
    assert result.behind == sizes[0] - sizes[1] + len(b"\x1f\x8b\x08half a record")


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_the_first_difference_is_said(root: Path, storage: BackupStorage) -> None:
    first, second = warc_files(journal_path(root))
    flip(second, 700)
    flip(first, 500)
    assert compare_with_mirror(root, storage).difference == f"the raw pages {first.name} differ from byte 500 on"
    flip(first, 500)
    assert compare_with_mirror(root, storage).difference == f"the raw pages {second.name} differ from byte 700 on"
    first.rename(first.with_name("away"))
    assert "is the mirror of another archive" in (compare_with_mirror(root, storage).difference or "")
    first.with_name("away").rename(first)
    manifest = manifests_path(root) / "2026-09-29.tsv"
    flip(manifest, 3)
    assert (compare_with_mirror(root, storage).difference or "").startswith("the root of 2026-09-29 is ")
    manifest.unlink()
    assert compare_with_mirror(root, storage).difference == "only the mirror has a manifest of 2026-09-29"


def test_a_place_without_a_mirror_is_named(root: Path) -> None:
    with pytest.raises(MirrorError, match="there is no mirror at memory://"):
        compare_with_mirror(root, open_storage(f"memory://{uuid.uuid4()}/mirror"))
