"""The delay after repeated failures, for every back-off of the product. Pure."""

from __future__ import annotations

from datetime import timedelta

_MAX_DOUBLINGS = 30  # keeps the product inside timedelta's range; any sensible delay reaches `longest` before


def doubling(failures: int, first: timedelta, longest: timedelta) -> timedelta:
    """Return the delay after ``failures`` failures in a row: ``first``, then twice as long each time.

    :param failures: from 1; less counts as 1
    :param first: delay after the first failure
    :param longest: upper bound of the result
    """
    factor = 1 << max(0, min(failures - 1, _MAX_DOUBLINGS))
    return min(min(first, longest) * factor, longest)
