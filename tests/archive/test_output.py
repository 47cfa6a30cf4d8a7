"""Outputs to a path that the user names: regular files are replaced where they are, others are written through."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive.files import output
from archive.files.output import open_output, own_descriptor

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534


def write(path: Path, data: bytes = b"new", then: Callable[[], object] = lambda: None, **options: Any) -> None:
    """Write an output, and do something before it ends."""
    with open_output(path, **options) as file:
        file.write(data)
        then()


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder that links lead to."""
    folder = tmp_path / "real"
    folder.mkdir()
    return folder


@pytest.fixture(params=["nameless", "named", "no links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system with files that have no name; one without; and one that has them but no hard links."""
    if request.param == "named":
        monkeypatch.setattr(output, "_NO_NAMELESS_FILES", {errno.ENOENT, errno.EISDIR, errno.EOPNOTSUPP})
        monkeypatch.setattr(os, "O_TMPFILE", os.O_WRONLY | os.O_DIRECTORY)  # EISDIR, as where it is not supported
    elif request.param == "no links":

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("file_system")
def test_a_regular_file_is_made_or_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        write(tmp_path / "out", data)
        assert (tmp_path / "out").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("file_system")
def test_an_output_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    for path in (tmp_path / "out", tmp_path / "other"):
        with pytest.raises(ZeroDivisionError):
            write(path, b"half", then=lambda: 1 // 0)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out": b"old"}


@pytest.mark.usefixtures("file_system")
def test_a_file_that_may_not_be_replaced_is_refused_before_and_at_the_end(tmp_path: Path) -> None:
    write(tmp_path / "out", replace=False)
    with pytest.raises(FileExistsError):
        write(tmp_path / "out", b"newer", replace=False)
    late = tmp_path / "late"
    with pytest.raises(FileExistsError):
        write(late, b"newer", then=lambda: late.write_bytes(b"made meanwhile"), replace=False)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {"out": b"new", "late": b"made meanwhile"}


def test_permissions_are_kept_or_given(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    write(tmp_path / "secret")
    write(tmp_path / "public", mode=0o644)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("secret", "public")] == [0o600, 0o644]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.usefixtures("file_system")
def test_through_links_the_file_is_replaced_where_it_is(tmp_path: Path, real: Path, exists: bool) -> None:
    if exists:
        (real / "out").write_bytes(b"old")
    (tmp_path / "second").symlink_to("real/out")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    write(tmp_path / "first")
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert {path.name: path.read_bytes() for path in real.iterdir()} == {"out": b"new"}
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "real"}


def test_a_link_into_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere/out")
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_a_device_behind_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.devnull)
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_terminal_behind_a_link_is_written(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        (tmp_path / "link").symlink_to(os.ttyname(theirs))
        write(tmp_path / "link", b"line\n")
        assert os.read(ours, 100) == b"line\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_pipe_with_a_name_is_written_directly_and_through_a_link(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        writer = threading.Thread(target=write, args=(tmp_path / name,))
        writer.start()
        assert (tmp_path / "pipe").read_bytes() == b"new"
        writer.join()
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_of_another_process_is_written(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        (tmp_path / "link").symlink_to(f"/proc/{other.pid}/fd/0")
        write(tmp_path / "link")
        assert other.communicate() == (b"new", None)


def test_a_folder_is_an_error(real: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write(real)


@pytest.mark.parametrize("form", ["/proc/self/fd/{}", "/dev/fd/{}"])
def test_an_own_descriptor_is_duplicated_so_that_it_appends(tmp_path: Path, form: str) -> None:
    with (tmp_path / "log").open("ab") as log:
        log.write(b"before ")
        log.flush()
        (tmp_path / "link").symlink_to(form.format(log.fileno()))
        assert own_descriptor(tmp_path / "link") == log.fileno()
        write(tmp_path / "link", replace=False)
    assert (tmp_path / "log").read_bytes() == b"before new"
    assert (tmp_path / "link").is_symlink()
    assert own_descriptor(tmp_path / "log") is None


def as_nobody(act: Callable[[], None]) -> int:
    """Run a function in a child process without root's rights; return its exit status."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.setuid(NOBODY)
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_writable_file_in_a_folder_that_is_not_is_written_in_place(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    (tmp_path / "out").write_bytes(b"something longer")
    (tmp_path / "out").chmod(0o666)
    tmp_path.chmod(0o555)
    (tmp_path / "read-only").write_bytes(b"old")
    assert as_nobody(lambda: write(tmp_path / "out")) == 0
    assert (tmp_path / "out").read_bytes() == b"new"
    assert as_nobody(lambda: write(tmp_path / "read-only")) == 1
    assert as_nobody(lambda: write(tmp_path / "other")) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out": b"new", "read-only": b"old"}


KILLED = """
import os, signal, sys
from pathlib import Path
from archive.files import output
if sys.argv[2] == "named":
    os.O_TMPFILE = os.O_WRONLY | os.O_DIRECTORY
with output.open_output(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_output(path: Path, kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, path, kind], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_killed_output_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    kill_output(tmp_path / "out", "nameless")
    kill_output(tmp_path / "other", "nameless")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out": b"old"}


def test_what_a_killed_output_leaves_without_nameless_files_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_output(tmp_path / "other", "named")
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(os, "O_TMPFILE", os.O_WRONLY | os.O_DIRECTORY)
    write(tmp_path / "slow", b"not a leftover", then=lambda: write(tmp_path / "out"))
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {"out": b"new", "slow": b"not a leftover"}
