"""``finarchive add``."""

from __future__ import annotations

import click

from archive.model.secrets import mask_secrets
from cli.context import CommandContext, CommandError
from cli.daemon_client import prefer_daemon, send_to_daemon
from cli.options import existing_index, existing_root, json_option, print_json
from scheduler.crawl.progress import PageResult
from scheduler.exits import Exit

_NEXT = {
    "pending": "the next crawl, or the daemon, tries it again",
    "parked": "finarchive retry --parked makes it due again",
}


@click.command("add")
@click.argument("url")
@click.option(
    "--category",
    "categories",
    multiple=True,
    metavar="NAME",
    help="Folder of the page; repeat it for subfolders. Default: 网页.",
)
@json_option
@click.pass_obj
def add_command(context: CommandContext, url: str, categories: tuple[str, ...], as_json: bool) -> Exit:
    """Archive one page by its address.

    The page is fetched and filed as an article of a list is, and rechecked later. A page that the archive has is not
    fetched again. If the daemon holds the archive, it does the work.

    Example: finarchive add https://finance.sina.com.cn/stock/2026-09-29/doc-initmeav9622448.shtml
    """
    _check(url, categories)
    existing_index(context)
    root = existing_root(context)
    request = {"command": "add", "url": url, "categories": list(categories)}
    result = prefer_daemon(
        lambda: PageResult.from_json(send_to_daemon(context, request)),
        lambda: _add(context, url, categories),
    )
    if as_json:
        print_json(result.as_json())
    elif result.status != "archived":
        reason = mask_secrets(f"{url} is not archived: {result.failure}")
        click.echo(f"{reason}; {_NEXT[result.status]}", err=True)
    elif not context.is_quiet:
        click.echo(f"{'Archived' if result.new else 'The archive has it already:'} {root / (result.path or '')}")
    return result.exit_status()


def _check(url: str, categories: tuple[str, ...]) -> None:
    """Check the arguments: the rules for a feed's address and categories hold for a page too.

    :raises CommandError: one is not valid
    """
    from config.messages import describe_all  # noqa: PLC0415 - see cli.settings
    from config.model import Feed  # noqa: PLC0415

    try:
        Feed(id="added", kind="rss", categories=categories or ("added",), endpoint=url)
    except ValueError as error:
        raise CommandError(describe_all(error)) from error


def _add(context: CommandContext, url: str, categories: tuple[str, ...]) -> PageResult:
    from scheduler.one_off import add_page  # noqa: PLC0415 - Scrapy takes half a second to import

    return add_page(context.settings, url, categories, context.now)
