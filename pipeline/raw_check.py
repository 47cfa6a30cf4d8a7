"""Check the raw pages of an archive in several processes, for `verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from archive.integrity.raw_pages import CheckedRawFile, check_file, check_in_turn
from crawler.parsing.pool import Died, ParserPool

# With fewer bytes of raw pages, one process is done before others have started.
MIN_BYTES = 32 << 20


def check_in_processes(paths: Sequence[Path], on_bytes: Callable[[int], None]) -> Iterator[CheckedRawFile]:
    """Check files of raw pages, one process for each core; a :data:`~archive.integrity.raw_pages.CheckRawFiles`.

    :raises ParserUnavailableError: no process can be started
    """
    processes = min(os.cpu_count() or 1, len(paths))
    if processes < 2 or sum(path.stat().st_size for path in paths) < MIN_BYTES:
        yield from check_in_turn(paths, on_bytes)
        return
    with ThreadPoolExecutor(processes) as threads, ParserPool(processes, patience=0) as pool:
        yield from threads.map(partial(_check, pool, on_bytes), paths)


def _check(pool: ParserPool, on_bytes: Callable[[int], None], path: Path) -> CheckedRawFile:
    checked = None
    for step in pool.run(check_file, path):  # to its end: the process is used again
        if isinstance(step, Died):
            checked = CheckedRawFile(path.name, damage=[(0, f"it cannot be checked: {step.reason}")])
        elif isinstance(step, CheckedRawFile):
            checked = checked or step
        else:
            on_bytes(step)
    if checked is None:
        raise AssertionError(f"the check of {path} has no result")
    return checked
