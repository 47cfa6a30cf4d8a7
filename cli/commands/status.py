"""``finarchive status``."""

from __future__ import annotations

import json

import click

from archive.archive import INNER
from cli.context import CommandContext
from cli.options import json_option, open_index_if_any
from cli.output import console
from scheduler.daemon.control_socket import runs
from scheduler.monitoring.reports import report_feeds, report_gaps, status_json


@click.command()
@json_option
@click.pass_obj
def status(session: CommandContext, as_json: bool) -> None:
    """Show how each feed is doing, what waits and why, and what may have been missed.

    Example: finarchive status --json
    """
    store = open_index_if_any(session)
    now = session.now()
    if as_json:
        click.echo(json.dumps(status_json(session.settings, store, now), ensure_ascii=False))
    else:
        reports = report_feeds(session.settings, store, now)
        gaps, daemon = report_gaps(session.settings, store), runs(session.settings.archive.root.absolute() / INNER)
        console.show_status(session.settings, reports, gaps, store, now, daemon=daemon)
