"""Feeds of another program for a configuration file: made, and added to the file's text as tables. Pure."""

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from config.errors import describe
from config.load import builtin_text
from config.model import Feed

# A feed without a folder is filed here; RSS is the term of all feed readers.
_NO_FOLDER = "RSS"
_MAX_FOLDERS = 7  # a feed has up to eight categories, and its title is the last one
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARS = 30
_DIGEST_CHARS = 8  # enough to tell apart the feeds of one person


@dataclass(frozen=True, slots=True)
class ImportedFeeds:
    """Feeds of another program."""

    feeds: tuple[Feed, ...]  # not configured yet, each address once
    mistakes: tuple[str, ...]  # what cannot be a feed, in words
    known: int  # feeds left out: configured already, or named before


def import_feeds(
    outlines: Iterable[tuple[str, str, tuple[str, ...]]], configured: Collection[Feed] = ()
) -> ImportedFeeds:
    """Return feeds for the outlines of another program.

    :param outlines: title, address and folders of each
    :param configured: feeds that the configuration has, which are left out
    """
    addresses = {_comparable(feed.endpoint) for feed in configured}
    ids = {feed.id for feed in configured}
    feeds: list[Feed] = []
    mistakes: list[str] = []
    known = 0
    for title, address, folders in outlines:
        if _comparable(address) in addresses:
            known += 1
            continue
        feed = _new_feed(title, address, folders, ids)
        if isinstance(feed, Feed):
            feeds.append(feed)
            ids.add(feed.id)
            addresses.add(_comparable(address))
        else:  # the message does not contain the address: it may have a password
            mistakes.append(f"{title[:100]!r} {feed}" if title else f"an outline without a name {feed}")
    return ImportedFeeds(tuple(feeds), tuple(mistakes), known)


def _new_feed(title: str, address: str, folders: tuple[str, ...], ids: Collection[str]) -> Feed | str:
    """Return a feed, or what is wrong with it."""
    if not address:
        return "names no feed: it has no xmlUrl"
    path = [*(folders or (_NO_FOLDER,))[:_MAX_FOLDERS], title]
    categories = [name for name in path if any(character.isalnum() for character in name)] or [_NO_FOLDER]
    try:
        return Feed(id=_free_id(title, address, ids), kind="rss", categories=tuple(categories), endpoint=address)
    except ValidationError as error:
        details = error.errors()[0]
        return f"cannot be configured: {'.'.join(map(str, details['loc']))} {describe(details)}"


def _free_id(title: str, address: str, ids: Collection[str]) -> str:
    """Return an id for a feed: from its title if that has ASCII letters, else from its address."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = _NOT_SLUG.sub("-", plain)[:_MAX_SLUG_CHARS].strip("-")
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    if not slug:
        slug = f"feed-{digest}"
    return slug if slug not in ids else f"{slug}-{digest}"


def _comparable(address: str) -> str:
    """Return an address as it is compared with others: without its scheme and a slash at its end."""
    return address.partition("://")[2].rstrip("/") or address


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
