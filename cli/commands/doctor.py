"""``finarchive doctor``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.doctor.checks import run_checks
from cli.options import json_option, print_json
from cli.output.status import show_checks
from scheduler.exits import Exit


@click.command("doctor")
@json_option
@click.pass_obj
def doctor_command(context: CommandContext, as_json: bool) -> Exit:
    """Check the configuration, the folder, the disk space, the index, the network and the alerts.

    Example: finarchive doctor
    """
    checks = run_checks(context)
    if as_json:
        print_json([check.as_json() for check in checks])
    else:
        show_checks(checks)
    return max((check.status for check in checks), default=Exit.DONE)
