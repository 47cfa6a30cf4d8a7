"""Whether a function takes linear time, measured so that a busy machine makes no difference."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

SMALL = 400
FAST = 0.15  # seconds, for which the ratio does not count


def assert_linear(run: Callable[[int], object], small: int = SMALL, *, fast: float = FAST) -> None:
    """Four times as much takes less than nine times as long; sixteen times would be quadratic.

    Pages of more than a few thousand tags are checked before they are parsed (crawler/markup/limits.py). Where
    this begins between the two sizes, both are measured again at four times as much.

    :param run: is called with a size
    :param fast: seconds for which the ratio does not count
    """
    for size in (small, 4 * small):
        seconds = _seconds(run, 4 * size)
        for _ in range(4):
            if seconds < fast or seconds < 9 * _seconds(run, size):
                return
            seconds = min(seconds, _seconds(run, 4 * size))  # the first one may have been slow for other reasons
    pytest.fail(f"{4 * size} take {seconds:.3f} s, and {size} take {_seconds(run, size):.3f} s")


def _seconds(run: Callable[[int], object], size: int) -> float:
    gc.disable()  # it would collect what other tests have left
    began = time.thread_time()
    run(size)
    seconds = time.thread_time() - began
    gc.enable()
    return seconds
