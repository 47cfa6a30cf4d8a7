"""``finarchive tail``."""

from __future__ import annotations

import select
import signal
from collections.abc import Iterable

import click

from archive.follower import Follower
from archive.model.results import Change
from archive.query.nodes import And, FeedFilter, MediaFilter, StockNameFilter, leaves
from archive.query.parser import parse
from cli.context import CommandContext
from cli.options import QueryCommand, check_names, existing_index, open_one_store, print_json, wrap_query_errors
from cli.output.search import show_changes
from scheduler.monitoring.reports import iso

# Half a second of delay goes unnoticed, and a check of an unchanged index takes some 40 microseconds.
CHECK_INTERVAL_SECONDS = 0.5
_STDOUT = 1  # file descriptor


@click.command("tail", cls=QueryCommand)
@click.argument("query", nargs=-1)
@click.option(
    "-n", "--last", type=click.IntRange(0, 1_000_000), default=10, metavar="N", help="Show the last N articles first."
)
@click.option("--revisions", is_flag=True, help="Show new versions of articles too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line on stdout, nothing else.")
@click.pass_obj
def tail_command(
    context: CommandContext, query: tuple[str, ...], *, last: int, revisions: bool, as_json: bool
) -> None:
    """Show new articles as they are archived, until Ctrl-C.

    QUERY is as in finarchive search; without one, all articles are shown.

    Example: finarchive tail '茅台 OR symbol:sh600519'
    """
    text = " ".join(query)
    with wrap_query_errors(text):
        parsed = parse(text, context.now()) if query else And(())
        path = existing_index(context)
        if any(isinstance(leaf, (FeedFilter, MediaFilter, StockNameFilter)) for leaf in leaves(parsed)):
            check_names(context, open_one_store(context), parsed)
    follower = Follower(path, parsed, every=revisions)
    show = _print_changes if as_json else show_changes
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    show(follower.begin(last))
    if follower.is_waiting and not context.is_quiet:
        click.echo(f"{path} is of an older finarchive: waiting until crawl or run brings it up to date.", err=True)
    while True:
        _wait()
        show(follower.changes())


def _print_changes(changes: Iterable[Change]) -> None:
    for change in changes:
        print_json(
            {
                "docid": change.docid,
                "revision": change.revision,
                "title": change.title,
                "url": change.url,
                "path": change.path,
                "published": iso(change.published),
                "observed": iso(change.observed, exact=True),
                "media": change.media,
                "feeds": change.feeds,
                "symbols": change.symbols,
                "snippet": change.snippet,
            }
        )


def _wait() -> None:
    """Wait until the next check.

    :raises BrokenPipeError: the reader of stdout is gone; a write would only fail at the next article
    """
    poll = select.poll()
    poll.register(_STDOUT, 0)
    if poll.poll(CHECK_INTERVAL_SECONDS * 1000):
        raise BrokenPipeError
