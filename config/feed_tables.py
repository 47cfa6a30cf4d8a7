"""Tables of feeds for a configuration file: made from values, and added to a file's text. Pure."""

import json
import tomllib
from collections.abc import Iterable

from pydantic import ValidationError

from config.errors import describe
from config.load import builtin_text
from config.model import Feed


def new_feed(**values: object) -> Feed | str:
    """Return a feed with these settings, or what is wrong with the first setting that is not valid."""
    try:
        return Feed.model_validate(values)
    except ValidationError as error:
        details = error.errors()[0]
        return f"{'.'.join(map(str, details['loc']))} {describe(details)}"


def feed_table(feed: Feed) -> str:
    """Return the table of a feed that has an id, a kind, categories and an endpoint."""
    categories = ", ".join(map(_string, feed.categories))
    return (
        f"[[feeds]]\nid = {_string(feed.id)}\nkind = {_string(feed.kind)}\ncategories = [{categories}]\n"
        f"endpoint = {_string(feed.endpoint)}\n"
    )


def has_feeds(text: str) -> bool:
    """Return whether a configuration file has feeds of its own: without any, the built-in ones are in force.

    :param text: valid TOML
    """
    return "feeds" in tomllib.loads(text)


def with_feeds(text: str, feeds: Iterable[Feed]) -> str:
    """Return the text of a configuration file with feeds added. The feeds that were in force stay in force.

    :param text: valid TOML
    """
    parts = [f"{text.rstrip()}\n" if text.strip() else ""]
    if not has_feeds(text):
        parts.append(builtin_text().rstrip() + "\n")
    return "\n".join(filter(None, [*parts, *map(feed_table, feeds)]))


def _string(text: str) -> str:
    """Return a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
