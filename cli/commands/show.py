"""``finarchive show``."""

from __future__ import annotations

import json

import click

from cli.article_document import find_article, view_article
from cli.context import CommandContext, CommandError
from cli.options import aware_time, json_option, open_index_if_any
from cli.output import console
from scheduler.exits import Exit
from scheduler.monitoring.reports import plain


@click.command()
@click.argument("id")
@click.option("--as-of", metavar="TIME", help="Show what was known then, such as 2026-09-30T09:30+08:00.")
@click.option("--html", "as_html", is_flag=True, help="Print a page to read, which loads nothing from elsewhere.")
@json_option
@click.pass_obj
def show(context: CommandContext, id: str, as_of: str | None, as_html: bool, as_json: bool) -> Exit:  # noqa: A002
    """Show an article: what is known of it, and its text. ID is a docid or a path.

    Example: finarchive show mcwiwss7730811 --as-of 2026-09-30T09:30+08:00

    Example: finarchive show mcwiwss7730811 --html > article.html
    """
    if as_html and as_json:
        raise CommandError("--html and --json exclude each other")
    time = aware_time(as_of) if as_of else None
    root, store = context.settings.archive.root, open_index_if_any(context)
    found = find_article(store, root, id, time)
    if found is None:
        then = f" that it knew at {as_of}" if as_of else ""
        raise CommandError(f"the archive {root} has no article {id}{then}")
    if as_html:
        page = view_article(store, root, found["docid"], time)
        if page is None:
            raise CommandError(f"the archive {root} has no version of {id} to show{' of then' if as_of else ' yet'}")
        click.echo(page.encode(), nl=False)  # whatever the terminal's encoding: the page states its own
        return Exit.DONE
    if as_json:
        click.echo(json.dumps(plain(found), ensure_ascii=False))
    else:
        console.show_article(found)
    return Exit.DONE
