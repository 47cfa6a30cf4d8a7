"""``finarchive demo``."""

from __future__ import annotations

from pathlib import Path

import click

from cli.context import CommandContext
from cli.demo_site import run_demo
from scheduler.exits import Exit
from scheduler.monitoring import logs


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo-archive"))
@click.pass_obj
def demo_command(context: CommandContext, folder: Path) -> Exit:
    """Archive a small invented news site on this machine into FOLDER. Needs no network.

    FOLDER must be new or empty, or that of an earlier demo.

    Example: finarchive demo /tmp/demo
    """
    if context.verbosity is None:
        # Lines of articles would hide the summary. Warnings mean nothing: each demo's site has another port.
        logs.set_up(-1)
    return run_demo(folder, context.now, quiet=context.is_quiet)
