"""News of the US stock page: https://interface.sina.cn/pc_api/public_news_data.d.json?cids=57045&...

According to public code, ``data`` is a list of {title, url, ctime, media, ...}, with ctime in seconds since 1970, and
a ``pageSize`` of up to 1,000 is in use. No parameter for older articles is known, so the list is read as one large
page.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from archive.model.feed import Entry, Listing
from crawler.errors import ListingError
from crawler.extract.article import parse_time
from crawler.extract.charset import decode
from crawler.listings.sina_json import image, line, parse_json, read_items, string, time, words
from crawler.listings.source import ListSource
from crawler.urls import docid, is_web, with_query

if TYPE_CHECKING:
    from config.model import Feed

PAGE_SIZE = 100  # one night: US stocks bring about ten articles an hour
# The parameters that the page itself uses, unless the feed's URL has others.
_DEFAULTS = {
    "cids": "57045", "type": "std_news,std_slide,std_video", "editLevel": "0,1,2,3", "cTime": "1483200000",
    "up": "0", "action": "0",
}  # fmt: skip


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Return the URL of the list, which has one page."""
    del page, size
    return with_query(feed.endpoint, {"pageSize": PAGE_SIZE}, defaults=_DEFAULTS)


def essence(body: bytes) -> bytes:
    """Return the items of a body, unparsed."""
    return body[max(body.find(b'"data"'), 0) :]


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse the list.

    :raises ListingError: the body is not from this interface
    """
    del at  # its times are absolute
    answer = parse_json(decode(body, content_type))
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise ListingError("the answer has no list of data")
    return Listing(*read_items(items, _entry, feed))


def _entry(item: dict[str, Any]) -> Entry | str:
    url = next(filter(is_web, (line(item.get("url")), line(item.get("pcurl")))), None)
    if url is None:
        return f"no usable address (url: {line(item.get('url'))[:100]!r})"
    return Entry(
        docid=docid(item.get("docid"), url),
        url=url,
        title=string(item.get("title")),
        published=time(item.get("ctime")) or parse_time(line(item.get("ctime"))),
        modified=time(item.get("mtime")),
        entered=None,
        media=line(item.get("media")) or None,
        image=image(item),
        keywords=words(item.get("keywords")),
    )
