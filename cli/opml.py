"""Feeds of an OPML file, as other feed readers export them, in the order of the file. Pure.

OPML is an outline: a folder is an outline with outlines in it, a feed is an outline with ``xmlUrl``.
http://opml.org/spec2.opml
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from config.feed_tables import new_feed
from config.model import Feed
from crawler.errors import ListingError
from crawler.extract.charset import decode
from crawler.markup.xml_repair import repair_xml
from crawler.markup.xml_tree import children, local_name, parse_xml

# A feed without a folder is filed here; RSS is the term of all feed readers.
NO_FOLDER = "RSS"
MAX_FOLDERS = 7  # a feed has up to eight categories, and its title is the last one
_ROOT = re.compile(r"<((?:[a-zA-Z][\w-]{0,30}:)?opml)(?=[\s>/])", re.IGNORECASE)
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARS = 30
_DIGEST_CHARS = 8  # enough to tell apart the feeds of one person


@dataclass(frozen=True, slots=True)
class OutlineFeeds:
    """What an OPML file names."""

    feeds: tuple[Feed, ...]  # not configured yet, each address once
    mistakes: tuple[str, ...]  # outlines that cannot be a feed, in words
    known: int  # feeds left out: configured already, or named before in the file


def read_opml(body: bytes, configured: Collection[Feed] = ()) -> OutlineFeeds:
    """Return the feeds of an OPML file.

    :param configured: feeds that the configuration has, which are left out
    :raises ListingError: the bytes are not OPML
    """
    root = parse_xml(repair_xml(decode(body), _ROOT))
    if local_name(root) != "opml":
        raise ListingError(f"it is not OPML: its root element is {root.tag[:40]}")
    addresses = {_comparable(feed.endpoint) for feed in configured}
    ids = {feed.id for feed in configured}
    feeds: list[Feed] = []
    mistakes: list[str] = []
    known = 0
    for outline, folders in _outlines(root):
        address = _attribute(outline, "xmlurl")
        if _comparable(address) in addresses:
            known += 1
            continue
        feed = _feed(outline, address, folders, ids)
        if isinstance(feed, Feed):
            feeds.append(feed)
            ids.add(feed.id)
            addresses.add(_comparable(address))
        else:
            mistakes.append(feed)
    return OutlineFeeds(tuple(feeds), tuple(mistakes), known)


def _outlines(root: Element) -> Iterator[tuple[Element, tuple[str, ...]]]:
    """Yield the outlines that name a feed or nothing, in their order, and the names of their folders."""
    pending: list[tuple[Element, tuple[str, ...]]]
    pending = [(each, ()) for body in children(root, "body") for each in reversed(list(children(body, "outline")))]
    while pending:
        outline, folders = pending.pop()
        inner = list(children(outline, "outline"))
        if _attribute(outline, "xmlurl") or not inner:
            yield outline, folders
        name = _title(outline)
        below = (*folders, name) if name and inner else folders
        pending += [(each, below) for each in reversed(inner)]


def _feed(outline: Element, address: str, folders: tuple[str, ...], ids: Collection[str]) -> Feed | str:
    """Return the feed of an outline, or what is wrong with it."""
    title = _title(outline)
    label = title or "an outline without a name"
    if not address:
        return f"{label[:100]!r} names no feed: it has no xmlUrl"
    path = [*(folders or (NO_FOLDER,))[:MAX_FOLDERS], title]
    feed = new_feed(
        id=_free_id(title, address, ids),
        kind="rss",
        categories=[name for name in path if any(character.isalnum() for character in name)] or [NO_FOLDER],
        endpoint=address,
    )
    return feed if isinstance(feed, Feed) else f"{label[:100]!r} cannot be configured: {feed}"


def _free_id(title: str, address: str, ids: Collection[str]) -> str:
    """Return an id for a feed: from its title if that has ASCII letters, else from its address."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = _NOT_SLUG.sub("-", plain)[:_MAX_SLUG_CHARS].strip("-")
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    if not slug:
        slug = f"feed-{digest}"
    return slug if slug not in ids else f"{slug}-{digest}"


def _title(outline: Element) -> str:
    return _attribute(outline, "title") or _attribute(outline, "text")


def _attribute(outline: Element, name: str) -> str:
    """Return an attribute by its name in lower case: programs write xmlUrl in several ways."""
    return next((" ".join(value.split()) for key, value in outline.attrib.items() if key.lower() == name), "")


def _comparable(address: str) -> str:
    """Return an address as it is compared with others: without its scheme and a slash at its end."""
    return address.partition("://")[2].rstrip("/") or address
