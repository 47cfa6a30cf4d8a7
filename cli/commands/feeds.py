"""``finarchive feeds``."""

from __future__ import annotations

import json

import click

from cli.context import CommandContext
from cli.options import json_option
from cli.output import console


@click.command()
@json_option
@click.pass_obj
def feeds(context: CommandContext, as_json: bool) -> None:
    """Show which feeds are configured, and which of them are on.

    Example: finarchive feeds
    """
    if as_json:
        rows = [feed.model_dump(mode="json") | {"author": feed.author_name} for feed in context.settings.feeds]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        console.show_feeds(context.settings, context.config_path)
