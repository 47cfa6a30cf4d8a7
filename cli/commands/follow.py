"""``finarchive follow``."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click

from archive.backup.storage import open_storage
from archive.model.backoff import doubling
from archive.model.errors import MirrorError, TransientError
from archive.model.secrets import mask_secrets
from cli.context import CommandContext
from cli.output.console import bytes_progress
from cli.output.mirror import show_followed
from crawler.errors import ParserUnavailableError
from pipeline.follow import FollowProgress, FollowResult, Replica
from scheduler.exits import Exit

logger = logging.getLogger("finarchive")

# Seconds between two looks at the mirror, each of which is one request.
INTERVAL_SECONDS = 2.0
_MIN_RETRY_DELAY, _MAX_RETRY_DELAY = timedelta(seconds=2), timedelta(minutes=5)


@click.command("follow")
@click.argument("url")
@click.option("--once", is_flag=True, help="End when the replica is up to date.")
@click.pass_obj
def follow_command(context: CommandContext, url: str, *, once: bool) -> Exit:
    """Make a replica of an archive from its mirror, and keep it current until Ctrl-C.

    URL is the journal.mirror of that archive. The replica is in the folder of --root or archive.root, which is empty
    at first. Commands that read work on it meanwhile, and finarchive serve; those that write are refused.

    Example: finarchive follow s3://bucket/news --root ./replica
    """
    signal.signal(signal.SIGTERM, _end)
    follower = _Follower(context, url)
    try:
        follower.update()
        while not once:
            time.sleep(follower.delay())
            follower.attempt()
    finally:
        follower.close()
    return Exit.DONE


def _end(number: int, frame: object) -> None:
    """End at SIGTERM. What is half done is completed by the next process."""
    sys.exit(Exit.DONE)


class _Follower:
    """Updates a replica, and opens it again after an error."""

    def __init__(self, context: CommandContext, url: str) -> None:
        self._context = context
        self._url = url
        self._replica: Replica | None = None
        self._failures = 0
        self._reason = ""
        self._is_first = True

    def update(self) -> None:
        """Update the replica.

        :raises ArchiveError: it cannot be updated
        """
        with self._progress() as progress:
            if self._replica is None:
                root, max_body = self._context.settings.archive.root, self._context.settings.network.max_body
                self._replica = Replica(root, open_storage(self._url), max_body, self._context.now(), progress)
            result = self._replica.update(self._context.now())
        if result:
            self._report(result)
        self._is_first = False

    def attempt(self) -> None:
        """Update the replica; an error that can pass is reported once, and followed by a longer delay."""
        try:
            self.update()
        except (TransientError, MirrorError, ParserUnavailableError) as error:
            self._failures += 1
            reason = mask_secrets(str(error))
            if reason != self._reason:
                logger.error("follow-failed reason=%r", reason)
            self._reason = reason
            self.close()
        else:
            if self._failures:
                logger.warning("following-again failures=%d", self._failures)
            self._failures, self._reason = 0, ""

    def delay(self) -> float:
        """Return the seconds until the next attempt."""
        if self._failures:
            return doubling(self._failures, _MIN_RETRY_DELAY, _MAX_RETRY_DELAY).total_seconds()
        return INTERVAL_SECONDS

    def close(self) -> None:
        """Release the replica."""
        if self._replica:
            self._replica.close()
            self._replica = None

    @contextmanager
    def _progress(self) -> Iterator[FollowProgress | None]:
        """Show a first copy on a terminal; afterwards there is little to show."""
        if not self._is_first:
            yield None
            return
        quiet = self._context.is_quiet
        with bytes_progress("copying raw pages", quiet=quiet) as on_copy:
            yield FollowProgress(on_copy, on_copy)

    def _report(self, result: FollowResult) -> None:
        logger.info(
            "followed sequence=%d bytes=%d events=%d at=%s", result.sequence, result.size, result.events, result.at
        )
        for path in result.missing_images:
            logger.warning("picture-missing path=%r reason='the mirror does not have it'", path)
        if self._is_first and not self._context.is_quiet:
            show_followed(result, self._context.settings.archive.root.absolute())
