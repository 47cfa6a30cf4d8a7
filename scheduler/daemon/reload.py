"""Reloads the configuration while the daemon runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from config.errors import ConfigError
from config.model import Settings

logger = logging.getLogger("finarchive")


class ConfigReloader:
    """Reloads the configuration on request, one reload at a time.

    :param load: reads the configuration; raises ConfigError
    :param apply: makes the daemon use the new settings; returns whether they are in force
    :param on_start: called before each reload
    :param on_end: called after each reload: whether the new configuration is in force
    :param on_crash: called with an unexpected exception
    """

    def __init__(
        self,
        load: Callable[[], Settings],
        apply: Callable[[Settings], Awaitable[bool]],
        *,
        on_start: Callable[[], None],
        on_end: Callable[[bool], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._load = load
        self._apply = apply
        self._on_start = on_start
        self._on_end = on_end
        self._on_crash = on_crash
        self._task: asyncio.Task[None] | None = None
        self._is_requested_again = False  # a request arrived during a reload

    def request(self) -> None:
        """Reload now, or, during a reload, once more after it."""
        self._is_requested_again = self._task is not None and not self._task.done()
        if not self._is_requested_again:
            self._task = asyncio.ensure_future(self._reload())
            self._task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            self._on_crash(error)
        elif self._is_requested_again:
            self.request()

    async def _reload(self) -> None:
        self._on_start()
        is_applied = False
        try:
            new = self._load()
        except ConfigError as error:
            for mistake in error.mistakes:
                logger.error("configuration-refused mistake=%r", str(mistake))
            logger.error(
                "configuration-kept reason=%r", "the new configuration has mistakes; the old one stays in force"
            )
        else:
            is_applied = await self._apply(new)
        self._on_end(is_applied)
