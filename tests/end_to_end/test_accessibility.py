"""Accessibility in a real browser: axe-core, forced colours, text of both directions, wide tables on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.browser import DESK, PHONE, canary, chrome, serious_violations, shot, watched
from tests.support.web_server import Serving, served_home

__all__ = ["canary", "chrome", "served_home"]

pytestmark = pytest.mark.slow  # a browser takes seconds to start

EDITED, GONE = "nreplica0000003", "nreplica0000005"
TITLE = "更正：\u202eRLO\u2066 <b>"
TABLE = "<table><tr>" + "".join(f"<td>第{number}季度的营业收入</td>" for number in range(12)) + "</tr></table>"
PLACES = (
    "/", "/search", "/search?q=茅台", "/search?q=feed:feed1&sort=time", "/search?q=color:red", "/search?q=没有的词",
    "/search?sort=time&before=2000-01-01T00:00:00Z_x", "/changes", "/changes?kind=moved", f"/article/{EDITED}",
    f"/article/{EDITED}?version=1", f"/article/{GONE}", f"/article/{EDITED}/diff?old=1&new=2", "/symbol/sh600519",
    "/feeds", "/nowhere", "/?as_of=2020-01-01T00:00", "/index", "/index/revisions", f"/index/revisions/{EDITED},1",
    "/index/articles_by_day?since=2026-09-01", "/index?sql=select+1",
)  # fmt: skip


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Forty articles of two lists: one with a hostile title and a wide table since its edit, one deleted."""
    with MockSite(make_stories(40, newest=NEWEST)) as mocksite:
        served_home.configure(mocksite.endpoint, mocksite.endpoint)
        served_home.run("crawl")
        mocksite.clock += 60
        stories = {story.docid: story for story in mocksite.site.stories}
        body = stories[EDITED].body.replace("。", "，更正后的说法。", 1) + TABLE
        mocksite.site.edit(EDITED, mocksite.clock, title=TITLE, body=body)
        mocksite.site.edit(GONE, mocksite.clock)
        mocksite.fault("status", match=mocksite.site.address(GONE).removeprefix(mocksite.url), status=404)
        assert "1 revised, 1 gone" in served_home.run("crawl").out
    with Serving(served_home) as serving:
        yield serving


@pytest.fixture
def page(chrome: Browser, served: Serving) -> Iterator[Page]:
    with watched(chrome, viewport=DESK, base_url=served.address) as (opened, _):
        yield opened


@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing_serious(page: Page, place: str) -> None:
    page.goto(place)
    assert serious_violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert serious_violations(page) == []
    page.set_viewport_size(PHONE)
    assert serious_violations(page) == []


@pytest.mark.parametrize("place", ["/", "/search?q=茅台", "/changes", f"/article/{EDITED}", "/feeds", "/index"])
def test_axe_finds_nothing_serious_in_english(chrome: Browser, served: Serving, place: str, tmp_path: Path) -> None:
    with watched(chrome, viewport=DESK, base_url=served.address, locale="en-GB") as (page, _):
        page.goto(place)
        assert page.locator("html").get_attribute("lang") == "en"
        assert serious_violations(page) == []
        if place == "/changes":
            shot(page, "changes-english", tmp_path)


def test_the_switch_of_the_language_stays(page: Page) -> None:
    page.goto("/changes?kind=gone")
    page.get_by_role("link", name="English").click()
    assert page.url.endswith("/changes?kind=gone")
    assert page.get_by_role("heading", level=1).inner_text() == "Changes"
    page.goto("/feeds")
    assert page.get_by_role("heading", level=1).inner_text() == "Feeds"
    page.get_by_role("link", name="中文").click()
    assert page.get_by_role("heading", level=1).inner_text() == "订阅源"


def test_axe_would_find_something(page: Page) -> None:
    """The negative control: a field without a name, and a grey that nobody can read."""
    page.goto("/search")
    page.evaluate(
        """() => { document.querySelector('input[type=search]').removeAttribute('aria-label');
                   document.querySelector('dd').style.color = '#ddd' }"""
    )
    assert {each.partition(":")[0] for each in serious_violations(page)} == {"label", "color-contrast"}


@pytest.mark.parametrize("place", [f"/article/{EDITED}/diff?old=1&new=2", "/changes"])
def test_what_was_added_and_removed_is_not_told_by_colour_alone(page: Page, place: str) -> None:
    page.goto(place)
    for forced in ("none", "active"):
        page.emulate_media(forced_colors=forced)
        for element, line in (("ins", "underline"), ("del", "line-through")):
            drawn = page.locator(element).first.evaluate("e => getComputedStyle(e).textDecorationLine")
            assert drawn == line, (forced, element)


def test_charts_and_marks_are_seen_in_forced_colours(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    page.emulate_media(forced_colors="active", color_scheme="dark")
    shot(page, "front-forced-colours", tmp_path)
    fill, paper = page.locator(".chart .bar").first.evaluate(
        "e => [getComputedStyle(e).fill, getComputedStyle(document.body).backgroundColor]"
    )
    assert fill != paper
    for place in (".chips a", ".mark"):
        border = page.locator(place).first.evaluate("e => getComputedStyle(e).borderTopWidth")
        assert border == "1px", place


@pytest.mark.parametrize(
    "place", ["/", "/changes", f"/article/{EDITED}", f"/article/{EDITED}/diff", "/search?q=feed:feed1"]
)
def test_controls_of_direction_in_a_title_are_shown_and_reorder_nothing(page: Page, place: str) -> None:
    page.goto(place)
    assert not set("\u202e\u2066") & set(page.title() + page.locator("body").inner_text())
    mark = page.locator(".bidi[title='U+202E']").first
    assert mark.inner_text() == "RLO"
    before, after = (page.locator(f".bidi[title='U+{code}']").first.bounding_box() for code in ("202E", "2066"))
    assert before
    assert after
    assert before["x"] < after["x"]  # in the order in which they were written


def test_a_title_from_right_to_left_has_its_direction(page: Page) -> None:
    page.goto("/")
    page.locator(".hits h2 a").first.evaluate("a => { a.textContent = 'عنوان الخبر' }")
    assert page.locator(".hits h2 a").first.evaluate("a => getComputedStyle(a).direction") == "rtl"


def test_a_wide_table_scrolls_inside_a_phone(chrome: Browser, served: Serving, tmp_path: Path) -> None:
    with watched(chrome, base_url=served.address, viewport=PHONE, is_mobile=True, has_touch=True) as (page, _):
        page.goto(f"/article/{EDITED}")
        table = page.locator(".body table").first
        inner, outer = table.evaluate("t => [t.scrollWidth, t.clientWidth]")
        assert inner > outer
        assert outer <= PHONE["width"]
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= PHONE["width"]
        assert serious_violations(page) == []
        table.scroll_into_view_if_needed()
        shot(page, "phone-table", tmp_path)
