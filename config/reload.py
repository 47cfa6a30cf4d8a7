"""What differs between two configurations, for a daemon that is told to read its file again. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from config.model import Settings

# What is laid hold of once, when the daemon starts, and why. Everything else can change while it runs.
HELD = {
    "archive.root": "its lock, its index and the socket for other commands are held open",
    "archive.raw": "what is recorded is written into the journal first, or nothing is",
    "network.allow_private": "the guard is built into the resolver, of which a process has one",
    "health.port": "it is bound",
}


def changed(old: Settings, new: Settings) -> list[str]:
    """The settings whose value in force differs: "network.delay", or "feeds" for the list of feeds as a whole.

    In the order of the documentation. How a value was written, or whether it is a default, makes no difference.
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
    """Those of `names` (as `changed` gives them) that a running daemon cannot take up; `HELD` says why."""
    return [name for name in names if name in HELD]
