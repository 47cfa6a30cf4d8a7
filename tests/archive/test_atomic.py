"""Files are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from archive.files.atomic import clear, wrap_os_errors, write_posts
from archive.files.folders import make_root
from archive.model.article import Post
from archive.model.errors import ArchiveError, DiskFullError, NotWritableError, SystemRefusedError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "news"


@pytest.fixture
def aside(root: Path) -> Path:
    folder = root / ".finarchive" / "unfinished"
    folder.mkdir(parents=True)
    return folder


def post(path: str, data: bytes = b"text") -> Post:
    return Post(PurePosixPath(path), data)


def revision(path: str, data: bytes, superseded: bytes) -> Post:
    history = PurePosixPath(".finarchive/history") / path.replace(".md", ".1.md")
    return Post(PurePosixPath(path), data, history, hashlib.sha256(superseded).hexdigest())


def written(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_posts_are_there_with_their_folders_and_nothing_else_is(root: Path, aside: Path) -> None:
    posts = [post("a/b/2026/09/30/x_1.md", b"one"), post("a/b/2026/09/30/y_2.md", b""), post("c/z_3.md", b"\x00\xff")]
    write_posts(root, aside, iter(posts))
    assert written(root) == {"a/b/2026/09/30/x_1.md": b"one", "a/b/2026/09/30/y_2.md": b"", "c/z_3.md": b"\x00\xff"}


def test_nothing_to_write_writes_nothing(root: Path, aside: Path) -> None:
    write_posts(root, aside, [])
    assert written(root) == {}


def test_an_existing_file_is_replaced_whole(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"a long first version")])
    write_posts(root, aside, [post("a/x.md", b"second"), post("a/x.md", b"third")])
    assert written(root) == {"a/x.md": b"third"}


def test_a_reader_of_the_old_file_keeps_reading_the_old_one(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"first")])
    with (root / "a/x.md").open("rb") as reader:
        write_posts(root, aside, [post("a/x.md", b"second")])
        assert reader.read() == b"first"


# What is written is synced before it has its name, and each folder in which something was made after. The system's
# own calls are watched; nothing of ours is replaced.


def watched(monkeypatch: pytest.MonkeyPatch, write: Callable[[], None]) -> list[tuple[str, str]]:
    calls: list[tuple[str, str]] = []
    sync, rename, link = os.fsync, os.rename, os.link

    def path_of(name: str, folder: int) -> str:
        return f"{Path(f'/proc/self/fd/{folder}').readlink()}/{name}"

    def watch_sync(descriptor: int) -> None:
        calls.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        sync(descriptor)

    def watch_rename(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        calls.append(("rename", f"{path_of(old, src_dir_fd)} {path_of(new, dst_dir_fd)}"))
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def watch_link(old: str, new: str, **options: Any) -> None:
        calls.append(("link", path_of(new, options["dst_dir_fd"])))
        link(old, new, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", watch_sync)
        patch.setattr(os, "rename", watch_rename)
        patch.setattr(os, "link", watch_link)
        write()
    return calls


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to tell which file is synced")
def test_files_are_synced_before_they_are_renamed_and_folders_after(
    root: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = [post("a/b/x.md"), post("a/c/y.md"), post("a/b/z.md")]
    calls = watched(monkeypatch, lambda: write_posts(root, aside, posts))
    kinds = [kind for kind, _ in calls]
    assert kinds == ["sync"] * 3 + ["rename"] * 3 + ["sync"] * (len(kinds) - 6)
    renamed = [path.split(" ") for _, path in calls[3:6]]
    assert [temporary for temporary, _ in renamed] == [path for _, path in calls[:3]]
    assert {Path(temporary).parent for temporary, _ in renamed} == {aside}
    folders = [path for _, path in calls[6:]]
    assert sorted(folders) == sorted(str(folder) for folder in (root, root / "a", root / "a/b", root / "a/c"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to tell which file is synced")
def test_in_a_folder_that_was_there_only_that_folder_is_synced(
    root: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a/b").mkdir(parents=True)
    calls = watched(monkeypatch, lambda: write_posts(root, aside, [post("a/b/x.md")]))
    assert calls[2:] == [("sync", str(root / "a/b"))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to tell which file is synced")
def test_the_name_in_the_history_is_on_the_disk_before_the_file_is_replaced(
    root: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_posts(root, aside, [post("a/x.md", b"first")])
    calls = watched(monkeypatch, lambda: write_posts(root, aside, [revision("a/x.md", b"second", b"first")]))
    history = root / ".finarchive/history/a"
    assert ("link", str(history / "x.1.md")) in calls
    replaced = [kind for kind, _ in calls].index("rename")
    for folder in (history, history.parent, history.parent.parent):
        assert ("sync", str(folder)) in calls[:replaced]


def test_a_new_root_is_synced_in_its_parent_and_so_is_each_folder_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch, lambda: make_root(tmp_path / "a/b/news"))
    assert {path for _, path in calls} == {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a/b")}
    assert watched(monkeypatch, lambda: make_root(tmp_path / "a/b/news")) == []


# What a new version replaces


def test_the_superseded_version_goes_into_the_history(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"first")])
    write_posts(root, aside, [revision("a/x.md", b"second", b"first")])
    assert written(root) == {"a/x.md": b"second", ".finarchive/history/a/x.1.md": b"first"}


def test_a_new_version_that_is_written_again_is_not_taken_for_the_superseded_one(root: Path, aside: Path) -> None:
    """The name in the history was lost, and the rename was not."""
    write_posts(root, aside, [post("a/x.md", b"second")])
    write_posts(root, aside, [revision("a/x.md", b"second", b"first")])
    assert written(root) == {"a/x.md": b"second"}


def renamed(path: str, data: bytes, superseded: bytes, before: str) -> Post:
    return replace(revision(before, data, superseded), path=PurePosixPath(path), moved_from=PurePosixPath(before))


def test_a_version_with_another_path_leaves_the_superseded_one_in_the_history_only(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"old")])
    for _ in range(2):  # a crash before the commit writes it again
        write_posts(root, aside, [renamed("a/y.md", b"new", b"old", "a/x.md")])
        assert written(root) == {"a/y.md": b"new", ".finarchive/history/a/x.1.md": b"old"}


def test_an_edited_file_of_another_path_goes_into_the_quarantine(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"somebody's")])
    write_posts(root, aside, [renamed("a/y.md", b"new", b"old", "a/x.md")])
    assert written(root) == {"a/y.md": b"new", ".finarchive/quarantine/a/x.md": b"somebody's"}


def test_what_somebody_else_wrote_goes_into_the_quarantine_and_not_into_the_history(root: Path, aside: Path) -> None:
    for edited in (b"edited", b"edited again"):
        (root / "a").mkdir(exist_ok=True)
        (root / "a/x.md").write_bytes(edited)
        write_posts(root, aside, [revision("a/x.md", b"second", b"first")])
    assert written(root) == {
        "a/x.md": b"second",
        ".finarchive/quarantine/a/x.md": b"edited",
        ".finarchive/quarantine/a/x.2.md": b"edited again",
    }


NO_LINKS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV]


@pytest.mark.parametrize("number", NO_LINKS)
def test_without_hard_links_the_superseded_version_is_copied(
    root: Path, aside: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    write_posts(root, aside, [post("a/x.md", b"first")])
    for _ in range(2):  # the second time the copy is there already
        (root / "a/x.md").write_bytes(b"first")
        write_posts(root, aside, [revision("a/x.md", b"second", b"first")])
        assert written(root) == {"a/x.md": b"second", ".finarchive/history/a/x.1.md": b"first"}


# Trouble


def test_no_room_says_so_and_leaves_every_name_whole(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md", b"old")])
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path, PurePosixPath\n"
        "from archive.model.errors import DiskFullError\n"
        "from archive.files.atomic import write_posts\n"
        "from archive.model.article import Post\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "root, aside = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "posts = [Post(PurePosixPath(n), d) for n, d in (('a/x.md', b'new'), ('b/y.md', b'y' * 5000))]\n"
        "try:\n"
        "    write_posts(root, aside, posts)\n"
        "except DiskFullError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, root, aside], capture_output=True, text=True, check=True)
    assert str(root / "b/y.md") in done.stdout
    assert "free some space" in done.stdout
    outside = {name: data for name, data in written(root).items() if not name.startswith(".finarchive/")}
    assert outside == {"a/x.md": b"old"}
    clear(aside)
    assert written(root) == {"a/x.md": b"old"}


@pytest.mark.parametrize("in_place", ["a", "a/b"])
def test_a_file_in_place_of_a_folder_is_an_archive_error(root: Path, aside: Path, in_place: str) -> None:
    (root / in_place).parent.mkdir(exist_ok=True)
    (root / in_place).write_bytes(b"in the way")
    with pytest.raises(ArchiveError, match=r"a/b/x\.md cannot be written"):
        write_posts(root, aside, [post("fine.md"), post("a/b/x.md")])
    clear(aside)
    assert written(root) == {in_place: b"in the way"}


def test_a_name_in_the_history_that_lost_its_bytes_is_made_again(root: Path, aside: Path) -> None:
    """An interrupted attempt linked the old version into the history, and somebody emptied that file."""
    write_posts(root, aside, [post("a/x.md", b"first")])
    history = root / ".finarchive" / "history" / "a" / "x.1.md"
    history.parent.mkdir(parents=True)
    history.write_bytes(b"")
    write_posts(root, aside, [revision("a/x.md", b"second", b"first")])
    assert written(root) == {
        "a/x.md": b"second",
        ".finarchive/history/a/x.1.md": b"first",
        ".finarchive/quarantine/.finarchive/history/a/x.1.md": b"",
    }


def test_a_batch_that_cannot_be_written_leaves_no_temporary_files(root: Path, aside: Path) -> None:
    (root / "in the way").write_text("a file")
    with pytest.raises(NotWritableError):
        write_posts(root, aside, [post("a/x.md"), post("in the way/y.md"), post("a/z.md")])
    assert list(aside.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_an_archive_error(root: Path, aside: Path) -> None:
    (root / "a/x.md").mkdir(parents=True)
    with pytest.raises(ArchiveError, match=r"a/x\.md cannot be written"):
        write_posts(root, aside, [post("a/x.md")])
    clear(aside)
    assert written(root) == {}


def test_a_name_that_is_too_long_is_an_archive_error(root: Path, aside: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be written"):
        write_posts(root, aside, [post("长" * 100 + ".md")])


def test_a_folder_that_may_not_be_written_is_not_writable(root: Path, aside: Path) -> None:
    (root / "a").mkdir()
    (root / "a").chmod(0o555)
    if os.access(root / "a", os.W_OK):
        pytest.skip("this user may write everywhere: run as another than root")
    with pytest.raises(NotWritableError, match="permissions"):
        write_posts(root, aside, [post("a/x.md")])


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EFBIG, DiskFullError),
        (errno.EACCES, NotWritableError),
        (errno.EPERM, NotWritableError),
        (errno.EROFS, NotWritableError),
        (errno.EMLINK, NotWritableError),
        (errno.EIO, SystemRefusedError),
        (errno.EMFILE, SystemRefusedError),
        (errno.ENFILE, SystemRefusedError),
        (errno.ENOMEM, SystemRefusedError),
        (errno.ESTALE, SystemRefusedError),
    ],
)
def test_the_systems_errors_are_reported_with_path_and_advice(number: int, kind: type[ArchiveError]) -> None:
    with pytest.raises(ArchiveError) as caught, wrap_os_errors(Path("/news/x.md")):
        raise OSError(number, os.strerror(number))
    assert caught.type is kind
    assert "/news/x.md" in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(("number", "advice"), [(errno.EMFILE, "LimitNOFILE="), (errno.ENFILE, "fs.file-max")])
def test_too_many_open_files_are_named_so(number: int, advice: str) -> None:
    with pytest.raises(SystemRefusedError, match=advice) as caught, wrap_os_errors("x"):
        raise OSError(number, os.strerror(number))
    assert "check the disk" not in str(caught.value)


def test_bugs_are_not_reported_but_raised() -> None:
    with pytest.raises(ZeroDivisionError), wrap_os_errors(Path("x")):
        _ = 1 / 0


def test_clear_removes_the_remains_of_an_interrupted_write_only_from_its_own_folder(root: Path, aside: Path) -> None:
    write_posts(root, aside, [post("a/x.md")])
    (aside / "123-0.md").write_bytes(b"half")
    (aside / "123-1.md").write_bytes(b"")
    clear(aside)
    assert list(aside.iterdir()) == []
    assert written(root) == {"a/x.md": b"text"}
    clear(aside)
