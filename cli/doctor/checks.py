"""Checks whether finarchive has what it needs. Changes nothing, except for test files that it removes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive.files.disk_space import free_bytes
from archive.files.layout import inner_path
from archive.model.errors import ArchiveError
from archive.store import Store
from cli.context import CommandContext, CommandError
from cli.doctor.check import Check
from cli.doctor.cluster import check_cluster
from cli.doctor.feeds import check_lists, check_proxies
from cli.doctor.mirror import check_mirror
from cli.doctor.proof import check_proof
from cli.options import existing_index
from config.errors import ConfigError
from config.model import Settings
from scheduler.alerts import sender
from scheduler.daemon.control_client import is_running
from scheduler.errors import HealthError
from scheduler.exits import Exit
from scheduler.monitoring.health_token import read_token

# A year of the busiest list measured (600 articles a day of 15 kB each) takes some 3 GB.
MIN_FREE_BYTES = 3 * 10**9


def run_checks(context: CommandContext, *, offline: bool) -> list[Check]:
    """Run all checks; if the configuration has mistakes, only that one.

    :param offline: do not read the lists
    """
    try:
        settings = context.settings
    except ConfigError as error:
        return [Check("configuration", False, str(error), Exit.USAGE)]
    file = f"{context.source.path}" if context.source.path else "built-in settings, no file found"
    enabled = sum(feed.enabled for feed in settings.feeds)
    checks = [Check("configuration", enabled > 0, f"{file}; {enabled} feeds are on", Exit.USAGE)]
    root = settings.archive.root.absolute()
    checks += [_folder(root), *_hard_links(root), _disk_space(root), _index(context), _daemon(root)]
    checks += check_proxies()
    checks += [Check("feed", True, "no list was read: --offline")] if offline else check_lists(context)
    checks += _alerts(settings)
    checks += _health(settings)
    checks += check_proof(settings.proof)
    checks += check_mirror(settings, context.now(), offline=offline)
    checks += check_cluster(settings, offline=offline)
    return checks


def _folder(root: Path) -> Check:
    folder = _existing_folder(root)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".finarchive-doctor-"):
            pass
    except OSError as error:
        return Check("folder", False, f"{folder} cannot be written: {error.strerror}; set archive.root", Exit.USAGE)
    return Check("folder", True, str(root) if folder == root else f"{root} will be created")


def _hard_links(root: Path) -> Iterator[Check]:
    """Check whether the file system has hard links, with a test file."""
    try:
        with tempfile.NamedTemporaryFile(dir=_existing_folder(root), prefix=".finarchive-doctor-") as file:
            link = Path(f"{file.name}.link")
            try:
                os.link(file.name, link)
            except OSError as error:
                yield Check("links", True, f"no hard links ({error.strerror}): superseded versions are copied")
            else:
                link.unlink()
                yield Check("links", True, "the file system has hard links")
    except OSError:
        return  # the folder cannot be written, which is reported already


def _existing_folder(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _health(settings: Settings) -> Iterator[Check]:
    """Check that the token of the health page can be read."""
    if not settings.health.port:
        return
    try:
        token = read_token(settings.health)
    except HealthError as error:
        yield Check("health", False, str(error), Exit.USAGE)
    else:
        place = f"port {settings.health.port} of {settings.health.address}"
        yield Check("health", True, f"{place}, {'with a' if token else 'without a'} token")


def _disk_space(root: Path) -> Check:
    free = free_bytes(root)
    message = f"{free / 10**9:.1f} GB free; a year of a busy list takes about {MIN_FREE_BYTES / 10**9:.0f} GB"
    return Check("room", free >= MIN_FREE_BYTES, message)


def _index(context: CommandContext) -> Check:
    try:
        path = existing_index(context)
        store = Store.open_for_reading(path)
        problem = store.damage()
        counts = store.entries.counts()
    except CommandError as error:  # nothing is wrong before the first crawl
        return Check("index", True, error.message)
    except ArchiveError as error:
        return Check("index", False, str(error))
    if problem:
        return Check("index", False, f"{path} is damaged ({problem}): finarchive rebuild recreates it")
    return Check("index", True, f"{counts.archived} articles, {counts.pending} waiting, {counts.parked} parked")


def _daemon(root: Path) -> Check:
    message = "runs" if is_running(inner_path(root)) else "none runs: finarchive run, or a service"
    return Check("daemon", True, message)


def _alerts(settings: Settings) -> Iterator[Check]:
    """Check that apprise supports each address; nothing is sent."""
    for alert in settings.alerts:
        if not alert.urls:
            yield Check(
                "alert", True, f"{alert.name}: it has no addresses here; the daemon's environment may have them"
            )
        for number, url in enumerate(alert.urls, start=1):
            problem = asyncio.run(sender.check(url.get_secret_value()))
            result = problem or f"finarchive alerts --test {alert.name} sends to it"
            yield Check("alert", problem is None, f"{alert.name}, address {number}: {result}", Exit.USAGE)
