"""New feeds: their ids and categories, from what another program or a site says of them. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable

from msgspec import Struct
from pydantic import ValidationError

from config.messages import describe
from config.model import Feed, FeedKind

# A feed without a folder is filed here; RSS is the term of all feed readers.
NO_FOLDER = "RSS"
_MAX_FOLDERS = 7  # a feed has up to eight categories, and its title is the last one
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARS = 30
_DIGEST_CHARS = 8  # enough to tell apart the feeds of one person


class ImportedFeeds(Struct, frozen=True):
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
    addresses = {comparable(feed.endpoint) for feed in configured}
    ids = {feed.id for feed in configured}
    feeds: list[Feed] = []
    mistakes: list[str] = []
    known = 0
    for title, address, folders in outlines:
        if comparable(address) in addresses:
            known += 1
            continue
        feed = _new_feed(title, address, folders, ids)
        if isinstance(feed, Feed):
            feeds.append(feed)
            ids.add(feed.id)
            addresses.add(comparable(address))
        else:  # the message does not contain the address: it may have a password
            mistakes.append(f"{title[:100]!r} {feed}" if title else f"an outline without a name {feed}")
    return ImportedFeeds(tuple(feeds), tuple(mistakes), known)


def _new_feed(title: str, address: str, folders: tuple[str, ...], ids: Collection[str]) -> Feed | str:
    """Return a feed, or what is wrong with it."""
    if not address:
        return "names no feed: it has no xmlUrl"
    try:
        return new_feed("rss", title, address, folders or (NO_FOLDER,), ids)
    except ValidationError as error:
        details = error.errors()[0]
        return f"cannot be configured: {'.'.join(map(str, details['loc']))} {describe(details)}"


def new_feed(kind: FeedKind, title: str, address: str, folders: tuple[str, ...], ids: Collection[str]) -> Feed:
    """Return a feed that is filed under its title, in folders.

    :param ids: those that are in use
    :raises ValidationError: the address is none
    """
    path = [*folders[:_MAX_FOLDERS], title]
    categories = [name for name in path if any(character.isalnum() for character in name)] or [NO_FOLDER]
    return Feed(id=_free_id(title, address, ids), kind=kind, categories=tuple(categories), endpoint=address)


def _free_id(title: str, address: str, ids: Collection[str]) -> str:
    """Return an id for a feed: from its title if that has ASCII letters, else from its address."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = _NOT_SLUG.sub("-", plain)[:_MAX_SLUG_CHARS].strip("-")
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    if not slug:
        slug = f"feed-{digest}"
    return slug if slug not in ids else f"{slug}-{digest}"


def comparable(address: str) -> str:
    """Return an address of a list as it is compared with others: without its scheme and a slash at its end."""
    return address.partition("://")[2].rstrip("/") or address
