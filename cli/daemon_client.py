"""Runs work in the daemon that holds the archive, or in this process if there is no daemon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from archive.files.layout import inner_path
from cli.context import CommandContext
from cli.options import print_json
from cli.output.crawl import progress_bar, show_result
from scheduler.crawl.progress import CrawlProgress, CrawlResult
from scheduler.daemon.control_client import send_request
from scheduler.errors import NoDaemonError
from scheduler.exits import Exit

if TYPE_CHECKING:
    from config.model import Feed

T = TypeVar("T")


def prefer_daemon(in_daemon: Callable[[], T], in_process: Callable[[], T]) -> T:
    """Call ``in_daemon``; if it raises NoDaemonError, call ``in_process`` instead."""
    try:
        return in_daemon()
    except NoDaemonError:
        return in_process()


def send_to_daemon(
    context: CommandContext,
    request: dict[str, Any],
    on_progress: Callable[[CrawlProgress], None] = lambda progress: None,
) -> dict[str, Any]:
    """Have the daemon carry out a request, and return its result document.

    :raises NoDaemonError: no daemon holds the archive
    :raises RequestRefusedError: the daemon refused the request, or ended before it was done
    """
    inner = inner_path(context.settings.archive.root.absolute())
    try:
        return send_request(inner, request, lambda document: on_progress(CrawlProgress.from_json(document)))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the daemon continues with the articles that it found") from None


def run_crawl(
    context: CommandContext, feeds: list[Feed], request: dict[str, Any], *, as_json: bool, **options: Any
) -> Exit:
    """Crawl or backfill, show the progress and the result, and return the exit status.

    :param request: the request to the daemon
    :param options: the corresponding keyword arguments of :func:`scheduler.one_off.crawl`
    """

    def in_process() -> CrawlResult:
        from scheduler.one_off import crawl  # noqa: PLC0415 - Scrapy takes half a second to import

        return crawl(context.settings, feeds, context.now, on_change=on_change, **options)

    began = time.monotonic()
    with progress_bar(len(feeds), quiet=context.is_quiet) as on_change:
        result = prefer_daemon(
            lambda: CrawlResult.from_document(send_to_daemon(context, request, on_change)),
            in_process,
        )
    if as_json:
        print_json(result.as_json())
    elif not context.is_quiet or result.exit_status() != Exit.DONE:
        show_result(result, context.settings, time.monotonic() - began)
    return result.exit_status()
