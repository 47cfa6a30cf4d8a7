"""``finarchive retry``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from archive.archive import Archive
from cli.context import CommandContext
from pipeline.recovery import recover

if TYPE_CHECKING:
    pass
from cli.commands.crawl import json_option
from cli.daemon_client import here_or_there, send_to_daemon


@click.command()
@click.option("--parked", is_flag=True, help="Release also what was given up.")
@json_option
@click.pass_obj
def retry(context: CommandContext, parked: bool, as_json: bool) -> None:
    """Release what waits, for the next crawl, or the daemon, to try again.

    Example: finarchive retry --parked && finarchive crawl
    """

    def here() -> int:
        settings = context.settings
        raw = settings.archive.raw == "warc"
        with Archive(settings.archive.root, "retry", context.now(), raw=raw) as archive:
            recover(archive, settings, context.now())
            return archive.store.queues.release(context.now(), parked=parked)

    def there() -> int:
        return int(send_to_daemon(context, {"command": "retry", "parked": parked}, lambda progress: None)["released"])

    released = here_or_there(here, there)
    told = f"Released {released}: they are tried next." if released else "Nothing waits for a later time."
    click.echo(json.dumps({"released": released}) if as_json else told)
