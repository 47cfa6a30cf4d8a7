"""The 7x24 telegraph: https://zhibo.sina.com.cn/api/zhibo/feed, whose items are whole texts and not links.

Measured on 3,826 hourly polls: ``ext`` is a JSON string with the stocks and, often only later, the address of the
page that the item became; ``docurl`` is filled then too. Items stand by id, nearly always. ``creator`` and ``mender``
are e-mail addresses of the staff: nothing here reads them. Public code disagrees on how many items a page may have
(10 to 100), so none is taken for the last because it is short.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from archive.model.feed import Entry, Listing
from config.model import Feed
from crawler.errors import ListingError
from crawler.extract.article import parse_time
from crawler.extract.charset import decode
from crawler.listings.sina_json import line, result_of, string, understood
from crawler.urls import is_web, with_query

PAGE_SIZE = 50  # as many as a page of a roll list; fewer come where a page may have fewer, and the poll reads on
# Where people read the telegraph; an item that has no page of its own has a place there.
HOME = "https://finance.sina.com.cn/7x24/"
_CHANNEL = {"zhibo_id": "152", "tag_id": "0"}  # 财经, all of it: unless the feed's address names others
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_HEADLINE = re.compile(r"\s*【\s*(.{2,120}?)\s*】", re.DOTALL)
_SENTENCE = re.compile(r".{1,80}?(?=[。！？；\n]|$)|.{80}", re.DOTALL)
_ID = re.compile(r"\d{1,20}", re.ASCII)  # of seven digits so far
_MAX_TITLE = 80  # characters, of an item without a headline whose first sentence is longer


def page_url(feed: Feed, page: int, size: int = PAGE_SIZE) -> str:
    """Where page ``page`` (from 1, newest first) of a telegraph is, in pages of ``size`` items."""
    asked = {"page": page, "page_size": size, "dire": "f", "dpc": 1}
    return with_query(feed.endpoint, asked, defaults=_CHANNEL)


def essence(body: bytes) -> bytes:
    """The items of an answer, unread. What stands before them tells the time."""
    return body[max(body.find(b'"feed"'), 0) :]


def read(body: bytes, content_type: str, feed: Feed) -> Listing:
    """A page of the telegraph.

    :raises ListingError: it is not an answer of it, or one that reports an error
    """
    data = result_of(decode(body, content_type)).get("data")
    items = data.get("feed") if isinstance(data, dict) else None
    items = items.get("list") if isinstance(items, dict) else None
    if not isinstance(items, list):
        raise ListingError("the answer has no result.data.feed.list")
    return Listing(*understood(items, _entry, feed, _docid), is_open=True)


def _entry(item: dict[str, Any]) -> Entry | str:
    number, text = line(item.get("id")), string(item.get("rich_text")).strip()
    if not _ID.fullmatch(number):
        return f"no id (id: {number[:100]!r})"
    if not text and not _flag(item.get("is_delete")):
        return f"item {number} has no text"
    ext, pictures = _object(item.get("ext")), _pictures(item.get("multimedia"))
    return Entry(
        docid=_docid(item) or "",
        url=next(filter(is_web, (line(ext.get("docurl")), line(item.get("docurl")))), f"{HOME}#{number}"),
        title=_title(text),
        published=parse_time(line(item.get("create_time"))),
        modified=parse_time(line(item.get("update_time"))),
        entered=None,
        media=None,
        image=pictures[0] if pictures else None,
        keywords=tuple(dict.fromkeys(filter(None, map(_name, _list(item.get("tag")))))),
        content=_html(text, pictures),
        symbols=tuple(dict.fromkeys(filter(None, map(_symbol, _list(ext.get("stocks")))))),
        withdrawn=_flag(item.get("is_delete")),
    )


def _docid(item: dict[str, Any]) -> str | None:
    """What an item is known by; None where it has no number. See D51."""
    number = line(item.get("id"))
    return f"live{number}" if _ID.fullmatch(number) else None


def _title(text: str) -> str:
    """The headline in brackets that most items begin with, else the first sentence."""
    plain = _TAG.sub("", text).strip()
    found = _HEADLINE.match(plain)
    title = line(found[1] if found else (sentence[0] if (sentence := _SENTENCE.match(plain)) else ""))
    if not found and len(title) >= _MAX_TITLE:
        return title[: _MAX_TITLE - 1] + "…"
    return title


def _html(text: str, pictures: list[str]) -> str:
    """The text as HTML. It is plain, as a rule, and may hold tags."""
    inner = text if _TAG.search(text) else escape(text, quote=False)
    images = "".join(f'\n<p><img src="{escape(address)}"></p>' for address in pictures)
    return f"<p>{inner.replace(chr(10), '<br>')}</p>{images}"


def _symbol(stock: Any) -> str | None:
    """A stock in the notation of Sina's pages: sh600519, hk00700, MSFT; of other markets with the market's name."""
    if not isinstance(stock, dict):
        return None
    market, symbol = line(stock.get("market")).lower(), line(stock.get("symbol"))
    if market in ("", "cn", "us") or symbol.lower().startswith(market):
        return symbol or None
    return f"{market}{symbol}" if symbol else None


def _pictures(stated: Any) -> list[str]:
    found = _object(stated).get("img_url")
    return [address for each in ([found] if isinstance(found, str) else _list(found)) if (address := line(each))]


def _name(tag: Any) -> str:
    return line(tag.get("name")) if isinstance(tag, dict) else ""


def _flag(stated: Any) -> bool:
    """Whether a flag is set: 1, "1" or true. What is anything else deletes nothing."""
    return line(stated).lower() in ("1", "true")


def _list(stated: Any) -> list[Any]:
    return stated if isinstance(stated, list) else []


def _object(stated: Any) -> dict[str, Any]:
    """An object, or one in a JSON string; an empty one for anything else."""
    if isinstance(stated, str) and stated.startswith("{"):
        try:
            stated = json.loads(stated)
        except (ValueError, RecursionError):
            return {}
    return stated if isinstance(stated, dict) else {}
