"""``finarchive doctor``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.doctor.checks import run_checks
from cli.options import json_option, print_json
from cli.output.status import show_checks
from scheduler.exits import Exit


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Do not read the lists.")
@json_option
@click.pass_obj
def doctor_command(context: CommandContext, offline: bool, as_json: bool) -> Exit:
    """Check the configuration, the folder, the disk, the index, the lists and the alerts.

    Each list that is on is read once, as a crawl reads it. Nothing is archived.

    Example: finarchive doctor
    """
    checks = run_checks(context, offline=offline)
    if as_json:
        print_json([check.as_json() for check in checks])
    else:
        show_checks(checks)
    return max((check.status for check in checks), default=Exit.DONE)
