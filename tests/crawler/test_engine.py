"""The engine, in a separate process: it stops after any failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

FAILING_WORK = """
import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from config.model import Settings
from crawler.engine import Engine
from crawler.http.backoff import HostBackoffs

def now():
    return datetime.now(UTC)

class Work:
    feeds, articles, images = None, SimpleNamespace(hosts=tuple), SimpleNamespace(hosts=tuple)
    def spider_opened(self, fetcher):
        raise ValueError("no work available")
    def spider_closed(self):
        pass
    async def drain(self):
        pass

async def main():
    await asyncio.Event().wait()

Engine(Settings(feeds=()), Work(), HostBackoffs(timedelta(seconds=1), now), now, main, parsers=None).run()
"""


def test_work_that_cannot_start_ends_it_with_the_error() -> None:
    command = [sys.executable, "-c", FAILING_WORK]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: no work available"
