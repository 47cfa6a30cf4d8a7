"""What a site sends in each place, before something in one of them is hostile. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from mocksite.images import png
from mocksite.listings import roll_answer, rss_feed
from mocksite.page import render_page
from mocksite.story import CHINA, Story

PATHS = {
    "image": "/hostile.png",
    "robots": "/robots.txt",
    "roll": "/hostile/roll",
    "live": "/hostile/live",
    "column": "/hostile/column.shtml",
    "usstock": "/hostile/usstock",
    "rss": "/hostile/feed.xml",
}


def good_answers(stories: Sequence[Story], base_url: str) -> dict[str, tuple[str, bytes]]:
    """The path and the bytes of each place; the lists have all of the stories, the page is that of the first."""
    now = stories[0].intime
    bodies = {
        "image": png("hostile.png"),
        "robots": b"User-agent: *\nAllow: /\n",
        "roll": roll_answer(stories, lid="9", total=len(stories), now=now, base_url=base_url),
        "live": _live(stories),
        "column": _column(stories, base_url),
        "usstock": _usstock(stories, base_url),
        "rss": rss_feed(stories, now=now, base_url=base_url),
    }
    page = (stories[0].path, render_page(stories[0], base_url))
    return {"page": page} | {role: (PATHS[role], body) for role, body in bodies.items()}


def _live(stories: Sequence[Story]) -> bytes:
    items = [
        {
            "id": number, "rich_text": f"【{story.title}】{story.title}，这是第{number}条快讯的正文。", "tag": [],
            "create_time": _clock(story, "%Y-%m-%d %H:%M:%S"), "update_time": _clock(story, "%Y-%m-%d %H:%M:%S"),
            "is_delete": 0, "ext": json.dumps({"stocks": [], "docurl": ""}), "docurl": "",
        }
        for number, story in enumerate(stories, start=1)
    ]  # fmt: skip
    return json.dumps({"result": {"status": {"code": 0}, "data": {"feed": {"list": items}}}}).encode()


def _column(stories: Sequence[Story], base_url: str) -> bytes:
    items = "".join(
        f'<li><a href="{base_url}{story.path}">{story.title}</a><span>({_clock(story, "%m月%d日 %H:%M")})</span></li>'
        for story in stories
    )
    return f'<html><head><meta charset="utf-8"></head><body><ul id="listcontent">{items}</ul></body></html>'.encode()


def _usstock(stories: Sequence[Story], base_url: str) -> bytes:
    items = [
        {"title": story.title, "url": base_url + story.path, "ctime": str(story.ctime), "media": story.media}
        for story in stories
    ]
    return json.dumps({"data": items}).encode()


def _clock(story: Story, form: str) -> str:
    return datetime.fromtimestamp(story.ctime, CHINA).strftime(form)
