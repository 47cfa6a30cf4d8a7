"""Finds and loads the settings for a command, with the checks that need more than the configuration itself.

:mod:`cli.context` imports this module when a command first needs its settings: pydantic takes a tenth of a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from archive.files.layout import inner_path
from archive.model.errors import QueryError
from archive.query.parser import parse
from cli.systemd_units import NAME, service_config, service_environment
from config.anchors import OPENTIMESTAMPS, RFC3161
from config.environment import read_environment
from config.load import SYSTEM_FILE, ConfigError, Mistake, expand_home, find, load, root_source
from config.model import ArchiveSettings, Settings

# Where systemd looks for units and their drop-ins, the most important folder first (systemd.unit(5)).
UNIT_FOLDERS = tuple(
    Path(folder, "systemd/system") for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)


@dataclass(frozen=True)
class SettingsSource:
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
    named = root is not None or ("archive", "root") in read_environment(os.environ).names
    if path == SYSTEM_FILE:
        use_service = not named
    else:
        use_service = path is None and not named and not creates and not inner_path(ArchiveSettings().root).exists()
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
    root = Path(expand_home(str(source.root), os.environ))  # no shell does it in --root=~/news
    return settings.model_copy(update={"archive": settings.archive.model_copy(update={"root": root})})


def _needed_libraries(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield the setting, the extra and the library of what needs an optional library."""
    if settings.alerts:
        yield "alerts", "alerts", "apprise"
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
    try:
        parse(query)
    except QueryError as error:
        raise ValueError(f"cannot be understood: {error}") from error
