"""The roll API: https://feed.mix.sina.com.cn/api/roll/get returns a page of a list as JSON or JSONP.

Measured on 62,644 polls: numbers are strings except inside ``img``; ``img`` is [] or {u,w,h,t}; ``urls`` is a
JSON string; num above 50 is silently 50; lists are ordered by ctime while items arrive by intime.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from archive.model.feed import Entry, Listing, Span
from crawler.errors import ListingError
from crawler.extract.charset import decode
from crawler.listings.sina_json import image, line, parse_result, read_items, string, time, words
from crawler.listings.source import PAGE_SIZE, ListSource
from crawler.urls import docid, is_web, with_query

if TYPE_CHECKING:
    from config.model import Feed

_NUMBER = re.compile(r"\d+")


def page_url(feed: Feed, page: int, size: int = PAGE_SIZE) -> str:
    """Return the URL of page ``page`` (from 1, newest first) of a feed's list, in pages of ``size`` articles."""
    return _url(feed, {"num": size, "page": page})


def history_url(feed: Feed, page: int, window: Span, size: int = PAGE_SIZE) -> str:
    """Return the URL of page ``page`` of the articles published in ``window``, both ends included.

    Public code uses these parameters, with the names swapped. Nothing guarantees that the site honours them.
    """
    start, end = math.floor(window.start.timestamp()), math.ceil(window.end.timestamp())
    return _url(feed, {"etime": start, "stime": end, "ctime": end, "num": size, "page": page})


def _url(feed: Feed, parameters: dict[str, int]) -> str:
    page = {} if feed.pageid is None else {"pageid": feed.pageid}
    return with_query(feed.endpoint, {**page, "lid": feed.lid, **parameters})


def essence(body: bytes) -> bytes:
    """Return the items of a body, unparsed. The part before them contains the time, so no two bodies are equal."""
    return body[max(body.find(b'"data"'), 0) :]


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a page of the list.

    :raises ListingError: the body is not from the roll API, or reports an error
    """
    del at  # its times are absolute
    result = parse_result(decode(body, content_type))
    entries, failures = read_items(_items(result), _entry, feed)
    total = result.get("total")
    digits = str(total) if isinstance(total, (int, str)) and str(total).isdecimal() else ""
    return Listing(entries, failures, int(digits[:12]) if digits else None)


def _items(result: dict[str, Any]) -> Iterable[Any]:
    data = result.get("data")
    if isinstance(data, dict):
        return data.values()
    if data is None or isinstance(data, list):
        return data or ()
    raise ListingError(f"the answer's data is {type(data).__name__}, not a list")


def _entry(item: dict[str, Any]) -> Entry | str:
    url = next((address for address in _addresses(item) if is_web(address)), None)
    if url is None:
        return f"no usable address (url: {line(item.get('url'))[:100]!r})"
    return Entry(
        docid=docid(item.get("docid"), url),
        url=url,
        title=string(item.get("title")),
        published=time(item.get("ctime")),
        modified=time(item.get("mtime")),
        entered=time(item.get("intime")),
        media=line(item.get("media_name")) or None,
        image=image(item),
        keywords=words(item.get("keywords")),
        lids=tuple(int(lid) for lid in _NUMBER.findall(line(item.get("lids"))[:4096])),
    )


def _addresses(item: dict[str, Any]) -> Iterable[str]:
    yield line(item.get("url"))
    try:
        more = json.loads(item["urls"])
    except (KeyError, TypeError, ValueError, RecursionError):
        more = item.get("urls")
    if isinstance(more, list):
        yield from map(line, more)
    yield line(item.get("wapurl"))
