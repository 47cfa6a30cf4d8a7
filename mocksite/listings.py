"""The lists of the mock site: roll responses with the field types of the real API, and RSS. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape, unescape
from typing import Any

from mocksite.story import CHINA, Story

# Fields with the same value in every item that was seen of the real API.
_CONSTANT: dict[str, Any] = {
    "icons": "",
    "is_cre_manual": "0",
    "hqChart": '{"stockCharts":"no","stockCode":"","stockMarket":"","mulStockChart":"","isStaticStock":""}',
    "channelid": "31",
    "authoruid": "0",
    "level": "2",
    "vid": "0",
    "ipad_vid": "0",
    "video_time_length": "0",
    "categoryid": "1",
    "mediaid": "0",
    "templateid": "0",
    "productid": "0",
    "ext_0": "0",
    "ext_1": "0",
    "ext_2": "0",
    "ext_3": "0",
    "ext_4": "0",
    "wapsummary": "",
    "stitle": "",
    "summary": "",
    "author": "",
    "keywords": "",
    "columnid": "1850,2018,2032",
    "subjectid": "",
}


def roll_answer(
    stories: Sequence[Story], *, lid: str, total: int, now: int, base_url: str, code: int = 0, msg: str = "succ"
) -> bytes:
    """One page of the roll API as JSON.

    :param stories: its items, with the edits made until `now` applied
    :param now: Unix seconds
    """
    times = [story.ctime for story in stories] or [0]
    result = {
        "status": {"code": code, "msg": msg},
        "timestamp": _roll_time(now),
        "top": [],
        "pdps": [],
        "cre": [],
        "total": total,
        "end": times[-1],
        "start": times[0],
        "lid": int(lid) if lid.isdecimal() else 0,
        "rtime": now,
        "data": [_item(story, base_url) for story in stories],
    }
    return _json({"result": result}).encode()


def jsonp(callback: str, response: bytes) -> bytes:
    """A roll response in JSON, wrapped for `callback` as the roll API does."""
    return b"try{%s(%s);}catch(e){};" % (callback.encode(), response)


def changed_roll(response: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A roll response, JSON or JSONP, with its `result` replaced by `change(result)`; anything else unchanged."""
    call = re.fullmatch(rb"(try\{[\w.$]+\()(.*)(\);\}catch\(e\)\{\};)", response, re.DOTALL)
    before, text, after = call.groups() if call else (b"", response, b"")
    try:
        document = json.loads(text)
        document["result"] = change(document["result"])
    except (ValueError, KeyError, TypeError):
        return response
    return before + _json(document).encode() + after


def rss_feed(stories: Sequence[Story], *, now: int, base_url: str) -> bytes:
    """RSS 2.0 of `stories`."""
    items = "".join(
        f"<item><title>{_xml(story.title)}</title><link>{base_url}{story.path}</link>"
        f'<guid isPermaLink="true">{base_url}{story.path}</guid><pubDate>{_rss_time(story.ctime)}</pubDate>'
        f"<category>{_xml(story.section)}</category><author>{_xml(story.media)}</author>"
        f"<description>{_xml(_intro(story.body))}</description></item>\n"
        for story in stories
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>滚动新闻</title>'
        f"<link>{base_url}/</link><description>财经滚动新闻</description><language>zh-cn</language>"
        f"<pubDate>{_rss_time(now)}</pubDate>\n{items}</channel></rss>\n"
    ).encode()


def _item(story: Story, base_url: str) -> dict[str, Any]:
    url = base_url + story.path
    wapurl = url.replace("/doc-i", "/detail-i").removesuffix(".shtml") + ".d.html"
    number = int(story.docid.lstrip("abcdefghijklmnopqrstuvwxyz"))
    item: dict[str, Any] = _CONSTANT | {
        "intime": str(story.intime),
        "ctime": str(story.ctime),
        "mtime": str(story.mtime),
        "docid": f"comos:{story.docid}",
        "url": url,
        "urls": _json([url]),
        "wapurl": wapurl,
        "wapurls": _json([wapurl]),
        "title": story.title,
        "intro": _intro(story.body),
        "commentid": f"cj:comos-{story.docid}:0",
        "video_id": "0" if number % 2 else "",
        "media_name": story.media,
        "img": [],
        "images": [],
        "lids": ",".join(map(str, story.lids)),
        "oid": str(800_000_000 + number),
    }
    # Some real items have these two, some do not.
    if number % 3:
        item |= {"mlids": "", "ext": "1"}
    if story.image:
        u = f"http:{story.image}"
        item["images"] = [{"u": u, "w": "550", "h": "315", "t": ""}]
        if number % 2:
            item["img"] = {"u": u, "w": 100, "h": 100, "t": ""}
    return item


def _json(value: object) -> str:
    # The API escapes all non-ASCII characters, and slashes. A slash occurs inside strings only.
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


@lru_cache(maxsize=4096)
def _intro(body: str) -> str:
    """The beginning of the text, cut at 80 characters with "..." as the API does."""
    text = unescape(re.sub(r"<[^>]*>", "", body.split("</p>", 1)[0])).replace("\u3000", "").strip()
    return f" {text[:80]}..." if len(text) > 80 else f" {text}"


def _xml(text: str) -> str:
    return escape(text, quote=False)


def _rss_time(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def _roll_time(seconds: int) -> str:
    # "Tue Sep 29 00:39:35 +0800 2026"; format_datetime, unlike strftime, ignores the locale.
    day, number, month, year, clock, zone = format_datetime(datetime.fromtimestamp(seconds, CHINA)).split()
    return f"{day.rstrip(',')} {month} {number} {clock} {zone} {year}"
