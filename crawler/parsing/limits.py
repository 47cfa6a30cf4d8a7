"""The limits of a parser process."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

# CPU time for one page or list. Each pass is linear, and the largest page that network.max_body allows takes a few
# seconds: this ends what nobody foresaw. It is the same live and in a rebuild, so that both decide the same.
CPU_SECONDS = 20.0
# A page of text of 8 MiB, the largest by default, takes 150 MiB; one of a million elements, 1 GiB. Two processes and
# the daemon have to fit into the gigabyte of its unit.
MEMORY_BYTES = 256 << 20
STACK_BYTES = 8 << 20
OUT_OF_MEMORY_STATUS = 71  # exit status of a parser process


def apply(memory_bytes: int) -> None:
    """Limit memory and stack of this process, and let only its parent end it."""
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_STACK, STACK_BYTES)  # the same depth of recursion whatever the shell or the unit allows
    _limit(resource.RLIMIT_CORE, 0)
    # A service manager signals all processes of a service. The parent ends this one when it has no more work.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)


@contextmanager
def clock(cpu_seconds: float) -> Iterator[None]:
    """Let the kernel kill this process if the block takes more CPU time."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
