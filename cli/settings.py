"""Finds and loads the settings for a command, with the checks that need more than the configuration itself.

:func:`load_settings` imports pydantic, which takes a tenth of a second. Commands that only read articles need no more
than :func:`find_root`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from archive.files.layout import inner_path
from cli.systemd_units import NAME, service_config, service_environment
from config.errors import ConfigError, Mistake
from config.files import (
    DEFAULT_ROOT,
    SYSTEM_FILE,
    expand_home,
    find,
    is_root_named,
    known_root,
    root_source,
)

if TYPE_CHECKING:
    from archive.store import Store
    from config.model import Settings

# Where systemd looks for units and their drop-ins, the most important folder first (systemd.unit(5)).
UNIT_FOLDERS = tuple(
    Path(folder, "systemd/system") for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)


class SettingsSource(Struct, frozen=True):
    """What the settings of a command are read from."""

    path: Path | None  # the configuration file; None for the built-in settings
    environment: Mapping[str, str]  # with the variables of the service, if its settings are used
    root: Path | None  # the argument of --root
    unit: Path | None = None  # the unit of the service whose settings are used

    def describe_root(self) -> str:
        """Return what sets the root of the archive, for a message."""
        if self.root is not None:
            return "--root"
        source = root_source(self.path, self.environment)
        is_of_unit = self.unit and source in self.environment and source not in os.environ
        return f"{source} in {self.unit}" if is_of_unit else source


def find_source(
    config: Path | None, root: Path | None, *, creates: bool, unit_folders: Sequence[Path] = UNIT_FOLDERS
) -> SettingsSource:
    """Return what the settings of a command are read from.

    A user who names no configuration and no root, and has no archive in the current folder, means the archive of the
    service, if it is installed: the command then gets the settings of the service.

    :param config: the file given with ``-c``
    :param root: the folder given with ``--root``
    :param creates: whether the command creates an archive where there is none
    :raises ConfigError: a file was named that does not exist
    """
    path = find(config, os.environ, Path())
    named = root is not None or is_root_named(os.environ)
    if path == SYSTEM_FILE:
        use_service = not named
    else:
        use_service = path is None and not named and not creates and not inner_path(DEFAULT_ROOT).exists()
    service = _installed_service(unit_folders) if use_service else None
    if service is None:
        return SettingsSource(path, os.environ, root)
    unit, texts = service
    environment = {**service_environment(texts), **os.environ}
    file = service_config(texts)
    path = find(Path(file) if file else None, environment, Path("/"))
    return SettingsSource(path, environment, None, unit)


def _installed_service(folders: Sequence[Path]) -> tuple[Path, list[str]] | None:
    """The unit of the service, and its text with those of its drop-ins; None if it is not installed."""
    unit = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if unit is None:
        return None
    # A drop-in hides those of its name in less important folders.
    drop_ins = {path.name: path for folder in reversed(folders) for path in (folder / f"{NAME}.d").glob("*.conf")}
    return unit, [_text(path) for path in (unit, *(drop_ins[name] for name in sorted(drop_ins)))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it may not be readable for this user, who can name the folder with --root
        return ""


def load_settings(source: SettingsSource, *, text: str | None = None) -> Settings:
    """The settings of a configuration file and the environment.

    :param text: to check instead of what the file contains
    :raises ConfigError: with every mistake in them
    """
    from config.load import load  # noqa: PLC0415 - see above

    settings = load(source.path, source.environment, _check_query, text=text)
    name = str(source.path or "built-in settings")
    mistakes = [
        Mistake(name, None, key, f"need a library that is not installed: pip install 'finarchive[{extra}]'")
        for key, extra, library in _needed_libraries(settings)
        if find_spec(library) is None
    ]
    if mistakes:
        raise ConfigError(mistakes)
    if source.root is None:
        return settings
    return settings.model_copy(
        update={"archive": settings.archive.model_copy(update={"root": given_root(source.root)})}
    )


def settings_of(settings: Settings, store: Store) -> Settings:
    """The settings for one of several archives: its root, and those feeds that it has read."""
    known = store.feeds.histories()
    archive = settings.archive.model_copy(update={"root": store.root})
    feeds = type(settings.feeds)(feed for feed in settings.feeds if feed.id in known)
    return settings.model_copy(update={"archive": archive, "feeds": feeds})


def find_root(source: SettingsSource) -> Path:
    """`archive.root`, without checking the other settings if it follows from one place alone.

    :raises ConfigError: the file cannot be read, or is not TOML; or only all settings together say where it is, and
        they have mistakes
    """
    if source.root is not None:
        return given_root(source.root)
    root = known_root(source.path, source.environment)
    return load_settings(source).archive.root if root is None else root


def given_root(root: Path) -> Path:
    """The folder that --root names."""
    return Path(expand_home(str(root), os.environ))  # no shell does it in --root=~/news


def _needed_libraries(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield the setting, the extra and the library of what needs an optional library."""
    from config.anchors import OPENTIMESTAMPS, RFC3161  # noqa: PLC0415 - needed where settings are loaded only

    if settings.alerts:
        yield "alerts", "alerts", "apprise"
    mirror = settings.journal.mirror
    if mirror and not mirror.get_secret_value().startswith("file:"):
        yield "journal.mirror", "backup", "fsspec"
    kinds = {target.kind for target in settings.proof.targets}
    if RFC3161 in kinds:
        yield "proof.anchors", "proof", "rfc3161_client"
    if OPENTIMESTAMPS in kinds:
        yield "proof.anchors", "proof", "opentimestamps"


def reload_settings(source: SettingsSource) -> Settings:
    """The settings of a configuration file that may have changed.

    :raises ConfigError: with every mistake in them; or the file is gone, or is not a regular file
    """
    path = source.path
    if path and path.exists() and not path.is_file():  # reading a pipe may block for ever
        raise ConfigError([Mistake(str(path), None, "", "is no regular file; it is read again at each SIGHUP")])
    return load_settings(source)


def _check_query(query: str) -> None:
    from archive.model.errors import QueryError  # noqa: PLC0415 - only alerts have queries
    from archive.query.parser import parse  # noqa: PLC0415

    try:
        parse(query)
    except QueryError as error:
        raise ValueError(f"cannot be understood: {error}") from error
