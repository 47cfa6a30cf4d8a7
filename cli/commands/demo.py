"""``finarchive demo``."""

from __future__ import annotations

from pathlib import Path

import click

from cli.context import CommandContext
from scheduler.exits import Exit


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo-archive"))
@click.pass_obj
def demo(context: CommandContext, folder: Path) -> Exit:
    """Archive a small invented news site on this machine, to show what finarchive does. Needs no network.

    Example: finarchive demo /tmp/demo
    """
    from cli.demo_site import run_demo  # noqa: PLC0415 - Scrapy again

    return run_demo(folder, context.now)
