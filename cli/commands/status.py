"""``finarchive status``."""

from __future__ import annotations

import json

import click

from archive.files.layout import inner_path
from cli.context import CommandContext
from cli.options import json_option, open_index_if_any
from cli.output import console
from scheduler.daemon.control_socket import runs
from scheduler.monitoring.reports import report_feeds, report_gaps, status_json


@click.command()
@json_option
@click.pass_obj
def status(context: CommandContext, as_json: bool) -> None:
    """Show how each feed is doing, what waits and why, and what may have been missed.

    Example: finarchive status --json
    """
    store = open_index_if_any(context)
    now = context.now()
    if as_json:
        click.echo(json.dumps(status_json(context.settings, store, now), ensure_ascii=False))
    else:
        reports = report_feeds(context.settings, store, now)
        gaps = report_gaps(context.settings, store)
        daemon = runs(inner_path(context.settings.archive.root.absolute()))
        console.show_status(context.settings, reports, gaps, store, now, daemon=daemon)
