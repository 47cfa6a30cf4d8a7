"""``finarchive fetcher``."""

from __future__ import annotations

import signal
from importlib.metadata import version

import click

from cli.context import CommandContext
from cli.options import cluster_address, cluster_option, extra_needed
from scheduler.exits import Exit
from scheduler.monitoring import logs


@click.command("fetcher")
@cluster_option
@click.option(
    "--hosts", type=click.IntRange(1, 1000), default=64, show_default=True, help="Maximum number of hosts at a time."
)
@click.option("--log-json", is_flag=True, help="Log one JSON object for each line.")
@click.pass_obj
def fetcher_command(context: CommandContext, *, dsn: str | None, hosts: int, log_json: bool) -> Exit:
    """Send the requests of an archive's daemon on another machine, until SIGTERM.

    It takes requests from PostgreSQL and stores the responses there. It needs no archive and keeps nothing. Any
    number of fetchers may run; no two of them send requests to one host at the same time.

    Example: finarchive fetcher --cluster postgresql://fetcher@db.example/finarchive
    """
    logs.set_up(1 if context.verbosity is None else context.verbosity, json=log_json)
    with extra_needed():
        from cluster.fetcher import FetchRunner  # noqa: PLC0415 - an extra

    fetcher = FetchRunner(cluster_address(context, dsn), context.settings.network, hosts, version("finarchive"))
    fetcher.run()
    return Exit.INTERRUPTED if fetcher.interrupted is signal.SIGINT else Exit.DONE
