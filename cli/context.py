"""The command line: what every command shares, and the way from errors to exit statuses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import click

from archive.model.errors import (
    QueryError,
)
from archive.query.parser import parse
from config.load import ConfigError, Mistake, find, load
from config.model import Feed, Settings
from scheduler.exits import Exit


@dataclass
class CommandContext:
    """What a command works with."""

    config: Path | None  # as given with -c
    verbosity: int | None  # as given with -v and -q; None for neither

    @cached_property
    def config_path(self) -> Path | None:
        """The configuration file in force; None for the built-in settings."""
        return find(self.config, os.environ, Path())

    @cached_property
    def settings(self) -> Settings:
        """The settings in force.

        :raises ConfigError: with every mistake in them
        """
        return _with_what_it_needs(load(self.config_path, os.environ, _understood), self.config_path)

    def reload(self) -> Settings:
        """The settings as they are now: from the file that they came from, or one that has appeared since.

        :raises ConfigError: with every mistake in them; or the file is gone
        """
        path = self.config_path or find(self.config, os.environ, Path())
        if path and path.exists() and not path.is_file():  # reading a pipe may take for ever
            raise ConfigError([Mistake(str(path), None, "", "is no regular file; it is read again at each SIGHUP")])
        return _with_what_it_needs(load(path, os.environ, _understood), path)

    def chosen(self, names: tuple[str, ...]) -> list[Feed]:
        """The feeds of these ids, else all that are on.

        :raises Refusal: there is no such feed, or it is off
        """
        by_id = {feed.id: feed for feed in self.settings.feeds}
        if unknown := [name for name in names if name not in by_id]:
            raise CommandError(f"no feed is called {', '.join(unknown)}; those configured are: {', '.join(by_id)}")
        if off := [name for name in names if not by_id[name].enabled]:
            raise CommandError(f"the feed {', '.join(off)} is off: set enabled = true in the configuration")
        return [by_id[name] for name in dict.fromkeys(names)] or [f for f in by_id.values() if f.enabled]

    @staticmethod
    def now() -> datetime:
        """The clock."""
        return datetime.now(UTC)


class CommandError(click.ClickException):
    """A command cannot do what it was asked; said in one line, without the usage that click prints with its own."""

    exit_code = Exit.USAGE


def _understood(query: str) -> None:
    try:
        parse(query)
    except QueryError as error:
        raise ValueError(f"cannot be understood: {error}") from error


def _with_what_it_needs(settings: Settings, path: Path | None) -> Settings:
    if settings.alerts and find_spec("apprise") is None:
        told = "need a library that is not installed: pip install 'finarchive[alerts]'"
        raise ConfigError([Mistake(str(path or "built-in settings"), None, "alerts", told)])
    return settings
