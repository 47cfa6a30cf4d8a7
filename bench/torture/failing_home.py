"""An archive in which file operations fail, and what has to be true of it afterwards."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from archive.files.hashing import sha256_of
from archive.files.layout import index_path
from archive.store import Store

RUN_TIMEOUT_SECONDS = 45.0
CHECK_INTERVAL_SECONDS = 0.02
RETRY_SECONDS = 0.1  # in place of the seconds that the daemon waits for a disk
# Modules that have the constant DISK_RETRY_SECONDS.
WAITING_MODULES = (
    "pipeline.writer", "scheduler.crawl.articles", "scheduler.crawl.context", "scheduler.crawl.images",
    "scheduler.daemon.opening",
)  # fmt: skip
# Of a crawl in which a file operation fails: done, put off, not writable, no feed, in use.
CRAWL_STATUSES = (0, 1, 2, 3, 5)


class FailingHome:
    """A folder with a configuration and an archive. Runs are forked, so the program has to be imported.

    :param endpoint: of the mock site's list
    :param articles: the number of its articles
    """

    def __init__(self, folder: Path, endpoint: str, articles: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.root = folder / "news"
        self._endpoint = endpoint
        self._articles = articles
        (folder / "finarchive.toml").write_text(
            "[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\nobey_robots = false\n"
            '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'
            f'[[feeds]]\nid = "feed"\nkind = "roll"\nlid = 1686\ncategories = ["金融"]\nendpoint = "{endpoint}"\n',
            encoding="utf-8",
        )

    def make_archive(self) -> None:
        """Make an archive without articles."""
        path = index_path(self.root)
        path.parent.mkdir(parents=True)
        Store.open(path).close()

    def copy(self, folder: Path, *, is_new: bool) -> FailingHome:
        """The same in another folder.

        :param is_new: whether without the archive
        """
        home = FailingHome(folder, self._endpoint, self._articles)
        if not is_new:
            shutil.copytree(self.root, home.root)
        return home

    def try_fault(self, command: str, orders: Mapping[str, str]) -> str | None:
        """Run a command in which operations fail, then without faults; return what is wrong, if anything.

        :param orders: environment variables of shim.c
        """
        env = {**orders, "SHIM_PREFIX": str(self.root), "SHIM_REPORT": str(self.folder / "report")}
        problem = self._daemon(env) if command == "run" else self._crawl(env)
        return problem or self._complete() or self._whole()

    def log(self) -> str:
        """What the runs have logged."""
        return (self.folder / "log").read_text(errors="replace")

    def reported(self) -> list[str]:
        """The lines of shim.c."""
        path = self.folder / "report"
        return path.read_text().splitlines() if path.exists() else []

    def _crawl(self, env: Mapping[str, str]) -> str | None:
        status = self._wait(self._fork(env, "crawl"))
        if status not in CRAWL_STATUSES:
            return f"the crawl ended with status {status}"
        return "the crawl ended with a traceback" if "Traceback" in self.log() else None

    def _daemon(self, env: Mapping[str, str]) -> str | None:
        process, deadline = self._fork(env, "run"), time.monotonic() + RUN_TIMEOUT_SECONDS
        while self._archived() < self._articles:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return f"the daemon ended with status {os.waitstatus_to_exitcode(status)}"
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                return f"the daemon has archived {self._archived()} articles"
            time.sleep(CHECK_INTERVAL_SECONDS)
        os.kill(process, signal.SIGTERM)
        status = self._wait(process)
        if status:
            return f"the daemon ended with status {status} after SIGTERM"
        return "the daemon has logged a traceback" if "Traceback" in self.log() else None

    def _complete(self) -> str | None:
        """Run without faults until nothing is left to do."""
        status = self._wait(self._fork({}, "crawl"))
        return f"the next crawl ended with status {status}" if status else None

    def _whole(self) -> str | None:
        """Every article is there once, as recorded, and nothing else is."""
        rows = self._rows("SELECT path, sha256 FROM revisions")
        files = {path for path in self.root.rglob("*.md") if ".finarchive" not in path.parts}
        recorded = {(str(path.relative_to(self.root)), sha256_of(path.read_bytes())) for path in files}
        if len(rows) != self._articles or set(rows) != recorded:
            return f"{len(rows)} versions and {len(files)} files of {self._articles} articles"
        if fetched := self._rows("SELECT docid FROM observations GROUP BY docid HAVING count(*) > 1"):
            return f"fetched twice: {fetched}"
        if left := list((self.root / ".finarchive" / "unfinished").iterdir()):
            return f"left behind: {[path.name for path in left]}"
        status = self._wait(self._fork({}, "verify", "--deep"))
        return f"verify --deep ended with status {status}" if status else None

    def _archived(self) -> int:
        try:
            return len(self._rows("SELECT docid FROM revisions"))
        except sqlite3.Error:
            return 0

    def _rows(self, query: str) -> list[tuple[str, ...]]:
        address = f"file:{self.root}/.finarchive/index.db?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as index:
            return index.execute(query).fetchall()

    def _wait(self, process: int) -> int:
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        while True:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
            time.sleep(CHECK_INTERVAL_SECONDS)

    def _fork(self, env: Mapping[str, str], *arguments: str) -> int:
        if (process := os.fork()) == 0:
            self._become(env, arguments)
        return process

    def _become(self, env: Mapping[str, str], arguments: tuple[str, ...]) -> NoReturn:
        status: object = 99
        try:
            os.chdir(self.folder)
            log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            for name in WAITING_MODULES:
                importlib.import_module(name).DISK_RETRY_SECONDS = RETRY_SECONDS  # type: ignore[attr-defined]
            os.cpu_count = lambda: 1
            os.environ.update(env)
            sys.argv = ["finarchive", *arguments]
            importlib.import_module("cli.main").main()
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status if isinstance(status, int) else 0)
