"""Which kind of list a response is, and which lists a page names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from archive.model.fetch import RawResponse
from crawler.errors import CrawlerError
from crawler.extract.charset import decode
from crawler.extract.response import page_of
from crawler.http.status import of_status
from crawler.listings import json_feed, rss, sitemap
from crawler.listings.feed_root import is_feed
from crawler.listings.site_items import one_line, usable_address, without_references
from crawler.listings.source import ListSource
from crawler.markup.parser import parse_html

# Media types of the links by which pages name their feeds (RSS autodiscovery; JSON Feed 1.1).
_FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
)
_MAX_LINKS = 10  # pages name two or three


class LinkedFeed(NamedTuple):
    """A feed that a page names."""

    address: str
    title: str  # "" if the page states none


class Discovery(NamedTuple):
    """What a response has of lists."""

    kind: str | None  # "rss" or "sitemap"; None: it is no list
    title: str = ""  # of the list; "" if it states none
    links: tuple[LinkedFeed, ...] = ()  # of a page
    reason: str = ""  # why it is no list


def discover(response: RawResponse, source: ListSource, at: datetime, max_bytes: int) -> Discovery:
    """Return what a response has of lists.

    :param source: a feed with the address of the response
    :param at: when the response was requested
    :param max_bytes: maximum size of the unpacked body
    """
    if failure := of_status(response.status, response.url):
        return Discovery(None, reason=failure.reason)
    try:
        page = page_of(response, at, max_bytes)
    except CrawlerError as error:
        return Discovery(None, reason=one_line(error))
    reasons = []
    for kind, read in (("rss", rss.read), ("sitemap", sitemap.read)):
        try:
            read(page.body, page.content_type, source, at)
        except CrawlerError as error:
            reasons.append(one_line(error))
        else:
            return Discovery(kind, _title(decode(page.body, page.content_type), source) if kind == "rss" else "")
    text = decode(page.body, page.content_type)
    if is_feed(text):
        return Discovery(None, reason=reasons[0])
    if sitemap.is_sitemap(text):
        return Discovery(None, reason=reasons[1])
    links = tuple(dict.fromkeys(_links(text, response.url)))[:_MAX_LINKS]
    return Discovery(None, links=links, reason="it is no feed and no sitemap, and it names no feed")


def _title(text: str, source: ListSource) -> str:
    if json_feed.is_json(text):
        return json_feed.title_of(text)
    from crawler.listings.feed_xml import parse_feed  # noqa: PLC0415 - see feed_root

    return without_references(dict.get(parse_feed(text, source.endpoint).feed, "title"))


def _links(text: str, url: str) -> Iterator[LinkedFeed]:
    try:
        tree = parse_html(text)
    except CrawlerError:
        return
    base = next((node.attributes.get("href") for node in tree.css("base[href]")), None)
    for node in tree.css("link[rel][href]"):
        relations = (node.attributes.get("rel") or "").lower().split()
        media_type = (node.attributes.get("type") or "").partition(";")[0].strip().lower()
        if "alternate" in relations and media_type in _FEED_TYPES:
            address = usable_address([node.attributes.get("href")], usable_address([base], url) or url)
            if address:
                yield LinkedFeed(address, one_line(node.attributes.get("title")))
