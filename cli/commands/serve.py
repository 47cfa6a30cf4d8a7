"""``finarchive serve``: the archive in a browser."""

from __future__ import annotations

import click

from cli.context import CommandContext, CommandError
from scheduler.exits import Exit


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="Listen on this port of 127.0.0.1; 0 for any that is free. serve.port unless given.",
)
@click.pass_obj
def serve(context: CommandContext, port: int | None) -> Exit:
    """Show the archive in a browser on this machine, until Ctrl-C or SIGTERM. Nothing can be changed there.

    Example: finarchive serve --port 8001
    """
    from cli.web_server import ServeError  # noqa: PLC0415 - no other command needs a server
    from cli.web_server import serve as serve_archive  # noqa: PLC0415

    settings = context.settings
    asked = settings.serve.port if port is None else port

    def on_start(address: str) -> None:
        click.echo(f"Serving {settings.archive.root.absolute()} at {address} until Ctrl-C")

    try:
        serve_archive(settings, asked, context.now, on_start, log_requests=context.verbosity == 2)
    except ServeError as error:
        raise CommandError(str(error)) from error
    return Exit.DONE
