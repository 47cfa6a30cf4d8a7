"""A process and those that it started, as the kernel shows them in /proc."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def descendants(process: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found: list[int] = []
    waiting = [process]
    while waiting:
        try:
            threads = list(Path(f"/proc/{waiting.pop()}/task").iterdir())
            children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:  # it has ended
            continue
        found += children
        waiting += children
    return found


def workers(process: int) -> list[int]:
    """The descendants that do work of the program: not the process with which Python counts its semaphores."""
    return [each for each in descendants(process) if b"resource_tracker" not in _command_line(each)]


def _command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def memory(process: int) -> int:
    """Bytes of memory of a process and its descendants; what several processes share is divided among them."""
    return sum(_proportional(each) for each in (process, *descendants(process)))


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def resident(process: int) -> int:
    """Bytes of memory of one process, with what it shares."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def cpu(process: int) -> float:
    """CPU seconds of a process and its descendants so far, and of its children that have ended."""
    return sum(_cpu(each) for each in (process, *descendants(process)))


def _cpu(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def outlived(processes: Iterable[int], seconds: float) -> list[int]:
    """Wait until processes have ended; return those that run after ``seconds``."""
    until = time.monotonic() + seconds
    left = []
    for process in processes:
        try:
            descriptor = os.pidfd_open(process)
        except OSError:  # it has ended
            continue
        try:
            if not select.select([descriptor], [], [], max(until - time.monotonic(), 0))[0]:
                left.append(process)
        finally:
            os.close(descriptor)
    return left
