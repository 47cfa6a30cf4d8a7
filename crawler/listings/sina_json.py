"""Values in Sina's JSON: texts, times, images; bodies in JSON or JSONP. Pure.

Measured: numbers are strings in some bodies and numbers in others; ``img`` is [] or {u,w,h,t}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from archive.model.feed import Entry, Failure, FailureKind
from crawler.errors import ListingError
from crawler.listings.source import ListSource
from crawler.urls import digest, docid

# fn({...}) and try{fn({...});}catch(e){};
_CALL = re.compile(r"(try\s*\{\s*)?[\w$.]+\s*\(")
_COMMA = re.compile(r"[,，]")
# Sina's first news page is from 1996; times outside this range (seconds since 1970, UTC) are mistakes.
_EARLIEST, _LATEST = 788_918_400, 4_102_444_800


def parse_json(text: str) -> Any:
    """Parse a body in JSON or JSONP.

    :raises ListingError: it is neither
    """
    stripped = text.strip()
    if not stripped:
        raise ListingError("the answer is empty")
    if stripped.startswith("<"):
        raise ListingError("the answer is HTML, not JSON")
    if not stripped.startswith(("{", "[")):
        stripped = _argument(stripped)
    try:
        return json.loads(stripped, parse_int=_integer)
    except ValueError as error:
        raise ListingError(f"the answer is not JSON: {error}") from error
    except RecursionError as error:
        raise ListingError("the answer is JSON with too many levels") from error


def _argument(text: str) -> str:
    """Return the argument of the call in a body in JSONP; the body itself if it is none."""
    if not (call := _CALL.match(text)):
        return text
    rest = text[call.end() :]
    if call[1] and "catch" in rest:
        rest = rest[: rest.rfind("catch")].rstrip().removesuffix("}")
    rest = rest.rstrip().removesuffix(";").rstrip()
    return rest[:-1] if rest.endswith(")") else text


def parse_result(text: str) -> dict[str, Any]:
    """Parse a body and return its ``result``.

    :raises ListingError: there is no result, or it reports an error
    """
    answer = parse_json(text)
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, dict):
        raise ListingError("the answer has no result")
    status = result.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    if str(code or 0) != "0":
        message = status.get("msg") if isinstance(status, dict) else ""
        raise ListingError(f"the answer reports error {code}: {line(message)[:100]}")
    return result


def stated_docid(item: dict[str, Any]) -> str | None:
    """Return the docid of an item of the roll API; None if it has none."""
    return docid(item["docid"], "") if item.get("docid") else None


def read_items(
    items: Iterable[Any],
    entry: Callable[[dict[str, Any]], Entry | str],
    feed: ListSource,
    docid_of: Callable[[dict[str, Any]], str | None] = stated_docid,
) -> tuple[tuple[Entry, ...], tuple[Failure, ...]]:
    """Return the entries of a list's items, and a failure for each item that cannot be read.

    :param entry: returns an item's entry, or what is wrong with it
    :param docid_of: returns the docid that the item's entry would have; None if the item has none
    """
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        read = _read_item(item, entry) if isinstance(item, dict) else f"not an object but {type(item).__name__}"
        if isinstance(read, Entry):
            entries.append(read)
        else:
            raw = json.dumps(item, ensure_ascii=True, sort_keys=True, default=str)
            subject = (docid_of(item) if isinstance(item, dict) else None) or digest(raw)
            failures.append(Failure(subject, FailureKind.UNREADABLE, f"item {place} of list {feed.id}: {read}"))
    return tuple(entries), tuple(failures)


def _read_item(item: dict[str, Any], entry: Callable[[dict[str, Any]], Entry | str]) -> Entry | str:
    try:
        return entry(item)
    except Exception as error:  # a value that no list has had so far: it costs this item only
        return f"it cannot be read ({type(error).__name__}: {error})"[:200]


def image(item: dict[str, Any]) -> str | None:
    """Return the URL of the listing's image: ``img`` is chosen for the list, ``images`` are the article's."""
    images = item.get("images")
    for each in (item.get("img"), *(images if isinstance(images, list) else ())):
        if isinstance(each, dict) and (url := line(each.get("u"))):
            return url
    return None


def time(value: object) -> datetime | None:
    """Return a time given in seconds or milliseconds since 1970; None if it is missing or out of range."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else 0.0
        if seconds >= _LATEST:
            seconds /= 1000  # milliseconds
        return datetime.fromtimestamp(int(seconds), UTC) if _EARLIEST <= seconds < _LATEST else None
    except (ValueError, OverflowError):
        return None


def _integer(digits: str) -> float:
    """Return a JSON number. Python refuses integers of thousands of digits, and would reject the whole body."""
    return int(digits) if len(digits) < 20 else float(digits)


def string(value: object) -> str:
    """Return a complete text; lone surrogates, which JSON allows and UTF-8 does not, become U+FFFD."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if text.isascii():  # most are, and the conversion takes time
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def line(value: object) -> str:
    """Return a text with runs of white space replaced by one space; "" for None."""
    return " ".join(string(value).split())


def words(value: object) -> tuple[str, ...]:
    """Split words separated by commas."""
    return tuple(filter(None, (word.strip() for word in _COMMA.split(line(value)))))
