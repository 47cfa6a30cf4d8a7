"""What the lists of other sites have in common: items to entries, addresses, names and words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from archive.model.feed import Entry, Failure, FailureKind, Listing
from archive.model.feed_values import Enclosure
from archive.model.titles import decoded_title
from crawler.extract.body import plain_text
from crawler.listings.item_text import ItemText
from crawler.listings.source import ListSource
from crawler.urls import absolute, address_digest, digest, docid, host, is_sina_url, is_web

# Sina's own feeds wrap their links in a redirect of this host, with the address in its query (measured).
_REDIRECT = "go.rss.sina.com.cn"
# What programs write in place of a link that they do not have.
_NO_LINKS = frozenset({"", "#", "/", "n/a", "na", "none", "null", "nil", "undefined", "about:blank"})
_MAX_GUID_CHARS = 512
# As many as real items have several times over: an item must not fill a row of the index.
_MAX_NAMES = 50
_MAX_NAME_CHARS = 200
_MAX_TITLE_CHARS = 80  # of a title made from the text, as for items of the telegraph
_LISTED = re.compile(r"[,，;；、]")
_NAMES = re.compile(r"[;；、]")  # a comma may be a part of a name
_ADDRESS_AND_NAME = re.compile(r"\S{1,200}@\S{1,200}\s?\(([^()]{1,200})\)")


def read_items(
    items: Iterable[Any],
    entry: Callable[[Any], Entry | str],
    feed: ListSource,
    subject: Callable[[Any], str],
) -> Listing:
    """Return the entries of a list's items, and a failure for each item that cannot be read.

    :param entry: returns an item's entry, or what is wrong with it
    :param subject: returns a text that identifies an item without an entry
    """
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        try:
            read = entry(item)
        except Exception as error:  # elements in unexpected places: it costs this item only
            read = f"it cannot be read ({type(error).__name__}: {error})"
        if isinstance(read, Entry):
            entries.append(read)
        else:
            reason = f"item {place} of list {feed.id}: {read}"
            failures.append(Failure(digest(subject(item)), FailureKind.UNREADABLE, reason[:300]))
    return Listing(tuple(entries), tuple(failures))


def usable_address(links: Iterable[object], base: str) -> str | None:
    """Return the first of an item's links that is an address of the web, absolute; None if none is.

    :param base: the address that relative links refer to
    """
    for link in links:
        text = one_line(link)
        if text.casefold() in _NO_LINKS:
            continue
        url = absolute(base, text)
        if host(url) == _REDIRECT:
            url = next(iter(parse_qs(urlsplit(url).query).get("url", ())), url)
        if is_web(url):
            return url
    return None


def identity(url: str) -> str:
    """Return the docid of a page at an address that a list of another site names."""
    return docid(None, url) if is_sina_url(url) else address_digest(url)


def with_text(entry: Entry, text: ItemText) -> Entry:
    """Return an entry with its texts. Sina's pages contain more than a feed does, and other lists have them too."""
    if is_sina_url(entry.url):
        listed = text.content or text.listed_text
        return replace(entry, listed_text=listed, is_excerpt=listed is not None)
    title = entry.title or _title_of(text.content)
    return replace(entry, title=title, content=text.content, listed_text=text.listed_text, is_excerpt=text.is_excerpt)


def without_page(text: ItemText) -> ItemText:
    """Return the texts of an item that has no page: its text is the article, whatever its length."""
    return ItemText(content=text.content or text.listed_text)


def own_address(feed: ListSource, *identifiers: object) -> str:
    """Return an address for an item without a page: that of the feed, with a fragment for the item.

    :param identifiers: of the item; the first that is not empty identifies it
    """
    return f"{feed.endpoint}#!{digest(next((str(each) for each in identifiers if each), ''))}"


def guid(value: object) -> str | None:
    """Return the id of an item as stated, on one line."""
    return one_line(value)[:_MAX_GUID_CHARS] or None


def without_references(text: object) -> str:
    """Return a text in which character references are the characters that they stand for, on one line."""
    return one_line(decoded_title(one_line(text)))


def html_of_text(text: str) -> str:
    """Return plain text as HTML, a paragraph for each of its lines; "" for none."""
    lines = [escape(line.strip(), quote=False) for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else "".join(f"<p>{line}</p>" for line in lines)


def names(values: Iterable[object]) -> tuple[str, ...]:
    """Return names of persons, each once. Of "address (Name)" the name counts."""
    found: dict[str, None] = {}
    for value in values:
        for part in _NAMES.split(one_line(value)[: 10 * _MAX_NAME_CHARS]):
            name = part.strip()
            name = match[1].strip() if (match := _ADDRESS_AND_NAME.fullmatch(name)) else name
            if name:
                found.setdefault(name[:_MAX_NAME_CHARS])
    return tuple(found)[:_MAX_NAMES]


def words(values: Iterable[object]) -> tuple[str, ...]:
    """Return keywords, each once; a value may be a list with commas."""
    parts = (part.strip() for value in values for part in _LISTED.split(one_line(value)))
    return tuple(dict.fromkeys(part[:_MAX_NAME_CHARS] for part in parts if part))


def enclosures(files: Iterable[tuple[object, object]], base: str) -> tuple[Enclosure, ...]:
    """Return the files attached to an item, each once.

    :param files: address and media type of each
    """
    found: dict[str, Enclosure] = {}
    for link, media_type in files:
        if url := usable_address([link], base):
            found.setdefault(url, Enclosure(url, one_line(media_type)[:_MAX_NAME_CHARS] or None))
    return tuple(found.values())[:_MAX_NAMES]


def one_line(value: object) -> str:
    """Return a text with runs of white space replaced by one space; "" for None."""
    text = " ".join(str(value or "").split())
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _title_of(html: str | None) -> str:
    """Return the beginning of a text, as the title of an item that has none."""
    first = plain_text(html[:10_000]).strip().partition("\n")[0] if html else ""
    return first if len(first) < _MAX_TITLE_CHARS else f"{first[: _MAX_TITLE_CHARS - 1]}…"
