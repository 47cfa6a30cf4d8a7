"""Backfills through the lists of the mock site: real URLs and responses, articles that arrive and are deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import pytest

from archive.model.feed import Listing, Span
from config.model import Feed
from crawler.listings.registry import READERS
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, apply_page, begin_backfill, next_request
from mocksite.server import MockSite
from mocksite.site import SiteState
from mocksite.story import make_stories
from tests.conftest import NEWEST

AT = datetime(2026, 9, 29, tzinfo=UTC)

FEED = Feed(id="china", kind="roll", categories=("金融",), lid=1686, pageid=155)
EVERY = 100  # seconds between two articles
Params = dict[str, str]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def read(body: bytes) -> Listing:
    return READERS["roll"].read(body, "application/json", FEED, AT)


def address(feed: Feed, backfill: Backfill) -> str:
    page_request, reader = next_request(backfill), READERS["roll"]
    if page_request.window and reader.history_url:
        return reader.history_url(feed, page_request.page, page_request.window, page_request.size)
    return reader.page_url(feed, page_request.page, page_request.size)


def go(backfill: Backfill, fetch: Callable[[str], bytes], known: set[str], feed: Feed = FEED) -> list[BackfillStep]:
    legs: list[BackfillStep] = []
    while not legs or legs[-1].next_step is NextStep.CONTINUE:
        listing = read(fetch(address(feed, backfill)))
        legs.append(apply_page(backfill, listing, known & {entry.docid for entry in listing.entries}))
        backfill = legs[-1].backfill
    return legs


def docids(legs: list[BackfillStep]) -> set[str]:
    return {entry.docid for step in legs for entry in step.page.entries}


def ignoring(params: Params) -> Params:
    return {name: value for name, value in params.items() if name not in ("etime", "stime", "ctime")}


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("history", [True, False])
def test_a_gap_in_a_list_that_moves_is_closed(heeds: bool, history: bool) -> None:
    """Every request takes three minutes: articles arrive all the time, late ones too, and some are deleted."""
    now = NEWEST
    stories = make_stories(4000, newest=NEWEST + 100 * EVERY, every=EVERY, lids=(1686,))
    site = SiteState(stories, "https://finance.sina.com.cn", lambda: now)
    for number, story in enumerate(stories):
        if number % 20 == 0:
            site.delete(story.docid, NEWEST + 10 * number)
    start, end = at(NEWEST - 2000 * EVERY), at(NEWEST - 1000 * EVERY)

    def fetch(url: str) -> bytes:
        nonlocal now
        now += 180
        params = dict(parse_qsl(urlsplit(url).query))
        return site.roll(params if heeds else ignoring(params))

    known = {story.docid for story in stories if story.ctime <= start.timestamp()}
    backfill = begin_backfill("china", start, end, at(NEWEST), must_meet_known=True, history=history, max_pages=200)
    legs = go(backfill, fetch, known)
    assert (legs[-1].next_step, legs[-1].page.covered) == (NextStep.DONE, Span(start, end))
    lasting = {story.docid for story in site.stories if story.visible(NEWEST) and story.visible(now)}
    within = {story.docid for story in stories if start <= at(story.ctime) <= end}
    assert docids(legs) >= lasting & within
    assert len(lasting & within) > 900
    assert legs[-1].backfill.history is (history and heeds)


def test_a_list_on_the_network_is_backfilled_to_its_end() -> None:
    stories = make_stories(333, newest=NEWEST, every=EVERY, lids=(1686,))
    with MockSite(stories) as mocksite:
        feed = FEED.model_copy(update={"endpoint": mocksite.endpoint})

        def fetch(url: str) -> bytes:
            with urlopen(url) as response:  # noqa: S310  (loopback)
                return bytes(response.read())

        start, end = at(NEWEST) - timedelta(days=9), at(NEWEST)
        backfill = begin_backfill("china", start, end, end, must_meet_known=False, history=True, max_pages=99)
        legs = go(backfill, fetch, set(), feed)
    oldest = at(stories[-1].ctime)
    assert docids(legs) == {story.docid for story in stories}
    assert (legs[-1].next_step, legs[-1].page.oldest_available) == (NextStep.DONE, oldest)
    assert legs[-1].page.covered == Span(oldest, end)
