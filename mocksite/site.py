"""The content of the mock site: which stories are visible when, and the bytes of each address. Pure, with caches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from mocksite.images import png
from mocksite.listings import jsonp, roll_answer, rss_feed
from mocksite.page import render_page
from mocksite.story import CHINA, Edit, Story, load_stories, make_stories

__all__ = ["Edit", "SiteState", "Story", "load_stories", "make_stories"]

# The API returns at most this number of items, whatever `num` says.
MAX_ITEMS_PER_PAGE = 50

# Rendered pages in the cache, about 20 kB each: enough for any test, bounded for a benchmark of 100,000.
MAX_CACHED_PAGES = 4096
MAX_CACHED_LISTS = 256

_Key = TypeVar("_Key")


class SiteState:
    """A news site whose content follows from its stories and from `now()` (Unix seconds)."""

    def __init__(self, stories: Iterable[Story], base_url: str, now: Callable[[], int]) -> None:
        self.base_url = base_url  # "http://127.0.0.1:8000", no slash at the end
        self.now = now
        self.robots_text = "User-agent: *\nAllow: /\n"
        self.knows_history = True  # False: roll lists ignore etime, stime, ctime and date
        self.has_etags = False  # True: responses have an ETag, and conditional requests may get 304
        # Raw bytes by path ("/x.shtml", with the query or without) or by full address ("http://host/x.shtml").
        self.pages: dict[str, bytes] = {}
        # Raw roll responses by lid, for the first page of a list; its later pages are empty.
        self.rolls: dict[str, bytes] = {}
        self._stories: dict[str, Story] = {}
        self._docids: dict[str, str] = {}  # by path
        self._changes = 0
        self._listed: dict[str | None, tuple[tuple[int, int], list[Story]]] = {}
        self._responses: dict[tuple[object, ...], bytes] = {}
        self._rendered: dict[tuple[Story, str], bytes] = {}
        for story in stories:
            self.add(story)

    def add(self, story: Story) -> None:
        """Publish one more story, visible from its intime on.

        :raises ValueError: the docid is taken
        """
        if story.docid in self._stories:
            raise ValueError(f"the site has a story with docid {story.docid} already")
        self._stories[story.docid] = story
        self._docids[story.path] = story.docid
        self._changes += 1

    def edit(self, docid: str, at: int, title: str | None = None, body: str | None = None) -> None:
        """Give a story another title, another body (HTML), or both, from `at` (Unix seconds) on."""
        story = self._stories[docid]
        self._stories[docid] = replace(story, edits=(*story.edits, Edit(at, title, body)))
        self._changes += 1

    def delete(self, docid: str, at: int) -> None:
        """Delete a story: from `at` (Unix seconds) on it is in no list, and its page is gone."""
        self._stories[docid] = replace(self._stories[docid], deleted_at=at)
        self._changes += 1

    @property
    def stories(self) -> list[Story]:
        """All stories, visible or not, with their future edits; newest ctime first."""
        return sorted(self._stories.values(), key=_order)

    def address(self, docid: str) -> str:
        """The full address of a story's page."""
        return self.base_url + self._stories[docid].path

    def roll(self, params: Mapping[str, str]) -> bytes:
        """The roll API's response to these query parameters: JSON, or JSONP with `callback`."""
        response = self._roll(params)
        callback = params.get("callback", "")
        return jsonp(callback, response) if re.fullmatch(r"[\w.$]+", callback, re.ASCII) else response

    def article(self, path: str) -> bytes | None:
        """The page at `path` (without query); None when it is unknown, not published yet, or deleted."""
        now = self.now()
        docid = self._docids.get(path)
        story = None if docid is None else self._stories[docid]
        if story is None or not story.visible(now):
            return None
        key = (story.as_of(now), self.base_url)
        page = self._rendered.get(key)
        return page or _cached(self._rendered, key, render_page(*key))

    def rss(self) -> bytes:
        """RSS 2.0 of the newest 50 stories."""
        now = self.now()
        newest = [story.as_of(now) for story in self._visible(None, now)[:50]]
        return rss_feed(newest, now=now, base_url=self.base_url)

    def robots(self) -> bytes:
        return self.robots_text.encode()

    def image(self, path: str) -> bytes:
        """The image at `path`. Images with the same file name are the same in every folder."""
        return png(path.rpartition("/")[2])

    def _roll(self, params: Mapping[str, str]) -> bytes:
        now, lid = self.now(), params.get("lid", "")
        num = min(_positive(params.get("num"), 10), MAX_ITEMS_PER_PAGE)
        page = _positive(params.get("page"), 1)
        if lid in self.rolls:
            if page == 1:
                return self.rolls[lid]
            return roll_answer([], lid=lid, total=0, now=now, base_url=self.base_url)
        if not lid.isdecimal():
            error = "lid is missing or not a number"
            return roll_answer([], lid="0", total=0, now=now, base_url=self.base_url, code=11, msg=error)
        first, last = _span(params) if self.knows_history else (None, None)
        key = (lid, num, page, first, last, now, self._changes, self.base_url)
        cached = self._responses.get(key)
        if cached is not None:
            return cached
        stories = self._visible(lid, now)
        if first is not None or last is not None:
            stories = [s for s in stories if (first or 0) <= s.ctime and (last is None or s.ctime <= last)]
        items = [story.as_of(now) for story in stories[(page - 1) * num : page * num]]
        response = roll_answer(items, lid=lid, total=len(stories), now=now, base_url=self.base_url)
        return _cached(self._responses, key, response, limit=MAX_CACHED_LISTS)

    def _visible(self, lid: str | None, now: int) -> list[Story]:
        """The stories of one list (None: all) at `now`, newest ctime first, without their edits applied."""
        state = (now, self._changes)
        cached = self._listed.get(lid)
        if cached is not None and cached[0] == state:
            return cached[1]
        number = None if lid is None else int(lid)
        stories = list(self._stories.values())
        visible = [s for s in stories if s.visible(now) and (number is None or number in s.lids)]
        visible.sort(key=_order)
        self._listed[lid] = (state, visible)
        return visible


def _order(story: Story) -> tuple[int, int, str]:
    return (-story.ctime, -story.intime, story.docid)


def _positive(text: str | None, default: int) -> int:
    number = int(text) if text and text.isascii() and text.isdecimal() else default
    return number if number > 0 else default


def _span(params: Mapping[str, str]) -> tuple[int | None, int | None]:
    """The first and last ctime of the query (Unix seconds, both included). The real API reverses the names."""
    first = _positive(params.get("etime"), 0) or None
    last = _positive(params.get("stime"), 0) or _positive(params.get("ctime"), 0) or None
    try:
        day = datetime.strptime(params.get("date", ""), "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:  # missing, or invalid, which the API ignores too
        return first, last
    start, end = int(day.timestamp()), int((day + timedelta(days=1)).timestamp()) - 1
    return max(start, first or start), min(end, last or end)


def _cached(cache: dict[_Key, bytes], key: _Key, value: bytes, limit: int = MAX_CACHED_PAGES) -> bytes:
    if len(cache) >= limit:  # drop the oldest: an entry is used soon after it was made, or never again
        cache.pop(next(iter(cache)), None)
    cache[key] = value
    return value
