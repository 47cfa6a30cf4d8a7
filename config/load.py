"""Check the configuration. `ConfigError` contains all mistakes at once, each with its place."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.environment import Overrides, address_variable, read_environment
from config.errors import ConfigError, Mistake
from config.feed_list import FeedList, feed_list
from config.files import DEFAULT_ROOT, builtin_text, expand_home, find, parse, read_text, sample_text
from config.messages import CONFIDENTIAL_KEY, TABLES, describe, shown
from config.model import Feed, Settings
from config.toml_lines import KeyPath, key_lines, line_of

__all__ = ["ConfigError", "Mistake", "builtin_feeds", "find", "load", "sample_text"]

# Settings that are paths, in which `~` is the home directory.
_PATHS = (
    ("archive", "root"),
    ("health", "token_file"),
    *(("proof", key) for key in ("key", "public_key", "certificates", "block_headers")),
)


def _accept(query: str) -> None:
    """Accept every query: the package does not know the language of queries."""


def load(
    path: Path | None, env: Mapping[str, str], check_query: Callable[[str], None] = _accept, text: str | None = None
) -> Settings:
    """Return the settings of a file, overridden by FINARCHIVE_* variables.

    A relative path in the file starts at the folder of the file, one in a variable at the current directory; `~` is
    the home directory. A file without [[feeds]] gets the built-in feeds, and so does one with a table that extends
    them.

    :param path: None for the built-in settings
    :param check_query: raises ValueError for a search query that is not valid
    :param text: to check instead of what the file contains
    :raises ConfigError: with all mistakes in the file and the environment
    """
    overrides = read_environment(env)
    source = str(path) if path is not None else "built-in settings"
    try:
        if text is None:
            text = read_text(path) if path is not None else ""
        document = parse(text, source)
    except ConfigError as error:
        raise ConfigError([*error.mistakes, *overrides.mistakes]) from error
    lines = key_lines(text)
    feeds = feed_list(_rows(document, "feeds"), builtin_feeds())
    mistakes = [
        Mistake(source, line_of(lines, place), _name(place, document), message)
        for place, message in [*_table_mistakes(document), *feeds.mistakes]
    ]
    settings = None
    try:
        merged = _merged(document, path.parent if path is not None else Path(), overrides, env, feeds)
        settings = Settings.model_validate(merged, context={"check_query": check_query})
    except ValidationError as error:
        for details in error.errors():
            if details["type"] != "repeated_id":  # reported above, with its line
                mistakes.append(_mistake(_in_file(details, feeds), document, overrides, source, lines))
    mistakes += _unused_addresses(overrides, document)
    if settings is None or mistakes or overrides.mistakes:
        raise ConfigError([*_sorted(mistakes, source), *overrides.mistakes])
    return settings


def _sorted(mistakes: Iterable[Mistake], file: str) -> list[Mistake]:
    """Return the mistakes of the file by their lines, then the others."""
    return sorted(mistakes, key=lambda each: (each.source != file, each.source, each.line or 0))


def builtin_feeds() -> tuple[Feed, ...]:
    """Return the feeds of a configuration without [[feeds]]; an article is filed under the first that has it."""
    return tuple(Feed.model_validate(feed) for feed in tomllib.loads(builtin_text())["feeds"])


def _table_mistakes(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield mistakes of whole arrays of tables, which the model reports only if each single table is valid."""
    if document.get("feeds") == []:
        yield ("feeds",), "names no feed; leave it out to get the built-in feeds"
    for table, (_, key) in TABLES.items():
        seen: dict[str, int] = {}
        for index, row in enumerate(_rows(document, table)):
            name = row.get(key) if isinstance(row, dict) else None
            if isinstance(name, str) and seen.setdefault(name, index) != index:
                message = f"must be unique, but {table.removesuffix('s')} {seen[name] + 1} is {shown(name)} too"
                yield (table, index, key), message


def _rows(document: Mapping[str, Any], table: str) -> list[Any]:
    rows = document.get(table)
    return rows if isinstance(rows, list) else []


