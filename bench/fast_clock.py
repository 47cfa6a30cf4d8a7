"""Run ``finarchive`` with another clock: ``python -m bench.fast_clock SPEED FROM AT [JUMP] run ...``.

The clock shows AT (Unix seconds) when the system's clock shows FROM, and runs SPEED times as fast: a day passes in
minutes, and a restart continues at the right time. JUMP is a file with the number of seconds by which the system's
clock appears to be set forward, or back when negative. It is read each time.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apscheduler.schedulers.base

from cli.context import CommandContext
from cli.main import main
from scheduler.clock import Clock
from scheduler.crawl.articles import ArticleQueue
from scheduler.daemon import timetable
from scheduler.daemon.daemon import Environment


def install_clock(speed: float, begin: float, at: float, jump: Path | None) -> None:
    """Replace the clocks of the daemon, of the spider and of APScheduler."""

    def offset() -> float:
        return float(jump.read_text() or 0) if jump else 0.0

    def now() -> datetime:
        return datetime.fromtimestamp(at + (time.time() - begin) * speed + offset(), UTC)

    class Jumping(datetime):
        """The system's clock with the jump, for APScheduler."""

        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=offset())

    if jump:
        apscheduler.schedulers.base.datetime = timetable.datetime = Jumping
    from_system, backoff_wait = Environment.from_system, ArticleQueue.backoff_wait

    def environment() -> Environment:
        system = from_system()
        return Environment(Clock(now, speed), system.notifier, system.watchdog_interval)

    def shortened(articles: ArticleQueue, host: str) -> float | None:
        """Shorten a host's back-off, which the spider measures by the system's clock."""
        seconds = backoff_wait(articles, host)
        return None if seconds is None else seconds / speed

    Environment.from_system, ArticleQueue.backoff_wait = environment, shortened
    CommandContext.now = staticmethod(now)


if __name__ == "__main__":
    speed, begin, at, *arguments = sys.argv[1:]
    jump = Path(arguments.pop(0)) if arguments and arguments[0].startswith("/") else None
    install_clock(float(speed), float(begin), float(at), jump)
    sys.argv[1:] = arguments
    main()
