"""Links in an archive are refused where files are written or removed; the archive's root may be one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest

from archive.archive import Archive
from archive.files.atomic import clear, write_posts
from archive.files.layout import inner_path, unfinished_path
from archive.model.article import Post
from archive.model.errors import ArchiveError, NotWritableError
from config.model import Settings
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.support.parsers import PARSERS
from tests.support.sealed_archive import DAY, add_article

MAX_BODY = 1_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with two articles and a journal."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        archive.begin_journal()
        add_article(archive, "aaaa", DAY)
        add_article(archive, "aaaa", DAY + timedelta(minutes=1), 2)
    return tmp_path / "news"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside the archive, with a file of somebody else."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    return folder


def put_link(path: Path, target: Path) -> None:
    """Put a link in the place of a file or folder, and keep what was there beside the archive."""
    if path.exists():
        path.rename(next(each for each in path.parents if each.name == "news").with_name("before"))
    path.symlink_to(target)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}


def revise(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        add_article(archive, "aaaa", DAY + timedelta(days=1), 3)


def recover_and_seal(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        recover(archive, Settings(), DAY + timedelta(days=3), PARSERS)


def do_rebuild(root: Path) -> None:
    next(root.glob("金融/*.md"), root / "none").unlink(missing_ok=True)
    rebuild(root, MAX_BODY, DAY, processes=1)


@pytest.mark.parametrize(
    ("place", "act"),
    [
        ("金融", revise),
        (".finarchive", revise),
        (".finarchive/unfinished", revise),
        (".finarchive/history", revise),
        (".finarchive/history/金融", revise),
        (".finarchive/warc", recover_and_seal),
        (".finarchive/manifests", recover_and_seal),
        (".finarchive/rebuild", do_rebuild),
    ],
)
def test_a_folder_that_is_a_link_is_refused_and_nothing_behind_it_changes(
    root: Path, elsewhere: Path, place: str, act: Callable[[Path], None]
) -> None:
    put_link(root / place, elsewhere)
    with pytest.raises(NotWritableError, match="is a link"):
        act(root)
    assert contents(elsewhere) == {"precious": "precious"}


@pytest.mark.parametrize("place", ["lock", "index.db"])
def test_a_file_of_the_archive_that_is_a_link_is_refused(root: Path, elsewhere: Path, place: str) -> None:
    put_link(inner_path(root) / place, elsewhere / "precious")
    with pytest.raises(NotWritableError, match="is a link"):
        revise(root)
    assert contents(elsewhere) == {"precious": "precious"}


@pytest.mark.parametrize("name", ["index.db-wal", "index.db-shm", "index.db-journal"])
def test_files_of_sqlite_that_are_links_are_not_followed(root: Path, elsewhere: Path, name: str) -> None:
    (inner_path(root) / name).symlink_to(elsewhere / "precious")
    with suppress(ArchiveError):
        revise(root)
    assert contents(elsewhere) == {"precious": "precious"}


def test_a_journal_file_that_is_a_link_is_refused(root: Path, elsewhere: Path) -> None:
    [path] = inner_path(root).glob("warc/*.warc.gz")
    put_link(path, elsewhere / "raw")
    (elsewhere / "raw").write_bytes((elsewhere.parent / "before").read_bytes())
    before = (elsewhere / "raw").read_bytes()
    with Archive(root, "test", DAY) as archive, pytest.raises(NotWritableError, match="is a link"):
        archive.begin_journal()
    assert (elsewhere / "raw").read_bytes() == before


def test_the_files_behind_a_planted_folder_of_temporary_files_are_not_deleted(root: Path, elsewhere: Path) -> None:
    put_link(unfinished_path(root), elsewhere)
    with pytest.raises(NotWritableError, match="is a link"):
        clear(unfinished_path(root))
    assert contents(elsewhere) == {"precious": "precious"}


@pytest.mark.parametrize("target", ["precious", "nothing"])
def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(root: Path, elsewhere: Path, target: str) -> None:
    (root / "金融/x.md").symlink_to(elsewhere / target)
    write_posts(root, unfinished_path(root), [Post(PurePosixPath("金融/x.md"), b"text")])
    assert not (root / "金融/x.md").is_symlink()
    assert contents(elsewhere) == {"precious": "precious"}


def test_a_link_among_the_temporary_files_is_replaced_and_not_followed(root: Path, elsewhere: Path) -> None:
    (unfinished_path(root) / "1-1").symlink_to(elsewhere / "precious")
    clear(unfinished_path(root))
    assert list(unfinished_path(root).iterdir()) == []
    assert contents(elsewhere) == {"precious": "precious"}


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    revise(tmp_path / "link")
    recover_and_seal(tmp_path / "link")
    rebuild(tmp_path / "link", MAX_BODY, DAY, processes=1)
    with Archive(root, "test", DAY) as archive:
        assert len(archive.store.articles.revisions("aaaa")) == 3
