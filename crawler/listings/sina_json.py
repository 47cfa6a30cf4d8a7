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

# What a script has before its data: fn({…}), try{fn({…});}catch(e){};, typeof fn === 'function' && fn({…}),
# fn && fn({…}), fn['a']({…}), var x = {…};. Repeats are bounded: the text is a foreign one.
_NAME = r"[\w$][\w$.]{0,199}"
_SCRIPT = re.compile(
    # Guards against inclusion as a script.
    r"for\s{0,9}\(;;\);\s{0,99}|while\s{0,9}\(1\);\s{0,99}|\)\]\}'?,?\s{0,99}"
    rf"|(?:try\s{{0,99}}\{{\s{{0,99}})?(?:\(\s{{0,99}})?"
    rf"(?:typeof[\s(]{{1,99}}{_NAME}[\s)]{{0,99}}===?\s{{0,99}}['\"]function['\"]\s{{0,99}}&&\s{{0,99}})?"
    rf"(?:{_NAME}\s{{0,99}}&&\s{{0,99}})?(?:(?:var|let|const)\s{{1,99}})?"
    rf"{_NAME}(?:\[['\"]{_NAME}['\"]\]){{0,9}}\s{{0,99}}[(=]\s{{0,99}}"
    r"|\(\s{0,99}"
)
_AFTER = re.compile(r"[\s);}]{0,99}(?:catch\s{0,99}\([\s\w]{0,99}\)\s{0,99}\{[^{}]{0,99}\})?[\s);}]{0,99}", re.ASCII)
_COMMA = re.compile(r"[,，]")
# Sina's first news page is from 1996; times outside this range (seconds since 1970, UTC) are mistakes.
_EARLIEST, _LATEST = 788_918_400, 4_102_444_800


def parse_json(text: str) -> Any:
    """Parse a body in JSON or JSONP.

    :raises ListingError: it is neither
    """
    stripped = _without_comments(text)
    if not stripped:
        raise ListingError("the answer is empty")
    if stripped.startswith("<"):
        raise ListingError("the answer is HTML, not JSON")
    is_script = not stripped.startswith(("{", "[", '"'))
    match = _SCRIPT.match(stripped) if is_script else None
    try:
        value, end = _DECODER.raw_decode(stripped, match.end() if match else 0)
    except ValueError as error:
        raise ListingError(f"the answer is not JSON: {error}") from error
    except RecursionError as error:
        raise ListingError("the answer is JSON with too many levels") from error
    rest = _without_comments(stripped[end:].partition("//")[0])
    if rest and not (match and _AFTER.fullmatch(rest)):
        raise ListingError(f"the answer is not JSON: it goes on with {rest[:40]!r}")
    return value


def _without_comments(text: str) -> str:
    """Return a text without the comments before and after it, one of which often guards JSONP (akshare #6339)."""
    text = text.strip().removeprefix("\ufeff").lstrip()
    while text.startswith(("/*", "//")):
        _, end, text = text.partition("*/" if text.startswith("/*") else "\n")
        if not end:
            return ""
        text = text.lstrip()
    while text.endswith("*/") and (begin := text.rfind("/*")) >= 0:
        text = text[:begin].rstrip()
    return text


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


_DECODER = json.JSONDecoder(parse_int=_integer)


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
