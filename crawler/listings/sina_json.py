"""Values as Sina's JSON has them: texts, times, pictures, answers in JSON or JSONP. Pure.

Facts measured: numbers are strings in some answers and numbers in others; ``img`` is [] or {u,w,h,t}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from archive.model.feed import Entry, Failure, FailureKind
from config.model import Feed
from crawler.errors import ListingError
from crawler.urls import digest, docid

# fn({...}) and try{fn({...});}catch(e){};
_JSONP = re.compile(
    r"\s*(?:try\s*\{\s*)?[\w$.]+\s*\((.*)\)\s*;?\s*(?:\}\s*catch\s*\(\s*\w*\s*\)\s*\{.*?\}\s*;?)?\s*",
    re.DOTALL,
)
_COMMA = re.compile(r"[,，]")
# Sina's first news page is of 1996; a time outside of these years is a slip (seconds since 1970, UTC).
_EARLIEST, _LATEST = 788_918_400, 4_102_444_800


def answer_of(text: str) -> Any:
    """The document of an answer, JSON or JSONP.

    :raises ListingError: it holds none
    """
    stripped = text.strip()
    if not stripped:
        raise ListingError("the answer is empty")
    if stripped.startswith("<"):
        raise ListingError("the answer is HTML, not JSON")
    if not stripped.startswith(("{", "[")) and (match := _JSONP.fullmatch(stripped)):
        stripped = match[1]
    try:
        return json.loads(stripped, parse_int=_integer)
    except ValueError as error:
        raise ListingError(f"the answer is not JSON: {error}") from error
    except RecursionError as error:
        raise ListingError("the answer is JSON nested beyond reason") from error


def result_of(text: str) -> dict[str, Any]:
    """The ``result`` of an answer, which says that all went well.

    :raises ListingError: there is none, or it reports an error
    """
    answer = answer_of(text)
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
    """The docid that an item of the roll API states; None where it does not."""
    return docid(item["docid"], "") if item.get("docid") else None


def understood(
    items: Iterable[Any],
    entry: Callable[[dict[str, Any]], Entry | str],
    feed: Feed,
    known_by: Callable[[dict[str, Any]], str | None] = stated_docid,
) -> tuple[tuple[Entry, ...], tuple[Failure, ...]]:
    """The entries of a list's items, and a failure for each item that cannot be understood.

    :param entry: an item's entry, or what is wrong with it
    :param known_by: an item's docid, as its entry has it once it can be understood
    """
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        read = entry(item) if isinstance(item, dict) else f"not an object but {type(item).__name__}"
        if isinstance(read, Entry):
            entries.append(read)
        else:
            raw = json.dumps(item, ensure_ascii=True, sort_keys=True, default=str)
            subject = (known_by(item) if isinstance(item, dict) else None) or digest(raw)
            failures.append(Failure(subject, FailureKind.UNREADABLE, f"item {place} of list {feed.id}: {read}"))
    return tuple(entries), tuple(failures)


def image(item: dict[str, Any]) -> str | None:
    """The listing's picture: ``img`` is the one chosen for the list, ``images`` are those of the article."""
    images = item.get("images")
    for picture in (item.get("img"), *(images if isinstance(images, list) else ())):
        if isinstance(picture, dict) and (address := line(picture.get("u"))):
            return address
    return None


def time(stated: object) -> datetime | None:
    """A time in seconds, or milliseconds, since 1970; None when it is none, or beyond belief."""
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


def string(stated: object) -> str:
    """A text, whole; halves of surrogate pairs, which JSON can hold and UTF-8 cannot, become U+FFFD."""
    text = stated if isinstance(stated, str) else "" if stated is None else str(stated)
    if text.isascii():  # most are, and the way round costs
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def line(stated: object) -> str:
    """A text with its white space folded; "" for none."""
    return " ".join(string(stated).split())


def words(stated: object) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(filter(None, (word.strip() for word in _COMMA.split(line(stated)))))
