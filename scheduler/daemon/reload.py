"""Taking up another configuration while the daemon runs, when it is told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from config.load import ConfigError
from config.model import Settings

logger = logging.getLogger("finarchive")


class Reloading:
    """Reads the configuration again, one time after another.

    :param load: reads it; raises ConfigError
    :param adopt: goes on under it
    :param on_crash: told of an error that nobody expected
    """

    def __init__(
        self,
        load: Callable[[], Settings],
        adopt: Callable[[Settings], Awaitable[None]],
        *,
        on_begun: Callable[[], None],
        on_ended: Callable[[], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._load, self._adopt = load, adopt
        self._on_begun, self._on_ended, self._on_crash = on_begun, on_ended, on_crash
        self._task: asyncio.Task[None] | None = None
        self._again = False  # it was asked for while it was under way

    def ask(self) -> None:
        """Read it again now, or once more when that which is under way is done."""
        self._again = self._task is not None and not self._task.done()
        if not self._again:
            self._task = asyncio.ensure_future(self._reload())
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            self._on_crash(error)
        elif self._again:
            self.ask()

    async def _reload(self) -> None:
        self._on_begun()
        try:
            new = self._load()
        except ConfigError as error:
            for mistake in error.mistakes:
                logger.error("configuration-refused mistake=%r", str(mistake))
            logger.error("configuration-kept reason=%r", "the new one has mistakes; the old one goes on")
        else:
            await self._adopt(new)
        self._on_ended()
