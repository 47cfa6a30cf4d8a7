"""``finarchive run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import CommandContext, CommandError
from scheduler.exits import Exit
from scheduler.monitoring import logs

if TYPE_CHECKING:
    pass


@click.command()
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
@click.pass_obj
def run(context: CommandContext, log_json: bool) -> Exit:
    """Run the daemon: poll every feed when it is due, archive what is new, close gaps, until SIGTERM.

    SIGHUP reads the configuration again. The other commands work beside it.

    Example: finarchive run
    """
    from scheduler.daemon.daemon import Environment, run_daemon  # noqa: PLC0415 - Scrapy again
    from scheduler.monitoring.health import HealthError  # noqa: PLC0415

    logs.set_up(1 if context.verbosity is None else context.verbosity, json=log_json)
    try:
        return run_daemon(context.settings, context.reload, Environment.of_the_system())
    except HealthError as error:
        raise CommandError(str(error)) from error
