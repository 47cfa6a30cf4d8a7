"""``finarchive status``."""

from __future__ import annotations

import click

from archive.files.layout import inner_path
from cli.context import CommandContext
from cli.options import json_option, open_store, print_json
from cli.output.status import show_status
from scheduler.daemon.control_client import is_running
from scheduler.monitoring.reports import report_feeds, report_gaps, status_json


@click.command("status")
@json_option
@click.pass_obj
def status_command(context: CommandContext, as_json: bool) -> None:
    """Show the state of each feed, what waits and why, and which articles may be missing.

    Example: finarchive status --json
    """
    store = open_store(context)
    settings = context.settings
    now = context.now()
    if as_json:
        print_json(status_json(settings, store, now))
        return
    reports = report_feeds(settings, store, now)
    gaps = report_gaps(settings, store)
    has_daemon = is_running(inner_path(context.archive_root))
    show_status(settings, reports, gaps, store, now, has_daemon=has_daemon)
