"""When an article of another site was published, as its page states it. Pure.

A wrong time must not be earlier than the true one: a reader of the archive would learn of the article before it was
known. So a day without a time of day is its end, a time without a zone is taken where that zone is latest, and
neither is later than the fetch. See D195.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.feed_values import Precision
from crawler.extract.other_sites.metadata import PageMetadata
from crawler.extract.time_forms.days import written_days
from crawler.extract.time_forms.zones import CHINA
from crawler.extract.times import StatedTime, publication, read_time

_FIRST_ZONE, _LAST_ZONE = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))  # where a day begins and ends
_SAME_DAY = timedelta(hours=36)  # a day in one zone and a time of it in another are less apart
# A day in the markup, as trafilatura finds it in addresses and attributes too.
_DAY = re.compile(r"((?:19|20)\d\d)[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})(?!\d)")
_LABELLED = re.compile(r"(?:发布|发表|发稿)(?:时间|日期)\s?[:：]\s?([^\n]{10,30})")
_MAX_LABEL_CHARS = 60  # of a text beside a time; longer ones are the article's, which names other days
_NEAR_CHARS = 400  # after the title: the line with time and source is among the first
_TIME_ELEMENTS = "time[pubdate][datetime], [itemprop=datePublished i]"
_MAX_NODES = 4000  # that are read to find the text near the title
_MAX_TIME_ELEMENTS = 4  # the article's is the first; others are those of its comments


class _Reading(Struct, frozen=True):
    """The range of times that a statement may mean; one time, if it states its zone."""

    earliest: StatedTime
    latest: StatedTime


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
    zone = CHINA if is_chinese_page(tree, metadata) else None
    texts = [*metadata.published, *_time_elements(tree), *site_times]
    texts += written_days(f"{_near_title(tree, title)}\n{_labelled(tree)}")
    return _published(texts, zone, fetched_at)


def end_of_day(day: str, html: str, *, fetched_at: datetime, is_chinese: bool) -> StatedTime | None:
    """Return the time of publication on a page where trafilatura finds no more than its day: its end.

    :param day: as YYYY-MM-DD; it must be on a Chinese page as such: trafilatura takes 03-1808:22 for a day of 2008
    """
    days = {"-".join(part.zfill(2) for part in match.groups()) for match in _DAY.finditer(html)}
    if is_chinese and day not in days:
        return None
    return _published([day], CHINA if is_chinese else None, fetched_at)


def _published(texts: Iterable[str], zone: tzinfo | None, fetched_at: datetime) -> StatedTime | None:
    past = [each for text in texts if (each := _read(text, zone, fetched_at)) and each.earliest.at <= fetched_at]
    if not past:
        return None
    same_day = [each for each in past if abs(each.latest.at - past[0].latest.at) <= _SAME_DAY]
    best = max(same_day, key=_exactness)  # the first of these
    at, precision, _ = publication(best.latest, zone=zone or _LAST_ZONE, now=fetched_at)
    return StatedTime(at, precision) if at is not None else None


def _exactness(reading: _Reading) -> tuple[bool, bool]:
    return reading.latest.precision is Precision.TIME, reading.earliest == reading.latest


def _read(text: str, zone: tzinfo | None, now: datetime) -> _Reading | None:
    earliest = read_time(text, zone=zone or _FIRST_ZONE, now=now)
    latest = read_time(text, zone=zone or _LAST_ZONE, now=now)
    return _Reading(earliest, latest) if earliest and latest else None


def is_chinese_page(tree: LexborHTMLParser, metadata: PageMetadata) -> bool:
    """Return whether a page is in Chinese, whose times without a zone are China's."""
    text = f"{metadata.page_title}{metadata.og_title}"[:200]
    if any("\u3040" <= letter <= "\u30ff" or "\uac00" <= letter <= "\ud7af" for letter in text):
        return False
    return metadata.language.startswith("zh") or any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _time_elements(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css(_TIME_ELEMENTS)[:_MAX_TIME_ELEMENTS]:
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
