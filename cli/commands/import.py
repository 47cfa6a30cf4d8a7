"""``finarchive import``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from archive.files.output import open_output
from cli.context import CommandContext, CommandError
from config.errors import ConfigError
from config.feed_tables import ImportedFeeds, feed_table, has_feeds, import_feeds, with_feeds
from crawler.errors import ListingError
from crawler.listings.opml import read_opml

MAX_BYTES = 8_388_608  # like a page: a list of a thousand feeds has 300 KB


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--append", is_flag=True, help="Write the feeds to the configuration file instead of printing them.")
@click.pass_obj
def import_command(context: CommandContext, file: Path, append: bool) -> None:
    """Print [[feeds]] tables for the feeds of an OPML file, which other feed readers export.

    Folders become categories. Feeds that are configured already are left out.

    Example: finarchive import feeds.opml --append
    """
    try:
        found = import_feeds(read_opml(_read(file)), context.settings.feeds)
    except ListingError as error:
        raise CommandError(f"{file}: {error}") from error
    for mistake in found.mistakes:
        click.echo(f"left out: {mistake}", err=True)
    if append:
        _append(context, found)
    else:
        click.echo("\n".join(map(feed_table, found.feeds)), nl=False)
        if found.feeds and not (context.source.path and has_feeds(_text(context.source.path))):
            click.echo("Any [[feeds]] in a configuration replaces the built-in feeds; --append keeps them.", err=True)
    click.echo(f"{len(found.feeds)} feeds, {found.known} known, {len(found.mistakes)} left out", err=True)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise CommandError(f"{file} has more than {MAX_BYTES:,} bytes, more than any list of feeds")
    return body


def _append(context: CommandContext, found: ImportedFeeds) -> None:
    """Write feeds to the configuration file, if it is valid with them."""
    path = context.source.path
    if path is None:
        raise CommandError("there is no configuration file to append to: finarchive init writes one")
    if not found.feeds:
        return
    text = _text(path)
    changed = with_feeds(text, found.feeds)
    _check(changed, path)
    try:
        with open_output(path) as output:
            output.write(changed.encode())
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}; it was not changed") from error
    if not has_feeds(text):
        click.echo(f"{path} had no feeds of its own; it has the built-in ones now, before the new ones", err=True)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")  # it was loaded before, so it can be read


def _check(text: str, path: Path) -> None:
    """Check that a configuration is valid.

    :raises CommandError: it is not; that happens if the file writes its feeds as an array in one line
    """
    from cli.settings import SettingsSource, load_settings  # noqa: PLC0415 - see cli.settings

    with tempfile.NamedTemporaryFile("wb", suffix=".toml") as file:
        file.write(text.encode())
        file.flush()
        try:
            load_settings(SettingsSource(Path(file.name), os.environ, None))
        except ConfigError as error:
            reason = "; ".join(f"{each.key}: {each.message}".lstrip(": ") for each in error.mistakes)
            raise CommandError(f"{path} was not changed, because it would not be valid: {reason}") from error
