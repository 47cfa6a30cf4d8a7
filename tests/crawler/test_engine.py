"""The engine, in a process of its own: it ends, whatever fails."""

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
from crawler.http.backoff import Rests

def now():
    return datetime.now(UTC)

class Work:
    lists, articles, pictures = None, SimpleNamespace(hosts=tuple), SimpleNamespace(hosts=tuple)
    def start(self, fetching):
        raise ValueError("no work can be had")
    def closed(self):
        pass
    async def stop(self):
        pass

async def main():
    await asyncio.Event().wait()

Engine(Settings(feeds=()), Work(), Rests(timedelta(seconds=1), now), now, main).run()
"""


def test_work_that_cannot_start_ends_it_with_the_error() -> None:
    command = [sys.executable, "-c", FAILING_WORK]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: no work can be had"
