"""``finarchive doctor``."""

from __future__ import annotations

import json

import click

from cli.context import CommandContext
from cli.diagnostics import examine
from cli.options import json_option
from cli.output import console
from scheduler.exits import Exit


@click.command()
@json_option
@click.pass_obj
def doctor(context: CommandContext, as_json: bool) -> Exit:
    """Check what finarchive needs: configuration, folder, index, room, network.

    Example: finarchive doctor
    """
    checks = examine(context)
    if as_json:
        click.echo(json.dumps([check.as_json() for check in checks], ensure_ascii=False))
    else:
        console.show_checks(checks)
    return max((check.status for check in checks), default=Exit.DONE)
