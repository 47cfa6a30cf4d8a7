"""Who may read what: the modes of all files of an archive follow the umask, except for what is always private."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mocksite.server import MockSite
from tests.conftest import Home
from tests.support.daemon import Running

SOCKET = ".finarchive/daemon.sock"


def modes(folder: Path) -> dict[str, str]:
    """The mode of everything in a folder, by path."""
    paths = sorted({folder, *folder.rglob("*")})
    return {path.relative_to(folder).as_posix(): f"{stat.S_IMODE(path.lstat().st_mode):04o}" for path in paths}


@pytest.fixture
def set_umask() -> Iterator[Callable[[int], int]]:
    """The function that sets the umask of this process and its runs; it is restored after the test."""
    old = os.umask(0o077)
    yield os.umask
    os.umask(old)


@pytest.mark.slow
@pytest.mark.parametrize(("umask", "folder", "file"), [("022", "0755", "0644"), ("077", "0700", "0600")])
def test_the_umask_decides_who_may_read_an_archive(
    home: Home, mocksite: MockSite, set_umask: Callable[[int], int], *, umask: str, folder: str, file: str
) -> None:
    home.configure(mocksite.endpoint)
    set_umask(int(umask, 8))
    assert home.run("crawl", "--json").json["archived"] == 12
    mocksite.clock += 60
    mocksite.site.edit(mocksite.site.stories[0].docid, mocksite.clock, title="改题")
    assert home.run("crawl", "--json").json["revised"] == 1
    with Running(home) as daemon:  # it has a socket and a write-ahead log
        found = modes(home.root)
        assert found.pop(SOCKET) == "0600"
        assert {f".finarchive/{name}" for name in ("lock", "index.db-wal", "index.db-shm", "history")} <= found.keys()
        assert by_kind(home, found) == {("folder", folder), ("file", file)}
        assert daemon.stop() == 0
    home.files()[0].write_text("changed")
    home.files()[0].chmod(int(file, 8))
    assert home.run("verify", "--repair").status == 0
    assert home.run("rebuild").status == 0
    assert (home.root / ".finarchive" / "quarantine").is_dir()
    assert by_kind(home, modes(home.root)) == {("folder", folder), ("file", file)}


def by_kind(home: Home, found: dict[str, str]) -> set[tuple[str, str]]:
    """The modes of files and of folders."""
    return {("folder" if (home.root / name).is_dir() else "file", mode) for name, mode in found.items()}


def test_a_key_is_private_whatever_the_umask_is(home: Home, set_umask: Callable[[int], int]) -> None:
    set_umask(0)
    assert home.run("proof", "--new-key", str(home.folder / "roots.key")).status == 0
    assert modes(home.folder)["roots.key"] == "0600"
