"""Pauses new work before the disk is full (``archive.min_free``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from archive.files.disk_space import free_bytes, low_reason

# Work resumes at this multiple of ``archive.min_free``: at the bound itself, every batch would pause it again.
RESUME_FACTOR = 1.1


class FreeSpace:
    """Free space of the archive's file system, and whether it is too low for new work.

    :param root: folder of the archive
    :param min_free: returns ``archive.min_free``, in bytes; 0 means that nothing pauses
    """

    def __init__(self, root: Path, min_free: Callable[[], int]) -> None:
        self._root = root
        self._min_free = min_free
        self.bytes: int | None = None  # that this user may write; None: the system has not told yet
        self.is_low = False
        self._has_room = asyncio.Event()
        self._has_room.set()

    @property
    def reason(self) -> str:
        """Why work is paused, in words."""
        return low_reason(self._root, self.bytes or 0, self._min_free())

    def check(self) -> bool:
        """Measure the free space, and pause or resume. Costs one system call.

        :return: whether that changed
        """
        with suppress(OSError):  # a disk that fails is noticed by the next write
            self.bytes = free_bytes(self._root)
        minimum = self._min_free()
        was_low, bound = self.is_low, minimum * RESUME_FACTOR if self.is_low else minimum
        self.is_low = bool(minimum) and self.bytes is not None and self.bytes < bound
        if self.is_low:
            self._has_room.clear()
        else:
            self._has_room.set()
        return self.is_low != was_low

    async def wait(self) -> None:
        """Wait until work may begin."""
        await self._has_room.wait()
