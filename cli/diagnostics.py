"""Does finarchive have what it needs here? Looks, and changes nothing but a test file it removes."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from archive.files.layout import index_path, inner_path
from archive.model.errors import ArchiveError
from archive.store import Store
from cli.context import CommandContext
from config.load import ConfigError
from config.model import Settings
from scheduler.alerts import sender
from scheduler.daemon.control_socket import runs
from scheduler.exits import Exit

# A year of the busiest list measured (600 articles a day of 15 kB) takes some 3 GB.
MIN_ROOM = 3 * 10**9
CONNECT_TIMEOUT = 5.0  # seconds; a host that is there answers in one


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    told: str  # what was found, and what to do where it is not as it should be
    failing: Exit = Exit.PROBLEMS  # the exit status when it is not

    @property
    def status(self) -> Exit:
        """What it means for the exit status."""
        return Exit.DONE if self.ok else self.failing

    def as_json(self) -> dict[str, Any]:
        """For ``doctor --json``."""
        return {"name": self.name, "ok": self.ok, "told": self.told}


def examine(context: CommandContext) -> list[Check]:
    """Look at everything; what cannot be looked at without a configuration is left out."""
    try:
        settings = context.settings
    except ConfigError as error:
        return [Check("configuration", False, str(error), Exit.USAGE)]
    source = f"{context.config_path}" if context.config_path else "built-in settings, no file found"
    on = sum(feed.enabled for feed in settings.feeds)
    checks = [Check("configuration", on > 0, f"{source}; {on} feeds are on", Exit.USAGE)]
    root = settings.archive.root.absolute()
    checks += [_folder(root), _room(root), _index(root)]
    checks.append(
        Check("daemon", True, "runs" if runs(inner_path(root)) else "none runs: finarchive run, or a service")
    )
    checks += _network(settings)
    checks += _alerts(settings)
    return checks


def _folder(root: Path) -> Check:
    there = root
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".finarchive-doctor-"):
            pass
    except OSError as error:
        return Check("folder", False, f"{there} cannot be written: {error.strerror}; set archive.root", Exit.USAGE)
    return Check("folder", True, str(root) if there == root else f"{root} will be made")


def _room(root: Path) -> Check:
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    told = f"{free / 10**9:.1f} GB free; a year of a busy list takes about {MIN_ROOM / 10**9:.0f} GB"
    return Check("room", free >= MIN_ROOM, told)


def _index(root: Path) -> Check:
    try:
        store = Store.open_for_reading(index_path(root))
        problem = store.damage()
        counts = store.entries.counts()
    except ArchiveError as error:
        return Check("index", False, str(error))
    if problem:
        return Check("index", False, f"{index_path(root)} is damaged ({problem}): finarchive rebuild makes it anew")
    return Check("index", True, f"{counts.archived} articles, {counts.pending} wait, {counts.parked} parked")


def _alerts(settings: Settings) -> Iterator[Check]:
    """Whether there are such addresses; nothing is sent."""
    for alert in settings.alerts:
        if not alert.urls:
            yield Check(
                "alert", True, f"{alert.name}: it has no addresses here; they may stand where the daemon runs"
            )
        for number, url in enumerate(alert.urls, start=1):
            wrong = asyncio.run(sender.check(url.get_secret_value()))
            told = f"{alert.name}, address {number}: {wrong or f'finarchive alerts --test {alert.name} sends to it'}"
            yield Check("alert", wrong is None, told, Exit.USAGE)


def _network(settings: Settings) -> Iterator[Check]:
    if proxies := getproxies():
        yield Check("proxy", True, ", ".join(f"{kind}: {address}" for kind, address in sorted(proxies.items())))
        return  # whether a host can be reached is then the proxy's to know
    for endpoint in sorted({feed.endpoint for feed in settings.feeds if feed.enabled}):
        parts = urlsplit(endpoint)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        try:
            with socket.create_connection((host, port), CONNECT_TIMEOUT) as connection:
                if secure:
                    ssl.create_default_context().wrap_socket(connection, server_hostname=host).close()
        except OSError as error:
            yield Check("network", False, f"{host}: {error.strerror or error}", Exit.NO_FEED)
        else:
            yield Check("network", True, f"{host} answers")
