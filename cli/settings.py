"""Loads the settings for a command, with the checks that need more than the configuration itself.

:mod:`cli.context` imports this module when a command first needs its settings: pydantic takes a quarter of a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from archive.model.errors import QueryError
from archive.query.parser import parse
from config.anchors import OPENTIMESTAMPS, RFC3161
from config.load import ConfigError, Mistake, find, load
from config.model import Settings


def find_config(explicit: Path | None) -> Path | None:
    """The configuration file in force; None for the built-in settings.

    :param explicit: the file given with ``-c``
    :raises ConfigError: a file was named that does not exist
    """
    return find(explicit, os.environ, Path())


def load_settings(path: Path | None) -> Settings:
    """The settings of a configuration file and the environment.

    :param path: None for the built-in settings
    :raises ConfigError: with every mistake in them
    """
    settings = load(path, os.environ, _check_query)
    source = str(path or "built-in settings")
    mistakes = [
        Mistake(source, None, key, f"need a library that is not installed: pip install 'finarchive[{extra}]'")
        for key, extra, library in _needed_libraries(settings)
        if find_spec(library) is None
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return settings


def _needed_libraries(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield the setting, the extra and the library of what needs an optional library."""
    if settings.alerts:
        yield "alerts", "alerts", "apprise"
    kinds = {target.kind for target in settings.proof.targets}
    if RFC3161 in kinds:
        yield "proof.anchors", "proof", "rfc3161_client"
    if OPENTIMESTAMPS in kinds:
        yield "proof.anchors", "proof", "opentimestamps"


def reload_settings(path: Path | None) -> Settings:
    """The settings of a configuration file that may have changed.

    :raises ConfigError: with every mistake in them; or the file is gone, or is not a regular file
    """
    if path and path.exists() and not path.is_file():  # reading a pipe may block for ever
        raise ConfigError([Mistake(str(path), None, "", "is no regular file; it is read again at each SIGHUP")])
    return load_settings(path)


def _check_query(query: str) -> None:
    try:
        parse(query)
    except QueryError as error:
        raise ValueError(f"cannot be understood: {error}") from error
