"""``finarchive feeds``: show the feeds, and change them in the configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.files.layout import inner_path
from archive.model.secrets import mask_secrets
from cli.config_file import change_config, write_output
from cli.context import CommandContext, CommandError
from cli.options import SubcommandGroup, complete_feed, json_option, print_json
from cli.output.console import many
from cli.output.status import show_feeds
from config.feeds.edits import add_feeds, feed_table, switch_feed
from config.feeds.tables import NO_FOLDER, comparable, import_feeds, new_feed
from config.load import builtin_feeds
from config.messages import describe_all, suggestion
from config.model import Feed
from crawler.errors import ListingError
from crawler.listings.opml import Outline, read_opml, write_opml
from scheduler.daemon.control_client import is_running

if TYPE_CHECKING:
    from scheduler.probe import FoundFeed

MAX_BYTES = 8_388_608  # like a page: a list of a thousand feeds has 300 KB
SITEMAP_FOLDER = "Sitemap"

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print the tables for the configuration file, and change nothing."
)


@click.group("feeds", cls=SubcommandGroup, invoke_without_command=True)
@json_option
@click.pass_context
def feeds_command(click_context: click.Context, as_json: bool) -> None:
    """Show the configured feeds, and which of them are on; or change them.

    The commands change the configuration file and keep everything else in it. Without a file, they write
    finarchive.toml in the current directory.

    Example: finarchive feeds enable tech
    """
    if click_context.invoked_subcommand:
        return
    context: CommandContext = click_context.obj
    if as_json:
        print_json([_document(feed) for feed in context.settings.feeds])
    else:
        show_feeds(context.settings, context.source.path)


def _document(feed: Feed) -> dict[str, Any]:
    """Return the object of a feed that ``feeds --json`` prints."""
    shown = {"author": feed.author_name, "endpoint": mask_secrets(feed.endpoint)}
    return feed.model_dump(mode="json") | shown


@feeds_command.command("enable")
@click.argument("id", nargs=-1, required=True, shell_complete=complete_feed)
@click.pass_obj
def enable_command(context: CommandContext, id: tuple[str, ...]) -> None:  # noqa: A002
    """Turn feeds on, by their ids; built-in ones too.

    Example: finarchive feeds enable tech society
    """
    _switch(context, id, enabled=True)


@feeds_command.command("disable")
@click.argument("id", nargs=-1, required=True, shell_complete=complete_feed)
@click.pass_obj
def disable_command(context: CommandContext, id: tuple[str, ...]) -> None:  # noqa: A002
    """Turn feeds off, by their ids. What they have archived stays.

    Example: finarchive feeds disable top10
    """
    _switch(context, id, enabled=False)


@feeds_command.command("add")
@click.argument("url")
@click.option("--id", "name", metavar="ID", help="Id of the feed. Default: from its title.")
@click.option(
    "--category",
    "categories",
    multiple=True,
    metavar="NAME",
    help="Folder of the articles; repeat it for folders below.",
)
@dry_run_option
@click.pass_obj
def add_command(
    context: CommandContext, url: str, name: str | None, categories: tuple[str, ...], dry_run: bool
) -> None:
    """Add a feed by its address, or its site's.

    RSS, Atom, JSON Feed and sitemaps are recognised. The list is read once, as a crawl would.

    Example: finarchive feeds add https://example.com/ --category 财经 --category 样例网
    """
    from scheduler.probe import find_feed  # noqa: PLC0415 - Scrapy takes half a second to import

    _check_address(url)
    configured = context.settings.feeds
    if same := _same_list(url, configured):
        _say_known(context, url, same)
        return
    found = find_feed(context.settings, url, context.now)
    if isinstance(found, str):
        raise CommandError(f"{url}: {found}; nothing was added")
    if same := _same_list(found.address, configured):
        _say_known(context, found.address, same)
        return
    feed = _new_feed(found, name, categories, configured)
    if dry_run:
        click.echo(feed_table(feed), nl=False)
        return
    path = change_config(context, lambda text: add_feeds(text, [feed]))
    listed = f"it lists {many(len(found.poll.entries), 'article')}, filed under {'/'.join(feed.categories)}"
    _say(context, f"Added {feed.id} to {path}: {feed.endpoint}; {listed}.")
    for other in found.others:
        _say(context, f"The page also names {other}")
    _say_next(context, f"finarchive crawl {feed.id} archives them")


@feeds_command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@click.pass_obj
def import_command(context: CommandContext, file: Path, dry_run: bool) -> None:
    """Add the feeds of an OPML file.

    Other feed readers export such files. Folders become categories. Feeds that are configured already are left out.

    Example: finarchive feeds import feeds.opml
    """
    try:
        found = import_feeds(read_opml(_read(file)), context.settings.feeds)
    except ListingError as error:
        raise CommandError(f"{file}: {error}") from error
    for mistake in found.mistakes:
        click.echo(f"left out: {mistake}", err=True)
    if dry_run:
        click.echo("\n".join(map(feed_table, found.feeds)), nl=False)
    elif found.feeds:
        path = change_config(context, lambda text: add_feeds(text, found.feeds))
        _say(
            context, f"Added {many(len(found.feeds), 'feed')} to {path}: {', '.join(feed.id for feed in found.feeds)}"
        )
        _say_next(context, "finarchive crawl archives their articles")
    click.echo(f"{len(found.feeds)} feeds, {found.known} known, {len(found.mistakes)} left out", err=True)


@feeds_command.command("export")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def export_command(context: CommandContext, file: Path | None) -> None:
    """Write the feeds as OPML, to FILE or to stdout.

    Feed readers import OPML. It has the feeds that are on, without lists that only finarchive reads, such as sitemaps
    and Sina's roll lists.

    Example: finarchive feeds export feeds.opml
    """
    enabled = [feed for feed in context.settings.feeds if feed.enabled]
    feeds = [feed for feed in enabled if feed.kind == "rss"]
    data = write_opml("finarchive", [Outline(feed.name, feed.endpoint, feed.categories[:-1]) for feed in feeds])
    if file is None:
        click.echo(data, nl=False)
    else:
        write_output(file, data)
    click.echo(f"{len(feeds)} feeds; {len(enabled) - len(feeds)} of other kinds left out", err=True)


def _switch(context: CommandContext, names: Sequence[str], *, enabled: bool) -> None:
    state = "on" if enabled else "off"
    before = {feed.id: feed.enabled for feed in context.settings.feeds}
    known = [*before, *(feed.id for feed in builtin_feeds() if feed.id not in before)]
    if unknown := [name for name in names if name not in known]:
        raise CommandError(f"no feed is called {unknown[0]}; {suggestion(unknown[0], known)}")
    wanted = [name for name in dict.fromkeys(names) if before.get(name, False) != enabled]

    def edit(text: str) -> str:
        for name in wanted:
            text = switch_feed(text, name, enabled=enabled)
        return text

    for name in names:
        if name not in wanted:
            _say(context, f"{name} is {state} already.")
    if wanted:
        path = change_config(context, edit)
        _say(context, f"{', '.join(wanted)}: {state} now, in {path}.")
        _say_next(context, "")


def _new_feed(found: FoundFeed, name: str | None, categories: tuple[str, ...], configured: Sequence[Feed]) -> Feed:
    """Return the feed of a list that was found.

    :raises CommandError: it cannot have this id, or these categories
    """
    ids = {feed.id for feed in configured} | {feed.id for feed in builtin_feeds()}
    if name in ids:
        raise CommandError(f"a feed is called {name} already; choose another --id")
    folder = NO_FOLDER if found.kind == "rss" else SITEMAP_FOLDER
    try:
        feed = new_feed(found.kind, found.title, found.address, (folder,), ids)
        chosen = {"id": name or feed.id, "categories": categories or feed.categories}
        return Feed.model_validate(feed.model_dump() | chosen)
    except ValueError as error:
        raise CommandError(f"{found.address} cannot be added: {describe_all(error)}") from error


def _same_list(url: str, feeds: Sequence[Feed]) -> Feed | None:
    return next((feed for feed in feeds if comparable(feed.endpoint) == comparable(url)), None)


def _say_known(context: CommandContext, url: str, feed: Feed) -> None:
    advice = "" if feed.enabled else f"; it is off: finarchive feeds enable {feed.id}"
    _say(context, f"{url} is configured already, as {feed.id}{advice}.")


def _check_address(url: str) -> None:
    """Check that a feed may have an address, before anything is requested.

    :raises CommandError: it may not
    """
    try:
        Feed(id="new", kind="rss", categories=("new",), endpoint=url)
    except ValueError as error:
        raise CommandError(describe_all(error)) from error


def _say(context: CommandContext, line: str) -> None:
    if not context.is_quiet:
        click.echo(mask_secrets(line))


def _say_next(context: CommandContext, otherwise: str) -> None:
    """Say what puts a change into force."""
    if is_running(inner_path(context.settings.archive.root.absolute())):
        _say(context, "The daemon uses it after it has read its configuration again: systemctl reload finarchive")
    elif otherwise:
        _say(context, otherwise)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise CommandError(f"{file} has more than {MAX_BYTES:,} bytes, more than any list of feeds")
    return body