def _merged(
    document: Mapping[str, Any], folder: Path, overrides: Overrides, env: Mapping[str, str], feeds: FeedList
) -> dict[str, Any]:
    """Return the settings of a file in `folder` and of the environment, not checked yet."""
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    archive = merged.setdefault("archive", {})
    if isinstance(archive, dict):  # the default is what `init` writes into the file
        archive.setdefault("root", str(DEFAULT_ROOT))
    for section, key in _PATHS:
        table = merged.get(section)
        written = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(written, str) and written.strip() and "\0" not in written:
            table[key] = str(folder / expand_home(written, env))  # else the model reports it as it is written
    for (section, key), value in overrides.values.items():
        table = merged.setdefault(section, {})
        if isinstance(table, dict):  # else a mistake that the model reports
            is_path = (section, key) in _PATHS
            table[key] = expand_home(value, env) if is_path and isinstance(value, str) else value
    if addresses := overrides.addresses:
        merged["alerts"] = [
            row | {CONFIDENTIAL_KEY: addresses[variable]} if (variable := _variable(row)) in addresses else row
            for row in _rows(document, "alerts")
        ]
    if feeds.rows:
        merged["feeds"] = feeds.rows
    merged.setdefault("feeds", builtin_feeds())
    return merged


def _in_file(details: ErrorDetails, feeds: FeedList) -> ErrorDetails:
    """Return an error with its place in the file: a mistake in a feed is in its table."""
    table, *path = details["loc"]
    if table != "feeds" or not path or not feeds.rows:
        return details
    return ErrorDetails({**details, "loc": (table, feeds.tables[int(path[0])], *path[1:])})


def _variable(alert: Any) -> str | None:
    """Return the variable that may set the addresses of an alert."""
    name = alert.get("name") if isinstance(alert, dict) else None
    return address_variable(name) if isinstance(name, str) else None


def _unused_addresses(overrides: Overrides, document: Mapping[str, Any]) -> list[Mistake]:
    used = {_variable(row) for row in _rows(document, "alerts")}
    message = "belongs to no alert: none of [[alerts]] has such a name"
    return [Mistake(name, None, "", message) for name in overrides.addresses.keys() - used]


def _mistake(
    details: ErrorDetails,
    document: Mapping[str, Any],
    overrides: Overrides,
    source: str,
    lines: Mapping[KeyPath, int],
) -> Mistake:
    place = details["loc"]
    if details["type"] == "disorder" and not _is_set(place, document, overrides):
        place = (place[0], details["ctx"]["other"])  # of the two settings, the one that the user has set
    variable = overrides.names.get((str(place[0]), str(place[1]))) if len(place) > 1 else None
    if place[0] == "alerts" and CONFIDENTIAL_KEY in place and (given := _variable(document["alerts"][place[1]])):
        variable = given if given in overrides.addresses else None
    if variable is not None:
        return Mistake(variable, None, _name(place, document), describe(details))
    return Mistake(source, line_of(lines, place), _name(place, document), describe(details))


def _is_set(place: KeyPath, document: Mapping[str, Any], overrides: Overrides) -> bool:
    section, key = str(place[0]), str(place[1])
    return key in document.get(section, {}) or (section, key) in overrides.names


def _name(place: KeyPath, document: Mapping[str, Any]) -> str:
    """Return a path for a message: network.delay, feeds[china].lid, or feeds[#2].id if the id is missing or wrong."""
    table = str(place[0])
    if table not in TABLES or len(place) == 1:
        return ".".join(part for part in place if isinstance(part, str))
    key, index = TABLES[table][1], int(place[1])
    row = document[table][index]
    name = row.get(key) if isinstance(row, dict) and place[2:] != (key,) else None
    label = name if isinstance(name, str) and name.isprintable() else f"#{index + 1}"
    return ".".join([f"{table}[{label}]", *(part for part in place[2:] if isinstance(part, str))])
