"""Context of every command: the global options, the settings, the clock; and the root error of this package."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from scheduler.exits import Exit

if TYPE_CHECKING:
    from cli.settings import SettingsSource
    from config.model import Feed, Settings


class CommandError(click.ClickException):
    """A command failed. The message is one line: the problem, and what to do."""

    exit_code = Exit.USAGE


class NoRoomError(CommandError):
    """A file that the user has named cannot be written for now: a full or broken disk, a quota."""

    exit_code = Exit.SOME_FAILED


# Errors of a write to a full disk, over a quota, over the size limit of a file, or to a broken disk.
WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def cannot_write(path: Path, error: OSError) -> CommandError:
    """The error for a file that the user has named and that cannot be written; it is as before."""
    message = f"{path} cannot be written: {error.strerror}"
    if error.errno in WRITE_ERRORS:
        return NoRoomError(f"{message}; free some space there, then run this again")
    return CommandError(message)


class CommandContext(Struct, dict=True):
    """The global options, and the settings that follow from them."""

    creates: bool = False  # whether the command creates an archive where there is none
    config: Path | None = None  # from -c
    root: Path | None = None  # from --root, the first one
    more_roots: tuple[Path, ...] = ()  # from --root, the others
    is_utc: bool = False  # from --utc
    is_verbose: bool = False  # from -v
    is_quiet: bool = False  # from -q
    _root_refusal: str | None = None  # why the command does not take --root
    _reader_of_one: str | None = None  # the command's name, if it does not read several archives as one

    def set_option(self, name: str, value: Any, label: str) -> None:
        """Set a global option, which may be given before and after the name of the command.

        :param name: of the attribute
        :param label: the option for a message
        :raises click.UsageError: it has another value already, or contradicts another option
        """
        if name == "root" and self.root not in (None, value):
            self.more_roots = (*dict.fromkeys((*self.more_roots, value)),)
            self._check_roots()
            return
        default = getattr(CommandContext(), name)
        if getattr(self, name) not in (default, value):
            raise click.UsageError(f"{label} is given twice, as {getattr(self, name)} and as {value}")
        setattr(self, name, value)
        if self.is_verbose and self.is_quiet:
            raise click.UsageError("-v and -q exclude each other")
        if self.root and self._root_refusal:
            raise click.UsageError(self._root_refusal)

    def refuse_root(self, reason: str) -> None:
        """Refuse --root, wherever it is given.

        :raises click.UsageError: it was given before the name of the command
        """
        self._root_refusal = reason
        if self.root:
            raise click.UsageError(reason)

    def refuse_several_roots(self, name: str) -> None:
        """Refuse more than one --root, wherever they are given.

        :param name: of the command
        :raises click.UsageError: two were given before the name of the command
        """
        self._reader_of_one = name
        self._check_roots()

    def _check_roots(self) -> None:
        if self.more_roots and self._reader_of_one:
            roots = ", ".join(map(str, (self.root, *self.more_roots)))
            raise click.UsageError(f"{self._reader_of_one} takes one archive: name one --root instead of {roots}")

    def say(self, line: str) -> None:
        """Print what a command did, unless -q was given."""
        if not self.is_quiet:
            click.echo(line)

    def warn(self, line: str) -> None:
        """Print on stderr what is not as one expects, unless -q was given."""
        if not self.is_quiet:
            click.echo(f"finarchive: {line}", err=True)

    @property
    def verbosity(self) -> int | None:
        """What is logged: 2 for -v, -1 for -q, None for neither."""
        return 2 if self.is_verbose else -1 if self.is_quiet else None

    @cached_property
    def source(self) -> SettingsSource:
        """What the settings are read from.

        :raises ConfigError: a file was named that does not exist
        """
        from cli.settings import find_source  # noqa: PLC0415 - see cli.settings

        return find_source(self.config, self.root, creates=self.creates)

    @cached_property
    def settings(self) -> Settings:
        """The settings in force.

        :raises ConfigError: with every mistake in them
        """
        from cli.settings import load_settings  # noqa: PLC0415 - see cli.settings

        return load_settings(self.source)

    @cached_property
    def archive_root(self) -> Path:
        """The folder of the archive, absolute. Other settings are checked only if that is needed to know it.

        :raises ConfigError: the configuration does not say it, or cannot be read
        """
        from cli.settings import find_root  # noqa: PLC0415 - see cli.settings

        return find_root(self.source).absolute()

    @cached_property
    def archive_roots(self) -> dict[str, Path]:
        """The folders of the archives to be read as one, absolute, by name: the last part of the path as given.

        :raises CommandError: two have one name, or are the same folder
        :raises ConfigError: as for :attr:`archive_root`
        """
        from cli.settings import given_root  # noqa: PLC0415 - see cli.settings

        roots = [self.archive_root, *(given_root(each).absolute() for each in self.more_roots)]
        by_name: dict[str, Path] = {}
        for root in roots:
            name = Path(os.path.normpath(root)).name
            if other := next((each for each in by_name.values() if _is_same(each, root)), None):
                raise CommandError(f"{other} and {root} are one archive: name it once")
            if name in by_name:
                raise CommandError(
                    f"two archives are called {name}: {by_name[name]} and {root}; name one of them by a link with "
                    f"another name, such as one made by: ln -s {root} {name}2"
                )
            by_name[name] = root
        return by_name

    @property
    def described_archives(self) -> str:
        """The archives, as the subject of a sentence, with the verb "has" or "have"."""
        roots = list(map(str, self.archive_roots.values()))
        return f"the archives {', '.join(roots)} have" if len(roots) > 1 else f"the archive {roots[0]} has"

    def reload(self) -> Settings:
        """The current settings: from the file used at start-up, or from one that has appeared since.

        :raises ConfigError: with every mistake in them; or the file is gone
        """
        from cli.settings import find_source, reload_settings  # noqa: PLC0415 - see cli.settings

        if self.source.path:
            return reload_settings(self.source)
        return reload_settings(find_source(self.config, self.root, creates=self.creates))

    def feeds(self, names: tuple[str, ...]) -> list[Feed]:
        """The feeds of these ids; all that are on if there are no ids.

        :raises CommandError: a feed does not exist, or is off
        """
        by_id = {feed.id: feed for feed in self.settings.feeds}
        if unknown := [name for name in names if name not in by_id]:
            near = [each for name in unknown for each in get_close_matches(name, by_id, n=1)]
            advice = f"did you mean {', '.join(near)}?" if near else f"those configured are: {', '.join(by_id)}"
            raise CommandError(f"no feed is called {', '.join(unknown)}; {advice}")
        if off := [name for name in names if not by_id[name].enabled]:
            raise CommandError(f"the feed {', '.join(off)} is off: set enabled = true in the configuration")
        return [by_id[name] for name in dict.fromkeys(names)] or [feed for feed in by_id.values() if feed.enabled]

    @staticmethod
    def now() -> datetime:
        """The current time, timezone-aware."""
        return datetime.now(UTC)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
