"""RSS and Atom of any site, by feedparser.

If a feed contains an item's full text, its page is not fetched. Sina's own feeds answer with items of 2018 and wrap
their links in a redirect of go.rss.sina.com.cn (measured), which is undone here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from html import unescape
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import feedparser

from archive.model.feed import Entry, Failure, FailureKind, Listing
from archive.model.feed_values import Precision
from crawler.errors import ListingError
from crawler.extract.body import plain_text
from crawler.extract.charset import decode
from crawler.extract.times import publication, read_time, zone_of
from crawler.listings.source import ListSource
from crawler.urls import absolute, address_digest, digest, docid, host, is_sina_url, is_web

if TYPE_CHECKING:
    from config.model import Feed

_REDIRECT = "go.rss.sina.com.cn"
# A content element with fewer characters of text, and no more than the summary, is an excerpt.
_MIN_TEXT_CHARS = 200
# Longer HTML is a full text, whatever the summary says; extracting its text would block everything else.
_LONG_HTML_CHARS = 100_000
_DECODED = "application/xml; charset=utf-8"  # with this type, feedparser takes the charset over that in the XML
_CHAR_REFERENCE = re.compile(rb"&#([xX][0-9a-fA-F]{1,12}|[0-9]{1,12});")
_MAX_TIME_CHARS = 100  # of a stated time that is kept


_MAX_NAME_CHARS = 1000
# Private API of feedparser 6.0: it searches the names of authors for addresses, in quadratic time.
_mixin = feedparser.mixin._FeedParserMixin
_search_address = _mixin._sync_author_detail


def _search_address_in_short_names(parser: Any, key: str = "author") -> None:
    if len(parser._get_context().get(key) or "") <= _MAX_NAME_CHARS:
        _search_address(parser, key)


_mixin._sync_author_detail = _search_address_in_short_names


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Return the URL of a feed, which has one page."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """Return the items of a feed, unparsed. In many feeds the part before them contains the time of creation."""
    starts = [start for mark in (b"<item", b"<entry") if (start := body.find(mark)) >= 0]
    return body[min(starts, default=0) :]


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a feed.

    :param at: when the poll began
    :raises ListingError: the body is neither RSS nor Atom
    """
    # feedparser takes one broken byte, or a wrong declaration, for another charset.
    body = _CHAR_REFERENCE.sub(_valid_reference, decode(body, content_type).encode())
    # Always bytes: feedparser opens a str that looks like a path. No sanitizing: the article renderer does that.
    try:
        parsed = feedparser.parse(
            BytesIO(body),
            response_headers={"content-type": _DECODED, "content-location": feed.endpoint},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # feedparser 6 has many, on markup that no feed should have
        raise ListingError(f"feedparser cannot read the answer ({type(error).__name__}: {error})") from error
    if not parsed.get("version") and not parsed.entries:
        reason = str(parsed.get("bozo_exception", ""))
        raise ListingError(f"the answer is neither RSS nor Atom{': ' + reason if reason else ''}")
    media = _line(dict.get(parsed.feed, "title")) or None
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(parsed.entries, start=1):
        try:
            read_item = _read_item(item, feed, media, at)
        except Exception as error:  # elements in unexpected places: it costs this item only
            read_item = f"it cannot be read ({type(error).__name__}: {error})"
        if isinstance(read_item, Entry):
            entries.append(read_item)
        else:
            subject = digest("".join(str(dict.get(item, name, "")) for name in ("id", "title", "link")))
            reason = f"item {place} of list {feed.id}: {read_item}"
            failures.append(Failure(subject, FailureKind.UNREADABLE, reason[:300]))
    return Listing(tuple(entries), tuple(failures))


def _read_item(item: Any, feed: ListSource, media: str | None, at: datetime) -> Entry | str:
    """Return an item's entry, or what is wrong with it."""
    url = next((address for address in _addresses(item, feed.endpoint) if is_web(address)), None)
    if url is None and _full_text(item):  # it needs no page; identify it by the feed
        url = f"{feed.endpoint}#!{digest(str(item.get('id') or item.get('title')))}"
    if url is None:
        return f"no usable address ({_line(item.get('link'))[:100]!r})"
    return _entry(item, url, media, _Times(item, zone_of(feed.zone), at))


def _valid_reference(reference: re.Match[bytes]) -> bytes:
    """Return a numeric character reference as HTML reads it: U+FFFD if it is not a character."""
    digits = reference[1].lower()
    number = int(digits[1:], 16) if digits.startswith(b"x") else int(digits)
    return reference[0] if 0 < number < 0xD800 or 0xDFFF < number <= 0x10FFFF else b"&#xFFFD;"


def _entry(item: Any, url: str, media: str | None, times: _Times) -> Entry:
    return Entry(
        docid=docid(None, url) if is_sina_url(url) else address_digest(url),
        url=url,
        title=_title(item),
        published=times.published,
        modified=times.modified,
        entered=None,
        media=_line(item.get("source", {}).get("title")) or media,
        image=next(filter(None, _image_urls(item)), None),
        keywords=tuple(dict.fromkeys(filter(None, (_line(tag.get("term")) for tag in item.get("tags", ()))))),
        # Sina's pages contain more than a feed does, and other lists have them too.
        content=None if is_sina_url(url) else _full_text(item),
        foreign=not is_sina_url(url),
        published_text=times.text,
        precision=times.precision,
        published_note=times.note,
    )


class _Times:
    """The times of an item.

    :param zone: of times that state none
    :param at: the time of the poll
    """

    def __init__(self, item: Any, zone: tzinfo, at: datetime) -> None:
        # dict.get: feedparser's own get returns the publication time if there is no update time.
        published, updated = (_line(dict.get(item, name)) for name in ("published", "updated"))
        stated = read_time(published, zone=zone, now=at)
        change = read_time(updated, zone=zone, now=at)
        text = published if stated or not change else updated
        self.text = text[:_MAX_TIME_CHARS] or None
        self.published, self.precision, self.note = publication(stated or change, zone=zone, now=at)
        is_other = change is not None and change.precision is Precision.TIME and change != stated
        self.modified = change.at if is_other and stated and change and change.at <= at else None


def _addresses(item: Any, base: str) -> Iterable[str]:
    """Yield possible URLs of an item's page: its link, and an id that is a URL."""
    for value in (item.get("link"), item.get("id")):
        if address := _line(value):
            url = absolute(base, address) if value is item.get("link") else address
            if host(url) == _REDIRECT:
                url = next(iter(parse_qs(urlsplit(url).query).get("url", ())), url)
            yield url


def _title(item: Any) -> str:
    """Return the title as text: Atom and many RSS feeds write it as HTML."""
    title = _line(item.get("title"))
    if "<" in title and item.get("title_detail", {}).get("type") != "text/plain":
        return _line(plain_text(title))
    return _line(unescape(title)) if "&" in title else title


def _full_text(item: Any) -> str | None:
    """Return the item's text as HTML if the feed contains all of it (content:encoded, Atom's content)."""
    html = max((content.get("value", "") for content in item.get("content", ())), key=len, default="")
    if len(html) > _LONG_HTML_CHARS:
        return str(html)
    text = plain_text(html) if html else ""
    summary = item.get("summary", "")
    if len(text) >= _MIN_TEXT_CHARS or (text and summary != html and len(text) > len(plain_text(summary))):
        return str(html)
    return None


def _image_urls(item: Any) -> Iterable[str]:
    for name in ("media_thumbnail", "media_content"):
        yield from (_line(each.get("url")) for each in item.get(name, ()) if _is_image(each))
    yield from (_line(each.get("href")) for each in item.get("enclosures", ()) if _is_image(each))


def _is_image(element: Any) -> bool:
    kind = element.get("type") or element.get("medium") or "image"
    return bool(kind.startswith("image"))


def _line(value: object) -> str:
    return " ".join(str(value or "").split())
