"""RSS and Atom of any site, by feedparser.

An item whose feed carries the whole text is not fetched; of others the page is. Sina's own feeds answer with items of
2018 and wrap their links in a redirect of go.rss.sina.com.cn (measured), which is undone here.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import feedparser

from archive.model.feed import Entry, Failure, FailureKind, Listing
from config.model import Feed
from crawler.errors import ListingError
from crawler.extract.body import plain_text
from crawler.urls import absolute, address_digest, digest, docid, host, is_sinas, is_web

_REDIRECT = "go.rss.sina.com.cn"
# A content element shorter than this, and no longer than the summary beside it, is an excerpt (characters of text).
_SHORTEST_TEXT = 200
# A text of so many bytes is whole, whatever the summary says, and to count its words would hold up everything else.
_LONG_TEXT = 100_000
_REFERENCE = re.compile(rb"&#([xX][0-9a-fA-F]{1,12}|[0-9]{1,12});")
_YEARS = range(1980, 2100)


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Where a feed is; it has one page."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """The items of a feed, unread. What stands before them tells when it was made, in many."""
    starts = [start for mark in (b"<item", b"<entry") if (start := body.find(mark)) >= 0]
    return body[min(starts, default=0) :]


def read(body: bytes, content_type: str, feed: Feed) -> Listing:
    """What a feed lists.

    :raises ListingError: it is neither RSS nor Atom
    """
    body = _REFERENCE.sub(_readable, body)
    # Always bytes: a text that looks like a path would be opened. Faithful: what is unsafe is taken out of the file.
    parsed = feedparser.parse(
        BytesIO(body),
        response_headers={"content-type": content_type, "content-location": feed.endpoint},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.get("version") and not parsed.entries:
        reason = str(parsed.get("bozo_exception", ""))
        raise ListingError(f"the answer is neither RSS nor Atom{': ' + reason if reason else ''}")
    medium = _line(parsed.feed.get("title")) or None
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(parsed.entries, start=1):
        try:
            read_item = _read_item(item, feed, medium)
        except (TypeError, AttributeError, ValueError, LookupError) as error:  # of elements where none should be
            read_item = f"it cannot be understood ({type(error).__name__}: {error})"
        if isinstance(read_item, Entry):
            entries.append(read_item)
        else:
            subject = digest("".join(str(dict.get(item, name, "")) for name in ("id", "title", "link")))
            reason = f"item {place} of list {feed.id}: {read_item}"
            failures.append(Failure(subject, FailureKind.UNREADABLE, reason[:300]))
    return Listing(tuple(entries), tuple(failures))


def _read_item(item: Any, feed: Feed, medium: str | None) -> Entry | str:
    """An item's entry, or what is wrong with it."""
    url = next((address for address in _addresses(item, feed.endpoint) if is_web(address)), None)
    if url is None and _whole_text(item):  # it needs no address, and has a place in the feed
        url = f"{feed.endpoint}#!{digest(str(item.get('id') or item.get('title')))}"
    if url is None:
        return f"no usable address ({_line(item.get('link'))[:100]!r})"
    return _entry(item, url, medium)


def _readable(reference: re.Match[bytes]) -> bytes:
    """A character by its number, as HTML takes it: what is none is U+FFFD."""
    digits = reference[1].lower()
    number = int(digits[1:], 16) if digits.startswith(b"x") else int(digits)
    return reference[0] if 0 < number < 0xD800 or 0xDFFF < number <= 0x10FFFF else b"&#xFFFD;"


def _entry(item: Any, url: str, medium: str | None) -> Entry:
    # The plain dict's get: feedparser's own gives the time of publication where there is none of an update.
    updated = _time(dict.get(item, "updated_parsed"))
    published = _time(item.get("published_parsed")) or updated
    return Entry(
        docid=docid(None, url) if is_sinas(url) else address_digest(url),
        url=url,
        title=_title(item),
        published=published,
        modified=updated if updated != published else None,
        entered=None,
        media=_line(item.get("source", {}).get("title")) or medium,
        image=next(filter(None, _images(item)), None),
        keywords=tuple(dict.fromkeys(filter(None, (_line(tag.get("term")) for tag in item.get("tags", ()))))),
        # Sina's pages say more than a feed does, and other lists have them too.
        content=None if is_sinas(url) else _whole_text(item),
        foreign=not is_sinas(url),
    )


def _addresses(item: Any, base: str) -> Iterable[str]:
    """Where an item's page may be: its link, and an id that is an address."""
    for stated in (item.get("link"), item.get("id")):
        if address := _line(stated):
            url = absolute(base, address) if stated is item.get("link") else address
            if host(url) == _REDIRECT:
                url = next(iter(parse_qs(urlsplit(url).query).get("url", ())), url)
            yield url


def _title(item: Any) -> str:
    """The title as text: Atom and many RSS feeds write it as HTML."""
    title = _line(item.get("title"))
    if "<" in title and item.get("title_detail", {}).get("type") != "text/plain":
        return _line(plain_text(title))
    return _line(unescape(title)) if "&" in title else title


def _whole_text(item: Any) -> str | None:
    """The item's text as HTML, where the feed carries all of it (content:encoded, Atom's content)."""
    html = max((content.get("value", "") for content in item.get("content", ())), key=len, default="")
    if len(html) > _LONG_TEXT:
        return str(html)
    text = plain_text(html) if html else ""
    summary = item.get("summary", "")
    if len(text) >= _SHORTEST_TEXT or (text and summary != html and len(text) > len(plain_text(summary))):
        return str(html)
    return None


def _images(item: Any) -> Iterable[str]:
    for name in ("media_thumbnail", "media_content"):
        yield from (_line(each.get("url")) for each in item.get(name, ()) if _is_picture(each))
    yield from (_line(each.get("href")) for each in item.get("enclosures", ()) if _is_picture(each))


def _is_picture(stated: Any) -> bool:
    kind = stated.get("type") or stated.get("medium") or "image"
    return bool(kind.startswith("image"))


def _time(stated: time.struct_time | None) -> datetime | None:
    """A time as feedparser has it, in UTC; None when it is none, or beyond belief."""
    if stated is None or stated.tm_year not in _YEARS:
        return None
    return datetime.fromtimestamp(calendar.timegm(stated), UTC)


def _line(stated: object) -> str:
    return " ".join(str(stated or "").split())
