"""The commands. Each is a few lines: it calls one function and shows what came of it."""

from __future__ import annotations

import click

from cli.commands.alerts import alerts_command
from cli.commands.backfill import backfill
from cli.commands.coverage import coverage
from cli.commands.crawl import crawl_command
from cli.commands.demo import demo
from cli.commands.diff import diff
from cli.commands.doctor import doctor
from cli.commands.export import export_command
from cli.commands.feeds import feeds
from cli.commands.init import init
from cli.commands.rebuild import rebuild_command
from cli.commands.retry import retry
from cli.commands.run import run
from cli.commands.search import search_command
from cli.commands.serve import serve
from cli.commands.service import service
from cli.commands.show import show
from cli.commands.status import status
from cli.commands.tail import tail
from cli.commands.verify import verify_command


def register(group: click.Group) -> None:
    """Add all commands to the command line."""
    for command in (
        crawl_command, run, feeds, status, coverage, backfill, retry, search_command, tail, alerts_command, show,
        diff, export_command, verify_command, rebuild_command, serve, service, init, doctor, demo,
    ):  # fmt: skip
        group.add_command(command)
