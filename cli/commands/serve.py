"""``finarchive serve``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.options import existing_index
from cli.web_server import serve
from scheduler.exits import Exit


@click.command("serve")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="Listen on this port of 127.0.0.1; 0 for any free port. Default: serve.port.",
)
@click.pass_obj
def serve_command(context: CommandContext, port: int | None) -> Exit:
    """Show the archive in a browser on this machine, read-only, until Ctrl-C or SIGTERM.

    Example: finarchive serve --port 8001
    """
    settings = context.settings
    existing_index(context)

    def on_start(address: str) -> None:
        click.echo(f"Serving {settings.archive.root.absolute()} at {address} until Ctrl-C")

    serve(
        settings,
        settings.serve.port if port is None else port,
        context.now,
        on_start,
        log_requests=context.verbosity == 2,
    )
    return Exit.DONE
