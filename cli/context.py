"""Context of every command: the global options, the settings, the clock; and the root error of this package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scheduler.exits import Exit

if TYPE_CHECKING:
    from config.model import Feed, Settings


class CommandError(click.ClickException):
    """A command failed. The message is one line: the problem, and what to do."""

    exit_code = Exit.USAGE


@dataclass
class CommandContext:
    """The global options, and the settings that follow from them."""

    config: Path | None  # from -c
    verbosity: int | None  # from -v (2) and -q (-1); None for neither

    @property
    def is_quiet(self) -> bool:
        """True if -q was given."""
        return self.verbosity == -1

    @cached_property
    def config_path(self) -> Path | None:
        """The configuration file in force; None for the built-in settings.

        :raises ConfigError: a file was named that does not exist
        """
        from cli.settings import find_config  # noqa: PLC0415 - see cli.settings

        return find_config(self.config)

    @cached_property
    def settings(self) -> Settings:
        """The settings in force.

        :raises ConfigError: with every mistake in them
        """
        from cli.settings import load_settings  # noqa: PLC0415 - see cli.settings

        return load_settings(self.config_path)

    def reload(self) -> Settings:
        """The current settings: from the file used at start-up, or from one that has appeared since.

        :raises ConfigError: with every mistake in them; or the file is gone
        """
        from cli.settings import find_config, reload_settings  # noqa: PLC0415 - see cli.settings

        return reload_settings(self.config_path or find_config(self.config))

    def feeds(self, names: tuple[str, ...]) -> list[Feed]:
        """The feeds of these ids; all that are on if there are no ids.

        :raises CommandError: a feed does not exist, or is off
        """
        by_id = {feed.id: feed for feed in self.settings.feeds}
        if unknown := [name for name in names if name not in by_id]:
            raise CommandError(f"no feed is called {', '.join(unknown)}; those configured are: {', '.join(by_id)}")
        if off := [name for name in names if not by_id[name].enabled]:
            raise CommandError(f"the feed {', '.join(off)} is off: set enabled = true in the configuration")
        return [by_id[name] for name in dict.fromkeys(names)] or [feed for feed in by_id.values() if feed.enabled]

    @staticmethod
    def now() -> datetime:
        """The current time, timezone-aware."""
        return datetime.now(UTC)
