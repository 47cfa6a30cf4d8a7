"""``finarchive serve``."""

from __future__ import annotations

import os

import click

from cli.context import CommandContext
from cli.listening import inherited_socket, listen
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

    Under systemd it takes the socket that finarchive-serve.socket hands to it, and no port.

    Example: finarchive serve --port 8001
    """
    inherited = inherited_socket(os.environ)
    settings = context.settings
    existing_index(context)

    def on_start(address: str) -> None:
        click.echo(f"Serving {settings.archive.root.absolute()} at {address} until Ctrl-C")

    with inherited or listen(settings.serve.port if port is None else port) as listening:
        serve(settings, listening, context.now, on_start, log_requests=context.verbosity == 2)
    return Exit.DONE
