"""JSON Feed, versions 1.0 and 1.1: https://www.jsonfeed.org/version/1.1/. Pure.

It is read under kind "rss": a server says of both that they are the site's feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from archive.model.feed import Entry, Listing
from crawler.errors import ListingError
from crawler.listings import site_items
from crawler.listings.item_text import StatedText, choose_text, stated_text
from crawler.listings.item_times import with_times
from crawler.listings.sina_json import parse_json
from crawler.listings.site_items import one_line, usable_address
from crawler.listings.source import ListSource
from crawler.urls import is_sina_url


def is_json(text: str) -> bool:
    """Return whether a body is JSON rather than XML."""
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def read_text(text: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a feed.

    :param text: the decoded body
    :param at: when the poll began
    :raises ListingError: it is not a JSON Feed
    """
    document = parse_json(text.lstrip("\ufeff \t\r\n"))
    items = document.get("items") if isinstance(document, dict) else None
    # Some programs leave the version out; other interfaces have `items` too, and no addresses of pages in them.
    version = one_line(document.get("version")) if isinstance(document, dict) else ""
    if not isinstance(items, list) or not (version or document.get("title")):
        raise ListingError("the answer is JSON, but no JSON Feed: it has no list of items with a version or a title")
    stated = [_stated_or_none(item) for item in items]
    texts = iter(stated)

    def entry(item: Any) -> Entry | str:
        text = next(texts)
        if not isinstance(item, dict):
            return f"not an object but {type(item).__name__}"
        read = _entry(item, document, feed, text or _stated(item))
        if isinstance(read, str):
            return read
        return with_times(read, item.get("date_published"), item.get("date_modified"), feed, at)

    return site_items.read_items(items, entry, feed, _subject)


def title_of(text: str) -> str:
    """Return the title of a feed; "" if it has none.

    :param text: the decoded body
    :raises ListingError: it is not JSON
    """
    document = parse_json(text.lstrip("\ufeff \t\r\n"))
    return site_items.without_references(document.get("title")) if isinstance(document, dict) else ""


def _entry(item: dict[str, Any], document: dict[str, Any], feed: ListSource, stated: StatedText) -> Entry | str:
    """Return an item's entry, or what is wrong with it."""
    base = feed.endpoint
    text = choose_text(stated)
    url = usable_address((item.get("url"), item.get("external_url"), _address(item.get("id"))), base)
    if url is None:
        text = site_items.without_page(text)
        if text.content is None:
            return f"no usable address ({one_line(item.get('url'))[:100]!r})"
        url = site_items.own_address(feed, item.get("id"), item.get("title"), text.content)
    entry = Entry(
        docid=site_items.identity(url),
        url=url,
        title=site_items.without_references(one_line(item.get("title"))),
        published=None,
        modified=None,
        entered=None,
        media=one_line(document.get("title")) or None,
        image=usable_address((item.get("image"), item.get("banner_image")), base),
        keywords=site_items.words(_objects(item.get("tags"))),
        foreign=not is_sina_url(url),
        authors=_authors(item) or _authors(document),
        enclosures=site_items.enclosures(
            (
                (file.get("url"), file.get("mime_type"))
                for file in _objects(item.get("attachments"))
                if isinstance(file, dict)
            ),
            base,
        ),
        guid=site_items.guid(item.get("id")),
    )
    return site_items.with_text(entry, text)


def _subject(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return "".join(str(item.get(name, "")) for name in ("id", "title", "url"))


def _address(value: object) -> str:
    """Return an id if it is an address: many are."""
    text = one_line(value)
    return text if text.startswith(("http://", "https://")) else ""


def _stated_or_none(item: Any) -> StatedText | None:
    """Return the texts of an item; None if it cannot be read, which reading the item reports."""
    try:
        return _stated(item)
    except Exception:  # see read_items
        return None


def _stated(item: dict[str, Any]) -> StatedText:
    contents = [str(item.get("content_html") or ""), site_items.html_of_text(str(item.get("content_text") or ""))]
    return stated_text(
        contents[:1] if contents[0] else contents, [site_items.html_of_text(str(item.get("summary") or ""))]
    )


def _authors(holder: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the authors of an item or a feed; version 1.0 has one, ``author``."""
    persons = [*_objects(holder.get("authors")), holder.get("author")]
    return site_items.names(person.get("name") if isinstance(person, dict) else person for person in persons)


def _objects(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
