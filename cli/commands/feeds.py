"""``finarchive feeds``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.options import json_option, print_json
from cli.output.status import show_feeds


@click.command("feeds")
@json_option
@click.pass_obj
def feeds_command(context: CommandContext, as_json: bool) -> None:
    """Show the configured feeds, and which of them are on.

    Example: finarchive feeds
    """
    if as_json:
        print_json([feed.model_dump(mode="json") | {"author": feed.author_name} for feed in context.settings.feeds])
    else:
        show_feeds(context.settings, context.source.path)
