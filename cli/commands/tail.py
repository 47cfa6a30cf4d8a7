"""The commands about what is new: following it, and being told of it."""

from __future__ import annotations

import json
import select
import signal
from collections.abc import Iterable

import click

from archive.files.layout import index_path
from archive.follower import Follower
from archive.model.results import Change
from archive.query.parser import And, parse
from cli.context import CommandContext
from cli.options import asked
from cli.output.search import show_news
from scheduler.monitoring.reports import iso

# Seconds between two looks. Nobody sees that news is half a second late, and a look at an index in which nothing has
# changed costs some 40 microseconds.
LOOK = 0.5
_STDOUT = 1


@click.command("tail")
@click.argument("query", nargs=-1)
@click.option(
    "-n", "--last", type=click.IntRange(0, 1_000_000), default=10, metavar="N", help="Show the last N articles first."
)
@click.option("--revisions", is_flag=True, help="Show new versions of articles too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line, and nothing else, on stdout.")
@click.pass_obj
def tail(context: CommandContext, query: tuple[str, ...], *, last: int, revisions: bool, as_json: bool) -> None:
    """Show new articles as they are archived, until Ctrl-C.

    QUERY is as in finarchive search; without one all are shown.

    Example: finarchive tail '茅台 OR symbol:sh600519'
    """
    with asked(" ".join(query)):
        wanted = parse(" ".join(query)) if query else And(())
    path = index_path(context.settings.archive.root)
    follower, show = Follower(path, wanted, every=revisions), _print if as_json else show_news
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    show(follower.begin(last))
    if follower.is_waiting and context.verbosity != -1:
        click.echo(f"No index that can be followed is at {path.absolute()} yet: waiting for crawl or run.", err=True)
    while True:
        _wait()
        show(follower.changes())


def _print(news: Iterable[Change]) -> None:
    for each in news:
        told = {
            "docid": each.docid, "revision": each.revision, "title": each.title, "url": each.url, "path": each.path,
            "published": iso(each.published), "observed": iso(each.observed, exact=True), "media": each.media,
            "feeds": each.feeds, "symbols": each.symbols, "snippet": each.snippet,
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))


def _wait() -> None:
    """Wait until the next look.

    :raises BrokenPipeError: nobody reads any more; writing would only say so with the next article
    """
    reader = select.poll()
    reader.register(_STDOUT, 0)
    if reader.poll(LOOK * 1000):
        raise BrokenPipeError
