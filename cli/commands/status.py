"""``finarchive status``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from archive.files.layout import inner_path
from cli.context import CommandContext
from cli.options import json_option, open_store, print_json
from cli.output.status import show_status
from cli.settings import settings_of
from scheduler.daemon.control_client import is_running
from scheduler.monitoring.reports import report_feeds, report_gaps, status_json

if TYPE_CHECKING:
    from archive.store import Store
    from config.model import Settings


@click.command("status")
@json_option
@click.pass_obj
def status_command(context: CommandContext, as_json: bool) -> None:
    """Show the state of each feed, what waits and why, and which articles may be missing.

    Of several archives, one after the other is shown, each with the configured feeds that it has read.

    Example: finarchive status --json
    """
    now, stores = context.now(), open_store(context).stores
    if context.more_roots:
        _show_several(context, stores, now, as_json=as_json)
        return
    [store] = stores
    if as_json:
        print_json(status_json(context.settings, store, now))
    else:
        _show(context.settings, store, now)


def _show(settings: Settings, store: Store, now: datetime) -> None:
    reports = report_feeds(settings, store, now)
    gaps = report_gaps(settings, store)
    show_status(settings, reports, gaps, store, now, has_daemon=is_running(inner_path(store.root)))


def _show_several(context: CommandContext, stores: Sequence[Store], now: datetime, *, as_json: bool) -> None:
    documents = {}
    for place, store in enumerate(stores):
        settings, name = settings_of(context.settings, store), store.prefix[:-1]
        if others := sorted(store.feeds.histories().keys() - {feed.id for feed in context.settings.feeds}):
            context.warn(f"{name} has feeds that are not in the configuration, which -c names: {', '.join(others)}")
        if as_json:
            documents[name] = status_json(settings, store, now)
        else:
            click.echo(nl=place > 0)
            _show(settings, store, now)
    if as_json:
        print_json({"archives": documents})
