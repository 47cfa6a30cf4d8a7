"""``finarchive show``."""

from __future__ import annotations

import click

from cli.article_document import article_html, find_article, with_names
from cli.context import CommandContext, CommandError
from cli.options import as_of_option, json_option, open_store, print_json
from cli.output.article import show_article
from cli.times import parse_time
from scheduler.exits import Exit
from scheduler.monitoring.reports import plain


@click.command("show")
@click.argument("id")
@as_of_option
@click.option("--html", "as_html", is_flag=True, help="Print an HTML page that loads nothing from the network.")
@json_option
@click.pass_obj
def show_command(context: CommandContext, id: str, as_of: str | None, as_html: bool, as_json: bool) -> Exit:  # noqa: A002
    """Show an article: its metadata and its text. ID is a docid, an address or a path.

    Example: finarchive show mcwiwss7730811 --as-of 2026-09-30T09:30+08:00

    Example: finarchive show mcwiwss7730811 --html > article.html
    """
    if as_html and as_json:
        raise CommandError("--html and --json exclude each other")
    time = parse_time(as_of, context.now()) if as_of else None
    store = open_store(context)
    article = find_article(store, id, time)
    if article is None:
        then = f" that was known at {as_of}" if as_of else ""
        raise CommandError(f"{context.described_archives} no article {id}{then}")
    if as_html:
        page = article_html(store, article["docid"], time)
        if page is None:
            then = "of then" if as_of else "yet"
            raise CommandError(f"{context.described_archives} no version of {id} to show {then}")
        click.echo(page.encode(), nl=False)  # bytes: the page declares its own encoding, not the terminal's
    elif as_json:
        print_json(plain(article))
    else:
        show_article(with_names(article, store, time))
    return Exit.DONE
