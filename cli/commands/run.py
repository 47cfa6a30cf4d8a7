"""``finarchive run``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from scheduler.daemon.daemon import Environment, run_daemon
from scheduler.exits import Exit
from scheduler.monitoring import logs


@click.command("run")
@click.option("--log-json", is_flag=True, help="Log one JSON object for each line.")
@click.pass_obj
def run_command(context: CommandContext, log_json: bool) -> Exit:
    """Run the daemon: poll each feed when it is due, archive new articles and close gaps, until SIGTERM.

    SIGHUP reloads the configuration. The other commands can be used while the daemon runs.

    Example: finarchive run
    """
    logs.set_up(1 if context.verbosity is None else context.verbosity, json=log_json)
    return run_daemon(context.settings, context.reload, Environment.from_system())
