"""RSS, RDF, Atom and JSON Feed of any site.

If a feed contains an item's full text, its page is not fetched. Sina's own feeds answer with items of 2018, as
measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from archive.model.feed import Entry, Listing
from crawler.extract.body import plain_text, with_absolute_links
from crawler.extract.charset import decode
from crawler.listings import json_feed, site_items
from crawler.listings.item_text import StatedText, choose_text, stated_text
from crawler.listings.item_times import with_times
from crawler.listings.site_items import one_line, usable_address
from crawler.listings.source import ListSource
from crawler.markup.xml_repair import escape_ampersands
from crawler.urls import is_sina_url, is_web

if TYPE_CHECKING:
    from config.model import Feed

# Markup in a text that is declared to be none.
_MARKUP = re.compile(r"</[a-zA-Z]|<(?:br|p|img)[\s/>]", re.IGNORECASE)


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Return the URL of a feed, which has one page."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """Return the items of a feed, unparsed. In many feeds the part before them contains the time of creation."""
    marks = (b'"items"',) if body.lstrip().startswith(b"{") else (b"<item", b"<entry")
    starts = [start for mark in marks if (start := body.find(mark)) >= 0]
    return body[min(starts, default=0) :]


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a feed.

    :param at: when the poll began
    :raises ListingError: the body is not a feed
    """
    text = decode(body, content_type)
    if json_feed.is_json(text):
        return json_feed.read_text(text, feed, at)
    from crawler.listings.feed_xml import parse_feed  # noqa: PLC0415 - see feed_root

    parsed = parse_feed(text, feed.endpoint)
    stated = {id(item): _stated_or_none(item, feed.endpoint) for item in parsed.entries}
    common = _Common(parsed, feed, at)

    def entry(item: Any) -> Entry | str:
        return _entry(item, common, stated[id(item)] or _stated(item, feed.endpoint))

    return site_items.read_items(parsed.entries, entry, feed, _subject)


class _Common:
    """What holds for all items of a feed: its title, and in Atom its authors (RFC 4287, 4.2.1)."""

    def __init__(self, parsed: Any, feed: ListSource, at: datetime) -> None:
        self.feed = feed
        self.at = at
        self.media = one_line(dict.get(parsed.feed, "title")) or None
        is_atom = str(parsed.get("version") or "").startswith("atom")
        self.authors = _authors(parsed.feed) if is_atom else ()


def _entry(item: Any, common: _Common, stated: StatedText) -> Entry | str:
    """Return an item's entry, or what is wrong with it."""
    feed, base = common.feed, _base(item, common.feed.endpoint)
    text = choose_text(stated)
    url = usable_address(_links(item), base)
    if url is None:
        text = site_items.without_page(text)
        if text.content is None:
            return f"no usable address ({one_line(item.get('link'))[:100]!r})"
        url = site_items.own_address(feed, item.get("id"), item.get("title"), text.content)
    entry = Entry(
        docid=site_items.identity(url),
        url=url,
        title=_title(item),
        published=None,
        modified=None,
        entered=None,
        media=one_line(item.get("source", {}).get("title")) or common.media,
        image=usable_address(_image_urls(item), base),
        keywords=site_items.words(tag.get("label") or tag.get("term") for tag in _all(item, "tags")),
        foreign=not is_sina_url(url),
        authors=_authors(item) or common.authors,
        enclosures=site_items.enclosures(_files(item), base),
        guid=site_items.guid(item.get("id")),
    )
    # dict.get: feedparser's own get returns the publication time if there is no update time.
    entry = with_times(entry, dict.get(item, "published"), dict.get(item, "updated"), feed, common.at)
    return site_items.with_text(entry, text)


def _subject(item: Any) -> str:
    return "".join(str(dict.get(item, name, "")) for name in ("id", "title", "link"))


def _links(item: Any) -> Iterable[str]:
    """Yield possible links of an item: its link, the links to its page, and an id that is an address."""
    link, identifier = one_line(item.get("link")), one_line(item.get("id"))
    if link != identifier:  # feedparser takes the id for a missing link
        yield link
    yield from (each.get("href", "") for each in _all(item, "links") if each.get("rel") == "alternate")
    if is_web(identifier) or identifier.startswith("/"):
        yield identifier


def _base(item: Any, endpoint: str) -> str:
    """Return the address that relative addresses of an item refer to: its xml:base, else the feed's."""
    details = [item.get(f"{name}_detail") for name in ("title", "summary")] + _all(item, "content")
    return next((each["base"] for each in details if isinstance(each, dict) and each.get("base")), endpoint)


def _title(item: Any) -> str:
    """Return the title as text: Atom and many RSS feeds write it as HTML."""
    title = one_line(item.get("title"))
    if "<" in title and item.get("title_detail", {}).get("type") != "text/plain":
        return one_line(plain_text(escape_ampersands(title)))
    return site_items.without_references(title)


def _stated_or_none(item: Any, endpoint: str) -> StatedText | None:
    """Return the texts of an item; None if it cannot be read, which reading the item reports."""
    try:
        return _stated(item, endpoint)
    except Exception:  # see read_items
        return None


def _stated(item: Any, endpoint: str) -> StatedText:
    # feedparser copies a content to a missing summary, but not to the details.
    summaries = [detail for name in ("summary", "other_summary") if (detail := item.get(f"{name}_detail"))]
    html = partial(_html, endpoint=endpoint)
    return stated_text(map(html, _all(item, "content")), map(html, summaries))


def _html(detail: Any, endpoint: str) -> str:
    """Return a text as HTML, its links resolved against its own xml:base if it has one."""
    value = str(detail.get("value", ""))
    if detail.get("type") == "text/plain" and not _MARKUP.search(value):
        value = site_items.html_of_text(value)
    base = detail.get("base") or endpoint
    return with_absolute_links(value, base) if base != endpoint and "<" in value else value


def _authors(item: Any) -> tuple[str, ...]:
    return site_items.names(person.get("name") or person.get("email") for person in _all(item, "authors"))


def _files(item: Any) -> Iterable[tuple[object, object]]:
    """Yield address and media type of each file that an item attaches; pictures only if it calls them enclosures."""
    yield from (
        (link.get("href"), link.get("type")) for link in _all(item, "links") if link.get("rel") == "enclosure"
    )
    media = _all(item, "media_content")
    yield from ((each.get("url"), each.get("type") or each.get("medium")) for each in media if not _is_image(each))


def _image_urls(item: Any) -> Iterable[object]:
    for name in ("media_thumbnail", "media_content"):
        yield from (each.get("url") for each in _all(item, name) if _is_image(each))
    yield from (
        link.get("href") for link in _all(item, "links") if link.get("rel") == "enclosure" and _is_image(link)
    )
    if isinstance(image := dict.get(item, "image"), dict):
        yield image.get("href")


def _all(item: Any, name: str) -> list[Any]:
    """Return the elements of one sort. An element of the feed may have feedparser's own name for them."""
    elements = dict.get(item, name)
    return [each for each in elements if isinstance(each, dict)] if isinstance(elements, list) else []


def _is_image(media: Any) -> bool:
    """Return whether a media element is a picture, which most are that do not state their type."""
    return str(media.get("type") or media.get("medium") or "image").startswith("image")
