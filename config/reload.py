"""Differences between two configurations, for a daemon that reloads its file. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from config.model import Settings

# Settings that a running daemon cannot change, and why. All others take effect at once.
NEEDS_RESTART = {
    "archive.root": "the daemon holds its lock, its index and the control socket open",
    "archive.raw": "the journal is opened once: either it has every event or none",
    "network.allow_private": "the check of addresses is part of the resolver, and a process has one resolver",
    "journal.mirror": "a thread copies to it from the start of the process to its end",
    "health.port": "the port is bound once",
    "health.address": "the port is bound once",
    "health.token": "it is read when the port is bound",
    "health.token_file": "it is read when the port is bound",
    "cluster.dsn": "the requests of a daemon are in one cluster",
    "cluster.max_waiting": "it is written where the keeper begins to lead",
}


def changed(old: Settings, new: Settings) -> list[str]:
    """Return the settings with different values: "network.delay", or "feeds" for the whole list of feeds.

    They are in the order of the documentation. Another spelling of a value, or a default written out, is no change.
    """
    names = []
    for section in Settings.model_fields:
        before, after = getattr(old, section), getattr(new, section)
        if isinstance(before, BaseModel):
            keys = type(before).model_fields
            names += [f"{section}.{key}" for key in keys if getattr(before, key) != getattr(after, key)]
        elif before != after:
            names.append(section)
    return names


def needs_restart(names: Iterable[str]) -> list[str]:
    """Return those of `names`, as from `changed`, that need a restart; `NEEDS_RESTART` says why."""
    return [name for name in names if name in NEEDS_RESTART]
