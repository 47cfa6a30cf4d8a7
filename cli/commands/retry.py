"""``finarchive retry``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.daemon_client import prefer_daemon, send_to_daemon
from cli.options import existing_root, json_option, print_json


@click.command("retry")
@click.option("--parked", is_flag=True, help="Also release articles and pictures that were given up.")
@json_option
@click.pass_obj
def retry_command(context: CommandContext, parked: bool, as_json: bool) -> None:
    """Make everything that waits for a later attempt due now. The next crawl, or the daemon, tries it.

    Example: finarchive retry --parked && finarchive crawl
    """
    existing_root(context)
    request = {"command": "retry", "parked": parked}
    released = prefer_daemon(
        lambda: int(send_to_daemon(context, request)["released"]),
        lambda: _release(context, parked=parked),
    )
    if as_json:
        print_json({"released": released})
    else:
        context.say(f"Released {released}: they are tried next." if released else "Nothing waits for a later time.")


def _release(context: CommandContext, *, parked: bool) -> int:
    from archive.archive import Archive  # noqa: PLC0415 - only without a daemon
    from crawler.parsing.pool import ParserPool  # noqa: PLC0415
    from pipeline.recovery import recover  # noqa: PLC0415

    settings = context.settings
    raw = settings.archive.raw == "warc"
    with Archive(settings.archive.root, "retry", context.now(), raw=raw) as archive, ParserPool() as parsers:
        recover(archive, settings, context.now(), parsers)
        return archive.store.queues.release(context.now(), parked=parked)
