"""The 7x24 telegraph: https://zhibo.sina.com.cn/api/zhibo/feed, whose items are complete texts, not links.

Measured on 3,826 hourly polls: ``ext`` is a JSON string with the stocks and, often only later, the URL of the page
that the item became; ``docurl`` is filled then too. Items are ordered by id, with few exceptions. ``creator`` and
``mender`` are e-mail addresses of the staff and are not read. Public code disagrees on the maximum number of items on
a page (10 to 100), so a short page does not mean that it is the last.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from archive.model.feed import Entry, Listing
from archive.model.symbols import stock_name_of, symbol_of
from crawler.errors import ListingError
from crawler.extract.article import parse_time
from crawler.extract.charset import decode
from crawler.listings.sina_json import line, parse_result, read_items, string
from crawler.listings.source import ListSource
from crawler.urls import is_web, with_query

if TYPE_CHECKING:
    from config.model import Feed

PAGE_SIZE = 50  # as for roll lists; if the maximum is lower, the page is shorter and the poll reads on
# The telegraph's web page, which has an anchor for each item without a page of its own.
HOME = "https://finance.sina.com.cn/7x24/"
_CHANNEL = {"zhibo_id": "152", "tag_id": "0"}  # all of 财经, unless the feed's URL names another channel
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MIN_HEADLINE, _MAX_HEADLINE = 2, 120  # characters
_SENTENCE = re.compile(r".{1,80}?(?=[。！？；\n]|$)|.{80}", re.DOTALL)
_ID = re.compile(r"\d{1,20}", re.ASCII)  # seven digits so far
_MAX_TITLE = 80  # characters, if an item has no headline and a longer first sentence


def page_url(feed: Feed, page: int, size: int = PAGE_SIZE) -> str:
    """Return the URL of page ``page`` (from 1, newest first) of a telegraph, in pages of ``size`` items."""
    parameters = {"page": page, "page_size": size, "dire": "f", "dpc": 1}
    return with_query(feed.endpoint, parameters, defaults=_CHANNEL)


def essence(body: bytes) -> bytes:
    """Return the items of a body, unparsed. The part before them contains the time."""
    return body[max(body.find(b'"feed"'), 0) :]


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a page of the telegraph.

    :raises ListingError: the body is not from the telegraph, or reports an error
    """
    del at  # its times are absolute
    data = parse_result(decode(body, content_type)).get("data")
    items = data.get("feed") if isinstance(data, dict) else None
    items = items.get("list") if isinstance(items, dict) else None
    if not isinstance(items, list):
        raise ListingError("the answer has no result.data.feed.list")
    return Listing(*read_items(items, _entry, feed, _docid), is_open=True)


def _entry(item: dict[str, Any]) -> Entry | str:
    number, text = line(item.get("id")), string(item.get("rich_text")).strip()
    if not _ID.fullmatch(number):
        return f"no id (id: {number[:100]!r})"
    if not text and not _flag(item.get("is_delete")):
        return f"item {number} has no text"
    ext, images = _object(item.get("ext")), _images(item.get("multimedia"))
    return Entry(
        docid=_docid(item) or "",
        url=next(filter(is_web, (line(ext.get("docurl")), line(item.get("docurl")))), f"{HOME}#{number}"),
        title=_title(text),
        published=parse_time(line(item.get("create_time"))),
        modified=parse_time(line(item.get("update_time"))),
        entered=None,
        media=None,
        image=images[0] if images else None,
        keywords=tuple(dict.fromkeys(filter(None, map(_name, _list(item.get("tag")))))),
        content=_html(text, images),
        symbols=tuple(dict.fromkeys(filter(None, map(_symbol, _list(ext.get("stocks")))))),
        withdrawn=_flag(item.get("is_delete")),
        stock_names=_stock_names(_list(ext.get("stocks"))),
    )


def _docid(item: dict[str, Any]) -> str | None:
    """Return an item's identity; None if it has no number. See D51."""
    number = line(item.get("id"))
    return f"live{number}" if _ID.fullmatch(number) else None


def _title(text: str) -> str:
    """Return the headline in brackets with which most items begin, else the first sentence."""
    plain = _TAG.sub("", text).strip()
    headline = _headline(plain)
    title = line(headline or (sentence[0] if (sentence := _SENTENCE.match(plain)) else ""))
    if not headline and len(title) >= _MAX_TITLE:
        return title[: _MAX_TITLE - 1] + "…"
    return title


def _headline(plain: str) -> str:
    headline, end, _ = plain.removeprefix("【").partition("】")
    is_headline = plain.startswith("【") and end and _MIN_HEADLINE <= len(headline.strip()) <= _MAX_HEADLINE
    return headline.strip() if is_headline else ""


def _html(text: str, images: list[str]) -> str:
    """Return the text as HTML. It is usually plain text, but may contain tags."""
    inner = text if _TAG.search(text) else escape(text, quote=False)
    tags = "".join(f'\n<p><img src="{escape(url)}"></p>' for url in images)
    return f"<p>{inner.replace(chr(10), '<br>')}</p>{tags}"


def _symbol(stock: Any) -> str | None:
    """Return a stock in the notation of Sina's pages, or with its market's name before it; None if it has none."""
    if not isinstance(stock, dict):
        return None
    market, symbol = line(stock.get("market")).lower(), line(stock.get("symbol"))
    if market not in ("", "cn", "us") and not symbol.lower().startswith(market):
        symbol = f"{market}{symbol}" if symbol else ""
    return symbol_of(symbol) or None


def _stock_names(stocks: list[Any]) -> tuple[tuple[str, str], ...]:
    """Return symbol and name of each stock that has both; the first name of each."""
    pairs = [(symbol, stock_name_of(line(stock.get("key")))) for stock in stocks if (symbol := _symbol(stock))]
    return tuple({symbol: name for symbol, name in reversed(pairs) if name}.items())[::-1]


def _images(multimedia: Any) -> list[str]:
    urls = _object(multimedia).get("img_url")
    return [url for each in ([urls] if isinstance(urls, str) else _list(urls)) if (url := line(each))]


def _name(tag: Any) -> str:
    return line(tag.get("name")) if isinstance(tag, dict) else ""


def _flag(value: Any) -> bool:
    """Return whether a flag is set: 1, "1" or true. Any other value deletes nothing."""
    return line(value).lower() in ("1", "true")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    """Return an object, or the object in a JSON string; an empty one for anything else."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
