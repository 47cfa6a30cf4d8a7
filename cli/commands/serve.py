"""``finarchive serve``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from archive.files.folders import archive_root
from archive.files.layout import index_path
from archive.index.connection import open_index_for_reading
from archive.index.union_views import ensure_few
from archive.model.errors import ArchiveError
from archive.union.store import UnionStore
from cli.context import CommandContext
from cli.listening import inherited_socket, listen
from cli.options import existing_index
from cli.web_server import serve
from scheduler.exits import Exit


@click.command("serve")
@click.argument("roots", nargs=-1, metavar="[ROOT]...", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="Listen on this port of 127.0.0.1; 0 for any free port. Default: serve.port.",
)
@click.pass_obj
def serve_command(context: CommandContext, roots: tuple[Path, ...], port: int | None) -> Exit:
    """Show the archive in a browser on this machine, read-only, until Ctrl-C or SIGTERM.

    With several ROOT, or --root, these archives are shown as one.

    Under systemd it takes the socket that finarchive-serve.socket hands to it, and no port.

    Example: finarchive serve --port 8001

    Example: finarchive serve /srv/east /srv/west
    """
    for root in roots:
        context.set_option("root", root, "ROOT")
    inherited = inherited_socket(os.environ)
    settings = context.settings
    indexes = _indexes(context)
    served = ", ".join(str(archive_root(each)) for each in indexes.values())

    def on_start(address: str) -> None:
        click.echo(f"Serving {served} at {address} until Ctrl-C")

    with inherited or listen(settings.serve.port if port is None else port) as listening:
        serve(settings, indexes, listening, context.now, on_start, log_requests=context.verbosity == 2)
    return Exit.DONE


def _indexes(context: CommandContext) -> dict[str, Path]:
    """The paths of the indexes, by the names of the archives: an error is reported now, and not on every page.

    :raises ArchiveError: the index cannot be read; of several, none can
    """
    if not context.more_roots:
        path = existing_index(context)
        open_index_for_reading(path).close()
        return {context.archive_root.name: path}
    indexes = {name: index_path(root) for name, root in context.archive_roots.items()}
    failures = []
    for name, path in indexes.items():
        try:
            UnionStore.open_for_reading({name: path}).close()
        except ArchiveError as error:
            failures.append(str(error))
            context.warn(f"the pages lack {name}: {error}")
    if len(failures) == len(indexes):
        raise ArchiveError("none of these archives can be read: " + "; ".join(failures))
    ensure_few(indexes)
    return indexes
