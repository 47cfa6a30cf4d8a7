"""Send work to the daemon that holds the archive, or do it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archive.files.layout import inner_path
from cli.context import CommandContext
from scheduler.crawl.progress import CrawlProgress
from scheduler.daemon.control_socket import NoDaemonError, hand_over

if TYPE_CHECKING:
    pass

T = TypeVar("T")


def here_or_there(here: Callable[[], T], there: Callable[[], T]) -> T:
    """Have the daemon that holds the archive do it; where there is none, do it in this process."""
    try:
        return there()
    except NoDaemonError:
        return here()


def send_to_daemon(
    context: CommandContext, request: dict[str, Any], on_progress: Callable[[CrawlProgress], None]
) -> dict[str, Any]:
    inner = inner_path(context.settings.archive.root.absolute())
    try:
        return hand_over(inner, request, lambda document: on_progress(CrawlProgress.from_json(document)))
    except KeyboardInterrupt:
        click.echo("Interrupted: the daemon goes on with what was found.", err=True)
        raise
