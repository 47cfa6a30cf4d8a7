"""Shared fixtures: the real data if it exists, and a real ``finarchive`` with the mock site."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from archive.files.layout import index_path
from archive.index.database import Database
from archive.store import Store
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.support import (
    examples,  # noqa: F401 - it loads the profile of the property tests
    processes,
)

# Third-party pages and lists, which may be read but not stored here.
SHARED = Path(__file__).parents[2] / "shared"
NEWEST = 1_790_613_243  # 2026-09-29 00:34:03 in China: the mock site's newest article


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, so that no worker waits for one of them at the end.

    The longest are those with a time limit of their own.
    """
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and lists."""
    if not SHARED.is_dir():
        pytest.skip(f"the real pages are not at {SHARED}")
    return SHARED


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    """A running mock site with twelve articles."""
    with MockSite(make_stories(12, newest=NEWEST)) as running:
        yield running


class Outcome(Struct):
    """How a run of ``finarchive`` ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Home:
    """A folder with a configuration and an archive, and ``finarchive`` to run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "news"
        self.config = folder / "finarchive.toml"
        self.env = processes.base_environment()

    def configure(self, *endpoints: str, network: str = "", more: str = "", lid: int = 1686) -> None:
        """Write a configuration that polls these lists on loopback, without a pause."""
        feeds = "".join(
            f'[[feeds]]\nid = "feed{n}"\nkind = "roll"\ncategories = ["金融", "新浪财经", "栏目{n}"]\n'
            f'endpoint = "{endpoint}"\nlid = {lid}\n'
            for n, endpoint in enumerate(endpoints, start=1)
        )
        self.config.write_text(
            f"[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\ntimeout = 10.0\n{network}\n"
            f"{more}\n{feeds}",
            encoding="utf-8",
        )

    def begin(self) -> None:
        """Create an archive with nothing in it."""
        index_path(self.root).parent.mkdir(parents=True)
        Store.open(index_path(self.root)).close()

    def command(self, *arguments: str) -> list[str]:
        """The command line of a run."""
        return [sys.executable, "-m", "cli", *arguments]

    def run(self, *arguments: str, timeout: float = 60, forked: bool = True, **env: str) -> Outcome:
        """Run ``finarchive`` here, to its end.

        :param forked: whether it may be a forked process; see tests.support.processes
        """
        done = processes.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=timeout,
            forked=forked,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def files(self) -> list[Path]:
        """The articles' files."""
        return sorted(path for path in self.root.rglob("*.md") if ".finarchive" not in path.parts)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Query the index."""
        database = Database(self.root / ".finarchive" / "index.db")
        try:
            return list(database.execute(query).fetchall())
        finally:
            database.close()

    def execute(self, statement: str) -> None:
        """Change the index: where a test cannot wait until time has passed."""
        database = Database(self.root / ".finarchive" / "index.db")
        try:
            with database.atomic():
                database.execute(statement)
        finally:
            database.close()

    def assert_whole(self) -> None:
        """Every row has its file and every file its row, nothing is torn, nothing was left behind."""
        rows = dict(
            self.rows(
                """SELECT path, sha256 FROM revisions AS r
                   WHERE number = (SELECT max(number) FROM revisions WHERE docid = r.docid)"""
            )
        )
        files = {path.relative_to(self.root).as_posix(): path.read_bytes() for path in self.files()}
        assert files.keys() == rows.keys()
        for path, data in files.items():
            assert hashlib.sha256(data).hexdigest() == rows[path], f"{path} is torn"
        assert list((self.root / ".finarchive" / "unfinished").iterdir()) == []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty folder to run ``finarchive`` in."""
    return Home(tmp_path)


@pytest.fixture
def crawl(home: Home, mocksite: MockSite) -> Callable[..., Outcome]:
    """``finarchive crawl --json`` of the mock site's national list, in ``home``."""
    home.configure(mocksite.endpoint)
    return lambda *arguments, **env: home.run("crawl", "--json", *arguments, **env)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1.5 MB; the test is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)
