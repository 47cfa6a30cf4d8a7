"""When an article of another site was published, as its page states it. Pure.

A wrong time must not be earlier than the true one: a reader of the archive would learn of the article before it was
known. So a day without a time of day is its end, a time without a zone is taken where that zone is latest, and
neither is later than the fetch. See D195.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.feed_values import Precision
from crawler.extract.other_sites.metadata import PageMetadata
from crawler.extract.times import CHINA, StatedTime

_LAST_ZONE = timezone(timedelta(hours=-12))  # where a day ends last
_PLAUSIBLE_YEARS = range(1980, 2100)  # others are mistakes of the page, and conversions may overflow
# 2026-09-28T23:20:25.000+08:00 · 2026年9月28日 23:20 · 2026/09/28 · 2026.09.28 23:20
_WRITTEN = re.compile(
    r"(?<!\d)(\d{4})(?:-|/|\.|年|\s年\s)(\d{1,2})(?:-|/|\.|月|\s月\s)(\d{1,2})(?!\d)日?"
    r"(?:[T\s]{0,4}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?(Z)?")
_SECONDS = re.compile(r"1\d{9}(?:\d{3})?")  # since 1970, or milliseconds
_MAX_STATED_CHARS = 80  # of a value that states a time
_LABELLED = re.compile(r"(?:发布|发表|发稿)(?:时间|日期)\s?[:：]\s?([^\n]{10,30})")
_MAX_LABEL_CHARS = 60  # of a text beside a time; longer ones are the article's, which names other days
_NEAR_CHARS = 400  # after the title, or the element with the time: the line with time and source is among the first
_TIME_ELEMENTS = (
    "time[itemprop*=datePublished i][datetime], time[pubdate][datetime], [itemprop=datePublished][datetime],"
    " [itemprop=datePublished]"
)
_MAX_NODES = 4000  # that are read to find the text near the title


@dataclass(frozen=True, slots=True)
class _Reading:
    """A written time, as far as it is known."""

    local: datetime  # naive
    has_time: bool
    zone: tzinfo | None


def find_time(
    tree: LexborHTMLParser,
    metadata: PageMetadata,
    title: str,
    fetched_at: datetime,
    *,
    site_times: Iterable[str] = (),
) -> StatedTime | None:
    """Return when the article was published; None if the page does not state it.

    JSON-LD and metas come first, then ``<time>``, the elements that the site's declaration selects, and the text near
    the title. The first states the day. The others may state it more exactly.

    :param fetched_at: later times are not accepted
    :param site_times: the texts that a site's declaration selects
    """
    is_chinese = is_chinese_page(tree, metadata)
    zone = CHINA if is_chinese else None
    near = _near_title(tree, title)
    texts = [*metadata.published, *_time_elements(tree), *site_times]
    readings = [reading for text in texts if (reading := _read(text))]
    near = f"{near}\n{_labelled(tree)}"
    readings += [reading for match in _WRITTEN.finditer(near) if (reading := _read(match[0]))]
    past = [each for each in readings if _resolved(each, zone, earliest=True) <= fetched_at]
    if not past:
        return None
    same_day = [each for each in past if abs(each.local.date() - past[0].local.date()) <= timedelta(days=1)]
    best = max(same_day, key=lambda each: (each.has_time, each.zone is not None or is_chinese))  # the first of these
    at = _resolved(best, zone if best.has_time or is_chinese else None)
    return StatedTime(min(at, fetched_at), Precision.TIME if best.has_time else Precision.DAY)


def end_of_day(text: str, *, fetched_at: datetime, is_chinese: bool) -> StatedTime | None:
    """Return the end of a day that is stated as YYYY-MM-DD, at most the time of the fetch."""
    if not (reading := _read(text)) or _resolved(reading, CHINA, earliest=True) > fetched_at:
        return None
    return StatedTime(min(_resolved(reading, CHINA if is_chinese else None), fetched_at), Precision.DAY)


def is_chinese_page(tree: LexborHTMLParser, metadata: PageMetadata) -> bool:
    """Return whether a page is in Chinese, whose times without a zone are China's."""
    text = f"{metadata.page_title}{metadata.og_title}"[:200]
    if any("\u3040" <= letter <= "\u30ff" or "\uac00" <= letter <= "\ud7af" for letter in text):
        return False
    return metadata.language.startswith("zh") or any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _read(text: str) -> _Reading | None:
    """Return the time that a text states. The only place where foreign times are parsed."""
    text = text[:_MAX_STATED_CHARS].strip()
    if match := _WRITTEN.search(text):
        return _reading(match.groups())
    if match := _COMPACT.fullmatch(text):
        return _reading(match.groups())
    try:
        if _SECONDS.fullmatch(text):
            return _Reading(datetime.fromtimestamp(int(text[:10]), UTC).replace(tzinfo=None), True, UTC)
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    if parsed.year not in _PLAUSIBLE_YEARS:
        return None
    offset = parsed.utcoffset()
    return _Reading(parsed.replace(tzinfo=None), True, timezone(offset) if offset is not None else None)


