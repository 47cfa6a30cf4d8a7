"""``finarchive changes``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from archive.diff.changes import change_document, short_diff
from archive.model.errors import QueryError
from archive.model.results import ArticleChange, ChangeKind
from archive.query.dates import parse_time
from archive.query.nodes import And, FeedFilter, Query
from archive.query.parser import parse
from cli.context import CommandContext, CommandError
from cli.options import (
    QueryCommand,
    check_names,
    complete_feed,
    json_option,
    open_store,
    print_json,
    wrap_query_errors,
)
from cli.output.changes import show_article_changes

if TYPE_CHECKING:
    from archive.union.store import AnyStore

_DEFAULT_LIMIT = 50  # a few screens; with --since, all
_PAGE_SIZE = 100  # changes read at once


@click.command("changes", cls=QueryCommand)
@click.argument("query", nargs=-1)
@click.option("--since", metavar="TIME", help="Only changes seen since a day in China, a time, or 7d (7 days ago).")
@click.option("--until", metavar="TIME", help="Only changes seen until the end of a day, or a time.")
@click.option(
    "--feed", "feeds", metavar="FEED", multiple=True, shell_complete=complete_feed, help="Only of this feed."
)
@click.option(
    "--kind", "kinds", type=click.Choice([*map(str, ChangeKind)]), multiple=True, help="Only changes of this kind."
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), metavar="N",
    help=f"Show at most N changes; by default {_DEFAULT_LIMIT}, and with --since all.",
)  # fmt: skip
@json_option
@click.pass_obj
def changes_command(  # noqa: PLR0917 - one for each option
    context: CommandContext,
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int | None,
    feeds: tuple[str, ...],
    kinds: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show how articles changed after they were first archived, the newest change first.

    Kinds: revised (another text), retitled, facts (medium, keywords, stocks or times of the page), gone (deleted by
    the site), returned, moved (the address shows another article), unlisted (it left a list, its neighbours stayed).

    QUERY is as in finarchive search, and matches the article before or after the change.

    Example: finarchive changes symbol:sh600519 --since 2026-09-01 --kind gone --kind revised
    """
    first, last = _span(context.now(), since, until)
    text = " ".join(query)
    store = open_store(context)
    with wrap_query_errors(text):
        parsed: Query = parse(text, last or context.now()) if query else And(())
        parsed = And((parsed, *map(FeedFilter, feeds))) if feeds else parsed
        check_names(context, store, parsed)
    wanted = [ChangeKind(kind) for kind in kinds] or list(ChangeKind)
    changes = islice(_each(store, parsed, first, last, wanted), limit or (None if since else _DEFAULT_LIMIT))
    if as_json:
        print_json([change_document(store, change) for change in changes])
    else:
        show_article_changes(((change, short_diff(store, change)) for change in changes), store.names.feeds())


def _span(now: datetime, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Parse the two times.

    :raises CommandError: one is not valid, or the first is after the second
    """
    first = _moment(since, now, is_end=False) if since else None
    last = _moment(until, now, is_end=True) if until else None
    if first and last and first > last:
        raise CommandError(f"--since {since} is after --until {until}")
    return first, last


def _moment(text: str, now: datetime, *, is_end: bool) -> datetime:
    """Parse a time as queries have them, or ``now``.

    :raises CommandError: it is none
    """
    try:
        return now if text == "now" else parse_time(text, now, is_end=is_end)
    except QueryError as error:
        raise CommandError(str(error)) from error


def _each(
    store: AnyStore, query: Query, since: datetime | None, until: datetime | None, kinds: list[ChangeKind]
) -> Iterator[ArticleChange]:
    cursor: str | None = None
    while True:
        page = store.changes.find(query, _PAGE_SIZE, since=since, time=until, kinds=kinds, cursor=cursor)
        yield from page.changes
        if page.next is None:
            return
        cursor = page.next
