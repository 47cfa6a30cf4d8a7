"""The feeds that a configuration puts in force: its own ones, and the built-in ones if it extends them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct, field
from pydantic import BaseModel, ValidationError

from config.messages import describe, shown, suggestion
from config.model import Feed
from config.toml_lines import KeyPath
from config.types import CHECKED, Name


class BuiltinFeeds(BaseModel):
    """A [[feeds]] table that stands for the built-in feeds."""

    model_config = CHECKED

    extends: Literal["builtin"]
    enabled: tuple[Name, ...] = ()  # ids of built-in feeds that are off by default
    disabled: tuple[Name, ...] = ()  # ids of built-in feeds that are on by default


class FeedList(Struct, frozen=True):
    """The feeds in force, in their order."""

    rows: list[Any] = field(default_factory=list)  # built-in feeds, and tables of the file, which may have mistakes
    tables: list[int] = field(default_factory=list)  # of each row: the index of its [[feeds]] table in the file
    mistakes: list[tuple[KeyPath, str]] = field(default_factory=list)  # of the tables that extend, with their places


def is_extension(row: object) -> bool:
    """Return whether a [[feeds]] table stands for the built-in feeds."""
    return isinstance(row, dict) and "extends" in row


def feed_list(tables: Sequence[Any], builtin: Sequence[Feed]) -> FeedList:
    """Return the feeds of the [[feeds]] tables of a file.

    The built-in feeds take the place of the table that extends them. A table with the id of a built-in feed
    replaces that feed, in its place.

    :param tables: as in the file
    """
    extensions = [index for index, row in enumerate(tables) if is_extension(row)]
    found = FeedList(
        mistakes=[each for index in extensions for each in _mistakes(index, extensions, tables, builtin)]
    )
    own = {row["id"]: index for index, row in reversed(list(enumerate(tables))) if _is_named(row)}
    overriding = {own[feed.id] for feed in builtin if feed.id in own} if extensions else set()
    for index, row in enumerate(tables):
        if index in extensions[:1]:
            for feed in builtin:
                place = own.get(feed.id, index)
                found.tables.append(place)
                found.rows.append(tables[place] if feed.id in own else _switched(feed, row))
        elif index not in overriding and index not in extensions:
            found.tables.append(index)
            found.rows.append(row)
    return found


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and not is_extension(row) and isinstance(row.get("id"), str)


def _switched(feed: Feed, extension: dict[str, Any]) -> Feed:
    """Return a built-in feed as the table that extends the built-in ones switches it."""
    is_on = feed.id in _ids(extension, "enabled") or (feed.enabled and feed.id not in _ids(extension, "disabled"))
    return feed.model_copy(update={"enabled": is_on})


def _ids(extension: dict[str, Any], key: str) -> Iterable[Any]:
    ids = extension.get(key)
    return ids if isinstance(ids, list) else ()


def _mistakes(
    index: int, extensions: Sequence[int], tables: Sequence[Any], builtin: Sequence[Feed]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield the mistakes of a table that extends the built-in feeds."""
    row, place = tables[index], ("feeds", index)
    if index != extensions[0]:
        yield (*place, "extends"), f"extends the built-in feeds again: feeds {extensions[0] + 1} does already"
    try:
        table = BuiltinFeeds.model_validate(row)
    except ValidationError as error:
        for details in error.errors():
            yield (*place, *details["loc"]), describe(details | {"loc": (*place, *details["loc"])}, BuiltinFeeds)
        return
    known = [feed.id for feed in builtin]
    own = {each["id"] for each in tables if _is_named(each)}
    for key in ("enabled", "disabled"):
        for name in getattr(table, key):
            if name not in known:
                yield (*place, key), f"names {shown(name)}, which is no built-in feed; {suggestion(name, known)}"
            elif name in own:
                yield (*place, key), f"names {shown(name)}, which has a table of its own: set enabled there"
            elif key == "disabled" and name in table.enabled:
                yield (*place, key), f"names {shown(name)}, which is in enabled too: leave it in one of them"
