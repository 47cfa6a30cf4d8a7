"""Serve health from its own process: ``python -m tests.support.health_server PORT TIMEOUT [ADDRESS TOKEN]``.

A reactor runs once in a process.

Files in its folder control it: it is healthy while a file ``well`` exists, the check fails with an error
while a file ``broken`` exists, and /metrics returns the file ``metrics``. The first line on stdout
is the port. SIGTERM stops serving and prints the line ``stopped``; a second one ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from twisted.internet import asyncioreactor

LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
asyncioreactor.install(LOOP)  # the one that Scrapy uses

from scheduler.errors import HealthError  # noqa: E402 - after the reactor
from scheduler.monitoring.health import Health, HealthStatus  # noqa: E402


def check() -> HealthStatus:
    """See above."""
    if Path("broken").exists():
        raise RuntimeError("the index is locked")
    return HealthStatus(Path("well").exists(), {"feeds": {"china": "一切正常"}, "loop_age": 0.5})


def metrics() -> bytes:
    """See above."""
    return Path("metrics").read_bytes() if Path("metrics").exists() else b"finarchive_articles_parked 0.0\n"


def main() -> None:
    """See above."""
    from twisted.internet import reactor

    logging.basicConfig(format="%(levelname)s %(message)s")
    address, token = sys.argv[3:] or ("127.0.0.1", None)
    health = Health(int(sys.argv[1]), check, metrics, address=address, token=token, timeout=float(sys.argv[2]))
    tasks: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await health.stop()
        await health.stop()  # does nothing
        print("stopped", flush=True)

    def on_term() -> None:
        if tasks:
            reactor.stop()
        else:
            tasks.append(LOOP.create_task(stop()))

    try:
        health.listen()
    except HealthError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    LOOP.add_signal_handler(signal.SIGTERM, on_term)
    print(health.port, flush=True)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
