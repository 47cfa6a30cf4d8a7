"""Changes of the feeds in the text of a configuration file. Everything else, comments too, stays as it is. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import AoT

from config.durations import format_duration
from config.feed_list import is_extension
from config.load import builtin_feeds
from config.model import ROLL_ENDPOINT, Feed


def feed_table(feed: Feed) -> str:
    """Return a feed as a [[feeds]] table, without the values that are defaults."""
    tables = tomlkit.aot()
    tables.append(tomlkit.item(_values(feed)))
    return tomlkit.dumps({"feeds": tables})


def add_feeds(text: str, feeds: Iterable[Feed]) -> str:
    """Return the text of a configuration file with feeds added. The feeds that were in force stay in force.

    :param text: valid TOML
    """
    document = _parsed(text)
    if "feeds" not in document:
        _add(document, {"extends": "builtin"})
    for feed in feeds:
        _add(document, _values(feed))
    return tomlkit.dumps(document)


def switch_feed(text: str, name: str, *, enabled: bool) -> str:
    """Return the text of a configuration file with a feed on or off.

    :param text: valid TOML
    :param name: the id of a feed of the file, or of a built-in one
    """
    document = _parsed(text)
    own = next((row for row in _rows(document) if row.get("id") == name), None)
    if own is not None:
        if enabled != own.get("enabled", True):
            own["enabled"] = enabled
        return tomlkit.dumps(document)
    feed = next(feed for feed in builtin_feeds() if feed.id == name)
    extension = next(filter(is_extension, _rows(document)), None)
    if extension is None and "feeds" in document:  # the file's feeds replace the built-in ones
        if enabled:
            _add(document, _values(feed.model_copy(update={"enabled": True})))
        return tomlkit.dumps(document)
    if extension is None:
        extension = _add(document, {"extends": "builtin"})
    _switch_builtin(extension, feed, enabled=enabled)
    return tomlkit.dumps(document)


def _switch_builtin(extension: Any, feed: Feed, *, enabled: bool) -> None:
    """Name a built-in feed in the list that switches it, if it is not so by default, and in no other."""
    right, wrong = ("enabled", "disabled") if enabled else ("disabled", "enabled")
    names = extension.get(wrong, [])
    while feed.id in names:
        names.remove(feed.id)
    if wrong in extension and not names:
        del extension[wrong]
    if enabled != feed.enabled and feed.id not in extension.get(right, []):
        if right not in extension:
            extension[right] = tomlkit.array()
        extension[right].append(feed.id)


def _parsed(text: str) -> TOMLDocument:
    return tomlkit.parse(text if text.endswith("\n") or not text else f"{text}\n")


def _rows(document: TOMLDocument) -> Iterator[Any]:
    """Yield the [[feeds]] tables of a file, or the inline tables of its list of feeds."""
    yield from document.get("feeds", ())


def _add(document: TOMLDocument, values: dict[str, Any]) -> Any:
    """Add a table after the other [[feeds]], in the notation that the file uses; return it."""
    if "feeds" not in document:
        if document.body:
            document.add(tomlkit.nl())
        document["feeds"] = tomlkit.aot()
    tables: Any = document["feeds"]
    row: Any = tomlkit.table() if isinstance(tables, AoT) else tomlkit.inline_table()
    row.update(values)
    if isinstance(tables, AoT):
        if len(tables) and not tables[-1].as_string().endswith("\n\n"):
            row.trivia.indent = "\n"  # before its header
        if document.body[-1][1] is not tables:
            row.add(tomlkit.nl())  # before the table that follows
    tables.append(row)
    return tables[-1]


def _values(feed: Feed) -> dict[str, Any]:
    values = feed.model_dump(mode="json", exclude_defaults=True)
    if feed.endpoint == ROLL_ENDPOINT and feed.kind == "roll":
        values.pop("endpoint", None)
    if feed.every is not None:
        values["every"] = format_duration(feed.every)
    return values
