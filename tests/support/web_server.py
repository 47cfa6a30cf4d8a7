"""A real ``finarchive serve`` in a separate process, on a free port, with requests over HTTP."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from queue import Empty, Queue
from types import TracebackType
from typing import Self

import httpx
import pytest

from tests.conftest import Home
from tests.support import processes

TIMEOUT_SECONDS = 60.0  # seconds; a busy machine takes ten to start


class Serving:
    """Serves the archive of ``home`` while its ``with`` block runs.

    ``address`` is the base URL, without a slash at the end; ``get`` requests a page.
    """

    def __init__(self, home: Home, *options: str, **env: str) -> None:
        self._command = home.command("serve", "--port", "0", *options)
        self._cwd = home.folder
        self._env = home.env | env
        self.log: list[str] = []
        self._lines: Queue[str] = Queue()

    def __enter__(self) -> Self:
        self.process = processes.popen(
            self._command, cwd=self._cwd, env=self._env | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        try:
            line = self._lines.get(timeout=TIMEOUT_SECONDS)
        except Empty:
            self.process.kill()
            raise
        found = re.search(r"(http://127\.0\.0\.1:\d+)/", line)
        assert found, line
        self.address = found[1]
        self.client = httpx.Client(base_url=self.address, timeout=TIMEOUT_SECONDS, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.log.append(line)
            self._lines.put(line)
        self._lines.put("ended")

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Request a page; redirects are not followed."""
        return self.client.get(path, headers=headers)

    def page(self, path: str) -> str:
        """The HTML of a page that is there."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.text


@pytest.fixture(scope="module")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A folder that a module's tests share, for an archive that is made once."""
    return Home(tmp_path_factory.mktemp("served"))


def docids(page: str) -> list[str]:
    """Of the articles that a page lists, in its order."""
    return re.findall(r'<h2><a href="/article/([^"?]+)', page)


def links(page: str) -> Iterator[str]:
    """Where a page leads to, or loads from."""
    yield from re.findall(r'(?:href|src|action)="([^"]*)"', page)
