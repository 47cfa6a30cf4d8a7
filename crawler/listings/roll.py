"""The roll API: https://feed.mix.sina.com.cn/api/roll/get, a page of a list as JSON or JSONP.

Facts measured on 62,644 polls: numbers are strings except inside ``img``; ``img`` is [] or {u,w,h,t}; ``urls`` is a
JSON string; num above 50 is silently 50; lists are ordered by ctime while items arrive by intime.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from archive.records import Entry, Failure, Kind, Listing, Span
from config.model import Feed
from crawler.charset import decode
from crawler.errors import ListingError
from crawler.urls import docid, is_web

PAGE_SIZE = 50  # the most that the API gives; more is silently 50
# fn({...}) and try{fn({...});}catch(e){};
_JSONP = re.compile(
    r"\s*(?:try\s*\{\s*)?[\w$.]+\s*\((.*)\)\s*;?\s*(?:\}\s*catch\s*\(\s*\w*\s*\)\s*\{.*?\}\s*;?)?\s*",
    re.DOTALL,
)
_COMMA = re.compile(r"[,，]")
_NUMBER = re.compile(r"\d+")
# Sina's first news page is of 1996; a time outside of these years is a slip (seconds since 1970, UTC).
_EARLIEST, _LATEST = 788_918_400, 4_102_444_800


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
    parts = urlsplit(str(feed.endpoint))
    ours = {"pageid": feed.pageid, "lid": feed.lid, **asked}
    if feed.pageid is None:
        del ours["pageid"]
    own = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in ours]
    return urlunsplit(parts._replace(query=urlencode([*own, *ours.items()])))


def essence(body: bytes) -> bytes:
    """The items of an answer, unread. What stands before them tells the time, so that no two answers are the same."""
    return body[max(body.find(b'"data"'), 0) :]


def read(body: bytes, content_type: str, feed: Feed) -> Listing:
    """A page of the list.

    :raises ListingError: it is not an answer of the roll API, or one that reports an error
    """
    answer = _answer(decode(body, content_type))
    items = _items(answer)
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        read_item = _entry(item)
        if isinstance(read_item, Entry):
            entries.append(read_item)
        else:
            raw = json.dumps(item, ensure_ascii=True, sort_keys=True, default=str)
            stated = item.get("docid") if isinstance(item, dict) else None
            subject = docid(stated, raw)
            failures.append(Failure(subject, Kind.UNREADABLE, f"item {place} of list {feed.id}: {read_item}"))
    total = answer.get("total")
    stated = str(total) if isinstance(total, (int, str)) and str(total).isdecimal() else ""
    return Listing(tuple(entries), tuple(failures), int(stated[:12]) if stated else None)


def _answer(text: str) -> dict[str, Any]:
    stripped = text.strip()
    if not stripped:
        raise ListingError("the answer is empty")
    if stripped.startswith("<"):
        raise ListingError("the answer is HTML, not JSON")
    if not stripped.startswith(("{", "[")) and (match := _JSONP.fullmatch(stripped)):
        stripped = match[1]
    try:
        answer = json.loads(stripped, parse_int=_integer)
    except ValueError as error:
        raise ListingError(f"the answer is not JSON: {error}") from error
    except RecursionError as error:
        raise ListingError("the answer is JSON nested beyond reason") from error
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, dict):
        raise ListingError("the answer has no result")
    return result


def _items(result: dict[str, Any]) -> Iterable[Any]:
    status = result.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    data = result.get("data")
    if str(code or 0) != "0":
        message = status.get("msg") if isinstance(status, dict) else ""
        raise ListingError(f"the answer reports error {code}: {_line(message)[:100]}")
    if isinstance(data, dict):
        return data.values()
    if data is None or isinstance(data, list):
        return data or ()
    raise ListingError(f"the answer's data is {type(data).__name__}, not a list")


def _entry(item: Any) -> Entry | str:
    """The item's entry, or what is wrong with it."""
    if not isinstance(item, dict):
        return f"not an object but {type(item).__name__}"
    url = next((address for address in _addresses(item) if is_web(address)), None)
    if url is None:
        return f"no usable address (url: {_line(item.get('url'))[:100]!r})"
    return Entry(
        docid=docid(item.get("docid"), url),
        url=url,
        title=_string(item.get("title")),
        published=_time(item.get("ctime")),
        modified=_time(item.get("mtime")),
        entered=_time(item.get("intime")),
        media=_line(item.get("media_name")) or None,
        image=_image(item),
        keywords=tuple(filter(None, (word.strip() for word in _COMMA.split(_line(item.get("keywords")))))),
        lids=tuple(int(lid) for lid in _NUMBER.findall(_line(item.get("lids"))[:4096])),
    )


def _addresses(item: dict[str, Any]) -> Iterable[str]:
    yield _line(item.get("url"))
    try:
        more = json.loads(item["urls"])
    except (KeyError, TypeError, ValueError, RecursionError):
        more = item.get("urls")
    if isinstance(more, list):
        yield from map(_line, more)
    yield _line(item.get("wapurl"))


def _image(item: dict[str, Any]) -> str | None:
    """The listing's picture: ``img`` is the one chosen for the list, ``images`` are those of the article."""
    images = item.get("images")
    for picture in (item.get("img"), *(images if isinstance(images, list) else ())):
        if isinstance(picture, dict) and (address := _line(picture.get("u"))):
            return address
    return None


def _time(stated: object) -> datetime | None:
    try:
        seconds = float(stated) if isinstance(stated, (int, float, str)) else 0.0
        if seconds >= _LATEST:
            seconds /= 1000  # milliseconds
        return datetime.fromtimestamp(int(seconds), UTC) if _EARLIEST <= seconds < _LATEST else None
    except (ValueError, OverflowError):
        return None


def _integer(digits: str) -> float:
    """A number in JSON; Python refuses to read those of thousands of digits, and with them all of the answer."""
    return int(digits) if len(digits) < 20 else float(digits)


def _string(stated: object) -> str:
    """A text, whole; halves of surrogate pairs, which JSON can hold and UTF-8 cannot, become U+FFFD."""
    text = stated if isinstance(stated, str) else "" if stated is None else str(stated)
    if text.isascii():  # most are, and the way round costs
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _line(stated: object) -> str:
    return " ".join(_string(stated).split())
