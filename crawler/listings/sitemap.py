"""Sitemaps (https://www.sitemaps.org/protocol.html), plain and with the news and image extensions.

A news sitemap lists the articles of the last two days, up to 1,000. A plain one lists addresses and their last
changes; the pages state the rest.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from msgspec.structs import replace

from archive.model.feed import Entry, Listing
from archive.model.feed_values import Precision
from archive.model.symbols import symbol_of
from crawler.errors import ListingError
from crawler.extract.charset import decode
from crawler.extract.time_forms.zones import zone_of
from crawler.extract.times import read_time
from crawler.listings import site_items
from crawler.listings.item_times import with_times
from crawler.listings.site_items import one_line, usable_address
from crawler.listings.source import ListSource
from crawler.markup.xml_repair import repair_xml
from crawler.markup.xml_tree import children, local_name, parse_xml, text_of
from crawler.urls import is_sina_url

if TYPE_CHECKING:
    from config.model import Feed

_ROOT = re.compile(r"<((?:[a-zA-Z][\w-]{0,30}:)?(?:urlset|sitemapindex|rss|feed|rdf))(?=[\s>/])", re.IGNORECASE)
_FEEDS = frozenset({"rss", "feed", "rdf"})
# Exchanges as in news:stock_tickers, and what stands after a code of theirs elsewhere.
_EXCHANGES = {
    "SHA": ".SH", "SSE": ".SH", "SHSE": ".SH", "SHE": ".SZ", "SZSE": ".SZ", "HKG": ".HK", "HKEX": ".HK",
    "SEHK": ".HK", "NASDAQ": "", "NYSE": "", "NYSEARCA": "", "NYSEAMERICAN": "", "AMEX": "",
}  # fmt: skip
_MAX_TICKERS = 50  # the protocol allows five
_MAX_TICKER_CHARS = 40


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Return the URL of a sitemap, which has one page."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """Return the entries of a sitemap, unparsed. Comments before them may contain the time of creation."""
    return body[max(body.find(b"<url>"), 0) :]


def is_sitemap(text: str) -> bool:
    """Return whether a text has the root element of a sitemap, or of an index of them."""
    match = _ROOT.search(text)
    return match is not None and match[1].lower().rpartition(":")[2] not in _FEEDS


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a sitemap.

    :param at: when the poll began
    :raises ListingError: the body is not a sitemap, or it is an index of sitemaps
    """
    root = parse_xml(repair_xml(decode(body, content_type), _ROOT))
    name = local_name(root)
    if name == "sitemapindex":
        raise ListingError(_index_reason(root))
    if name in _FEEDS:
        raise ListingError('the answer is a feed, not a sitemap: its kind is "rss"')
    if name != "urlset":
        raise ListingError(f"the answer is not a sitemap: its root element is {root.tag[:40]}")
    listing = site_items.read_items(children(root, "url"), lambda item: _entry(item, feed, at), feed, _subject)
    return Listing(_newest_first(listing.entries), listing.failures)


def _index_reason(root: Element) -> str:
    """Return what to do about an index of sitemaps: it names one that changed last."""
    sitemaps = [(text_of(each, "lastmod"), text_of(each, "loc")) for each in children(root, "sitemap")]
    reason = f"it is an index of {len(sitemaps)} sitemaps: set the endpoint to one of them"
    newest = max(sitemaps, default=("", ""))[1]
    return f"{reason}, such as {one_line(newest)[:200]}" if newest else reason


def _entry(item: Element, feed: ListSource, at: datetime) -> Entry | str:
    """Return an item's entry, or what is wrong with it."""
    location = text_of(item, "loc")
    url = usable_address((location,), feed.endpoint)
    if url is None:
        return f"no usable address ({one_line(location)[:100]!r})"
    news = next(children(item, "news"), None)
    changed = read_time(text_of(item, "lastmod"), zone=zone_of(feed.zone), now=at)
    is_change = changed and changed.precision is Precision.TIME and changed.at <= at
    entry = Entry(
        docid=site_items.identity(url),
        url=url,
        title=site_items.without_references(text_of(news, "title")),
        published=None,
        modified=None,
        entered=None,
        media=one_line(text_of(news, "publication", "name")) or None,
        image=usable_address([text_of(image, "loc") for image in children(item, "image")], feed.endpoint),
        keywords=site_items.words((text_of(news, "keywords"),)),
        symbols=_symbols(text_of(news, "stock_tickers")),
        foreign=not is_sina_url(url),
    )
    # The page of a plain sitemap states when it was published: it may be years before its last change.
    entry = with_times(entry, text_of(news, "publication_date"), "", feed, at)
    return replace(entry, modified=changed.at if is_change and changed and changed.at != entry.published else None)


def _subject(item: Element) -> str:
    return text_of(item)


def _symbols(tickers: str) -> tuple[str, ...]:
    """Return stocks in Sina's notation, such as "sh600519" for "SHA:600519"; those of other exchanges as stated."""
    found = []
    for ticker in site_items.words((tickers,))[:_MAX_TICKERS]:
        exchange, _, code = ticker.rpartition(":")
        suffix = _EXCHANGES.get(exchange.strip().upper())
        found.append((ticker if suffix is None else symbol_of(code.strip() + suffix))[:_MAX_TICKER_CHARS])
    return tuple(dict.fromkeys(found))


def _newest_first(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return entries with the newest first, as polls need them; in their order if one has no time."""
    times = [entry.published or entry.modified for entry in entries]
    known = [time for time in times if time]
    if len(known) < len(times):
        return entries
    order = sorted(range(len(entries)), key=known.__getitem__, reverse=True)
    return tuple(entries[place] for place in order)
