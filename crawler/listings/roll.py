"""The roll API: https://feed.mix.sina.com.cn/api/roll/get, a page of a list as JSON or JSONP.

Facts measured on 62,644 polls: numbers are strings except inside ``img``; ``img`` is [] or {u,w,h,t}; ``urls`` is a
JSON string; num above 50 is silently 50; lists are ordered by ctime while items arrive by intime.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from archive.model.feed import Entry, Listing, Span
from config.model import Feed
from crawler.errors import ListingError
from crawler.extract.charset import decode
from crawler.listings.sina_json import image, line, result_of, string, time, understood, words
from crawler.urls import docid, is_web, with_query

PAGE_SIZE = 50  # the most that the API gives; more is silently 50
_NUMBER = re.compile(r"\d+")


def page_url(feed: Feed, page: int, size: int = PAGE_SIZE) -> str:
    """Where page ``page`` (from 1, newest first) of a feed's list is, in pages of ``size`` articles."""
    return _url(feed, {"num": size, "page": page})


def history_url(feed: Feed, page: int, window: Span, size: int = PAGE_SIZE) -> str:
    """Where page ``page`` of what was published in a window, both ends included, is.

    Public code has these parameters, with their names the wrong way round. Nobody vouches that the site heeds them.
    """
    start, end = math.floor(window.start.timestamp()), math.ceil(window.end.timestamp())
    return _url(feed, {"etime": start, "stime": end, "ctime": end, "num": size, "page": page})


def _url(feed: Feed, asked: dict[str, int]) -> str:
    page = {} if feed.pageid is None else {"pageid": feed.pageid}
    return with_query(feed.endpoint, {**page, "lid": feed.lid, **asked})


def essence(body: bytes) -> bytes:
    """The items of an answer, unread. What stands before them tells the time, so that no two answers are the same."""
    return body[max(body.find(b'"data"'), 0) :]


def read(body: bytes, content_type: str, feed: Feed) -> Listing:
    """A page of the list.

    :raises ListingError: it is not an answer of the roll API, or one that reports an error
    """
    result = result_of(decode(body, content_type))
    entries, failures = understood(_items(result), _entry, feed)
    total = result.get("total")
    stated = str(total) if isinstance(total, (int, str)) and str(total).isdecimal() else ""
    return Listing(entries, failures, int(stated[:12]) if stated else None)


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
