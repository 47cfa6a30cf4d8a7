"""The site itself: which stories are to be seen when, and the bytes of every address. Pure but for caches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from mocksite.images import png
from mocksite.listings import jsonp, roll_answer, rss_feed
from mocksite.page import render_page
from mocksite.story import CHINA, Edit, Story, load_stories, make_stories

__all__ = ["Edit", "SiteState", "Story", "load_stories", "make_stories"]

# The API answers with this many items at most, whatever was asked.
LARGEST_PAGE = 50

# Pages and answers kept rendered, about 20 kB each: enough for any test, bounded for a benchmark of 100,000.
CACHED = 4096

_Key = TypeVar("_Key")


class SiteState:
    """A news site whose whole content follows from its stories and from `now()` (Unix seconds)."""

    def __init__(self, stories: Iterable[Story], base_url: str, now: Callable[[], int]) -> None:
        self.base_url = base_url  # "http://127.0.0.1:8000", no slash at the end
        self.now = now
        self.robots_text = "User-agent: *\nAllow: /\n"
        self.knows_history = True  # False: roll lists do not heed etime, stime, ctime and date
        self.has_etags = False  # True: answers have an ETag, and who names it is told when nothing has changed
        # Raw bytes by path ("/x.shtml", with the query or without) or by full address ("http://host/x.shtml").
        self.pages: dict[str, bytes] = {}
        # Raw roll answers by lid: the list's first page; its later pages are empty.
        self.rolls: dict[str, bytes] = {}
        self._stories: dict[str, Story] = {}
        self._docids: dict[str, str] = {}  # by path
        self._changes = 0
        self._listed: dict[str | None, tuple[tuple[int, int], list[Story]]] = {}
        self._answers: dict[tuple[object, ...], bytes] = {}
        self._rendered: dict[tuple[Story, str], bytes] = {}
        for story in stories:
            self.add(story)

    def add(self, story: Story) -> None:
        """Publish one more story; it is seen from its intime on."""
        if story.docid in self._stories:
            raise ValueError(f"the site has a story with docid {story.docid} already")
        self._stories[story.docid] = story
        self._docids[story.path] = story.docid
        self._changes += 1

    def edit(self, docid: str, at: int, title: str | None = None, body: str | None = None) -> None:
        """From `at` (Unix seconds) on, the story has this title, this body (HTML), or both."""
        story = self._stories[docid]
        self._stories[docid] = replace(story, edits=(*story.edits, Edit(at, title, body)))
        self._changes += 1

    def delete(self, docid: str, at: int) -> None:
        """From `at` (Unix seconds) on, the story is in no list and its page is gone."""
        self._stories[docid] = replace(self._stories[docid], deleted_at=at)
        self._changes += 1

    @property
    def stories(self) -> list[Story]:
        """All stories, seen yet or not, with their edits to come; newest ctime first."""
        return sorted(self._stories.values(), key=_order)

    def address(self, docid: str) -> str:
        """The full address of a story's page."""
        return self.base_url + self._stories[docid].path

    def roll(self, params: Mapping[str, str]) -> bytes:
        """The roll API's answer to these query parameters, as JSON or, with `callback`, JSONP."""
        answer = self._roll(params)
        callback = params.get("callback", "")
        return jsonp(callback, answer) if re.fullmatch(r"[\w.$]+", callback, re.ASCII) else answer

    def article(self, path: str) -> bytes | None:
        """The page at `path` (no query); None when there is none: unknown, not out yet, or deleted."""
        now = self.now()
        docid = self._docids.get(path)
        story = None if docid is None else self._stories[docid]
        if story is None or not story.visible(now):
            return None
        key = (story.as_of(now), self.base_url)
        page = self._rendered.get(key)
        return page or _keep(self._rendered, key, render_page(*key))

    def rss(self) -> bytes:
        """RSS 2.0 of the newest 50 stories."""
        now = self.now()
        newest = [story.as_of(now) for story in self._visible(None, now)[:50]]
        return rss_feed(newest, now=now, base_url=self.base_url)

    def robots(self) -> bytes:
        return self.robots_text.encode()

    def image(self, path: str) -> bytes:
        """The picture at `path`: those of the same file name are the same, wherever they stand."""
        return png(path.rpartition("/")[2])

    def _roll(self, params: Mapping[str, str]) -> bytes:
        now, lid = self.now(), params.get("lid", "")
        num = min(_whole(params.get("num"), 10), LARGEST_PAGE)
        page = _whole(params.get("page"), 1)
        if lid in self.rolls:
            if page == 1:
                return self.rolls[lid]
            return roll_answer([], lid=lid, total=0, now=now, base_url=self.base_url)
        if not lid.isdecimal():
            error = "lid is missing or not a number"
            return roll_answer([], lid="0", total=0, now=now, base_url=self.base_url, code=11, msg=error)
        first, last = _span(params) if self.knows_history else (None, None)
        key = (lid, num, page, first, last, now, self._changes, self.base_url)
        known = self._answers.get(key)
        if known is not None:
            return known
        found = self._visible(lid, now)
        if first is not None or last is not None:
            found = [s for s in found if (first or 0) <= s.ctime and (last is None or s.ctime <= last)]
        items = [story.as_of(now) for story in found[(page - 1) * num : page * num]]
        answer = roll_answer(items, lid=lid, total=len(found), now=now, base_url=self.base_url)
        return _keep(self._answers, key, answer, most=256)

    def _visible(self, lid: str | None, now: int) -> list[Story]:
        """The stories of one list (None: all) at `now`, by ctime, newest first; their edits are not applied."""
        state = (now, self._changes)
        kept = self._listed.get(lid)
        if kept is not None and kept[0] == state:
            return kept[1]
        number = None if lid is None else int(lid)
        stories = list(self._stories.values())
        seen = [s for s in stories if s.visible(now) and (number is None or number in s.lids)]
        seen.sort(key=_order)
        self._listed[lid] = (state, seen)
        return seen


def _order(story: Story) -> tuple[int, int, str]:
    return (-story.ctime, -story.intime, story.docid)


def _whole(text: str | None, default: int) -> int:
    number = int(text) if text and text.isascii() and text.isdecimal() else default
    return number if number > 0 else default


def _span(params: Mapping[str, str]) -> tuple[int | None, int | None]:
    """First and last ctime (Unix seconds, both included) asked for; the names are reversed in the real API."""
    first = _whole(params.get("etime"), 0) or None
    last = _whole(params.get("stime"), 0) or _whole(params.get("ctime"), 0) or None
    try:
        day = datetime.strptime(params.get("date", ""), "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:  # none given, or nonsense, which the API ignores as well
        return first, last
    start, end = int(day.timestamp()), int((day + timedelta(days=1)).timestamp()) - 1
    return max(start, first or start), min(end, last or end)


def _keep(cache: dict[_Key, bytes], key: _Key, value: bytes, most: int = CACHED) -> bytes:
    if len(cache) >= most:  # the oldest goes: entries are looked up soon after they were made, or never again
        cache.pop(next(iter(cache)), None)
    cache[key] = value
    return value