def _reading(parts: tuple[str | None, ...]) -> _Reading | None:
    numbers = [int(part or 0) for part in parts[:6]]
    if numbers[0] not in _PLAUSIBLE_YEARS:
        return None
    zone: tzinfo | None = None
    try:
        if stated := parts[6]:
            sign = -1 if stated[0] == "-" else 1
            digits = stated[1:].replace(":", "")
            zone = (
                timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
                if digits.isdigit()
                else UTC
            )
        local = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - its zone may be unknown
        return _Reading(local, parts[3] is not None, zone)
    except ValueError:
        return None


def _resolved(reading: _Reading, zone: tzinfo | None, *, earliest: bool = False) -> datetime:
    """Return a time in UTC.

    :param zone: of a time without a zone; None: not known
    :param earliest: the earliest time that may be meant, otherwise the latest
    """
    local = reading.local
    if not reading.has_time:
        local = datetime.combine(local.date(), time.min if earliest else time(23, 59, 59))
    known = (reading.zone if reading.has_time else None) or zone
    if known is None:
        known = timezone(timedelta(hours=14)) if earliest else _LAST_ZONE
    return local.replace(tzinfo=known).astimezone(UTC)


def _time_elements(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css(_TIME_ELEMENTS)[:4]:
        yield node.attributes.get("datetime") or node.attributes.get("content") or node.text() or ""


def _near_title(tree: LexborHTMLParser, title: str) -> str:
    """Return the text after the first heading with the title, and the ``<time>`` elements in it as stated."""
    heading = next(
        (node for node in tree.css("h1, h2, h3, [class*=title i], [id*=title i]") if _is(node, title)), None
    )
    body = tree.body
    if heading is None or body is None:
        return ""
    parts: list[str] = []
    length = seen = 0
    is_after = False
    for node in body.traverse(include_text=True):
        if node.mem_id == heading.mem_id:
            is_after = True
        elif is_after:
            seen += 1
            text = node.text() or "" if node.is_text_node else ""
            if node.tag == "time":
                text = node.attributes.get("datetime") or ""
            if len(text.strip()) > _MAX_LABEL_CHARS:
                break  # the article begins
            if text and (node.parent is None or node.parent.tag not in ("script", "style")):
                parts.append(text.strip()[:_NEAR_CHARS])
                length += len(parts[-1])
            if length > _NEAR_CHARS or seen > _MAX_NODES:
                break
    return "\n".join(parts)


def _labelled(tree: LexborHTMLParser) -> str:
    """Return the times that the page's text names as those of publication."""
    text = (tree.body.text(separator=" ") or "") if tree.body is not None else ""
    return "\n".join(match[1] for match in _LABELLED.finditer(text))


def _is(node: LexborNode, title: str) -> bool:
    return bool(title) and "".join(title.split()) in "".join((node.text() or "")[:1000].split())
