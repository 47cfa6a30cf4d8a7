"""The web view in a real browser: search, articles, comparison; dark mode, a phone, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.browser import DESK, PHONE, canary, chrome, shot, watched
from tests.support.web_server import Serving, served_home

__all__ = ["canary", "chrome", "served_home"]

pytestmark = pytest.mark.slow  # a browser takes seconds to start

EDITED = "nreplica0000003"
PLACES = (
    "/", "/search", "/search?q=茅台", "/search?q=feed:feed1", "/search?q=color:red", f"/article/{EDITED}",
    f"/article/{EDITED}?version=1", f"/article/{EDITED}/diff?old=1&new=2", "/feeds", "/nowhere",
    "/?as_of=2026-09-28T12:00", "/index", "/index/revisions", f"/index/revisions/{EDITED},1",
)  # fmt: skip
REFUSED = ("/nowhere", "/search?q=color:red")  # the browser says on its console that they are no 200
# In the page: of the visible words in each of these elements, the colour and how bright it is, as the WCAG has it.
CONTRASTS = """names => {
    const shown = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const light = rgb => rgb.map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const contrast = element => {
        let behind = element;
        while (behind && /rgba\\(0, 0, 0, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor))
            behind = behind.parentElement;
        const paper = behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)';
        const [one, other] = [getComputedStyle(element).color, paper].map(shown).map(light).sort((a, b) => b - a);
        return (one + .05) / (other + .05);
    };
    const visible = element => element.getClientRects().length && getComputedStyle(element).visibility == 'visible';
    const some = name => [...document.querySelectorAll(`:not(svg *):is(${name})`)].filter(visible).slice(0, 6);
    return names.flatMap(some).filter(element => element.innerText.trim())
        .map(element => [contrast(element), element.outerHTML.slice(0, 200)]);
}"""
WORDED = ("h1", "p", "a", ".facts", "td", "th", "button", "dd", "dt", "mark", "ins", "del")


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Forty articles of two lists, one of them edited since."""
    with MockSite(make_stories(40, newest=NEWEST)) as mocksite:
        served_home.configure(mocksite.endpoint, mocksite.endpoint)
        assert served_home.run("crawl", "--json").json["archived"] == 40
        mocksite.clock += 60
        story = next(each for each in mocksite.site.stories if each.docid == EDITED)
        body = story.body.replace("。", "，更正后的说法。", 1) + "<p>　　更正：前一版的数字有误。</p>"
        mocksite.site.edit(EDITED, mocksite.clock, title=f"更正：{story.title}", body=body)
        assert served_home.run("crawl", "--json").json["revised"] == 1
    with Serving(served_home) as serving:
        yield serving


@pytest.fixture
def page(chrome: Browser, served: Serving) -> Iterator[Page]:
    """A page of desktop size. No test may cause errors in it, or requests to other hosts."""
    with watched(chrome, viewport=DESK, base_url=served.address) as (opened, watch):
        yield opened
    assert (watch.dialogs, watch.console, watch.errors) == ([], [], [])
    assert watch.requests
    assert watch.elsewhere(served.address) == []


def hits(page: Page) -> list[str]:
    return page.locator(".hits h2").all_inner_texts()


def test_a_search_from_the_first_page_finds_and_marks(page: Page, served_home: Home, tmp_path: Path) -> None:
    page.goto("/")
    shot(page, "front", tmp_path)
    page.keyboard.type("茅台")  # the cursor is in the box
    page.keyboard.press("Enter")

    expect(page).to_have_title("茅台 · finarchive")
    found = served_home.run("search", "茅台", "--json").json
    assert hits(page) == [each["title"] for each in found]
    assert set(page.locator(".hits mark").all_inner_texts()) == {"茅台"}
    expect(page.get_by_role("searchbox")).to_have_value("茅台")
    shot(page, "search", tmp_path)


def test_a_facet_narrows_the_results_and_shows_their_number(page: Page) -> None:
    page.goto("/search?q=feed:feed1")
    before = page.locator(".sum").inner_text()
    media = page.locator(".facets section", has=page.get_by_role("heading", name="媒体")).get_by_role("link").first
    name, count = media.locator("span").all_inner_texts()
    media.click()

    expect(page.locator(".sum")).to_contain_text(f"找到 {count} 篇")
    assert page.locator(".sum").inner_text() != before
    assert len(hits(page)) == min(int(count), 20)
    for facts in page.locator(".hits .facts").all_inner_texts():
        assert name in facts


def test_pages_of_a_search_lead_on_and_back_and_repeat_nothing(page: Page) -> None:
    page.goto("/search?q=feed:feed1&sort=time")
    first = hits(page)
    page.get_by_role("link", name="下一页").click()
    expect(page.locator(".pages")).to_contain_text("第 2 页")
    second = hits(page)
    page.get_by_role("link", name="上一页").click()
    expect(page.locator(".pages")).to_contain_text("第 1 页")

    assert hits(page) == first
    assert len(first) == len(second) == 20


@pytest.mark.parametrize("place", ["/", "/search?q=feed:feed1", "/changes"])
def test_the_place_in_a_list_is_kept_on_going_back(page: Page, place: str) -> None:
    page.goto(place)
    link = page.locator(".hits h2 a").last
    # A click that has to be tried again scrolls to another place first.
    page.evaluate("addEventListener('click', () => sessionStorage.place = scrollY, true)")
    link.click()
    expect(page).to_have_url(re.compile("/article/"))
    page.go_back()
    expect(page).to_have_url(re.compile(f"{re.escape(place)}$"))
    page.wait_for_function("Math.abs(scrollY - sessionStorage.place) < 5")
    assert place == "/changes" or page.evaluate("scrollY") > 100


def test_an_article_has_readable_typography(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    title = hits(page)[0]
    page.locator(".hits a").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.wait_for_load_state()  # with its style
    paragraph = page.locator(".body p").first
    size, leading = paragraph.evaluate(
        "p => [getComputedStyle(p).fontSize, getComputedStyle(p).lineHeight].map(parseFloat)"
    )
    box = paragraph.bounding_box()
    assert box
    assert size >= 16
    assert leading / size >= 1.6
    assert 20 <= box["width"] / size <= 45  # characters in a line
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    shot(page, "article", tmp_path)


def test_versions_are_shown_side_by_side_with_removed_and_added_text(page: Page, tmp_path: Path) -> None:
    page.goto(f"/article/{EDITED}")
    page.get_by_role("link", name="与前一版比较").click()

    expect(page.locator("h1 ins")).to_have_text("更正：")
    page.wait_for_load_state()  # with its style
    changed = page.locator(".sides .changed").first
    old, new = changed.locator(".old").bounding_box(), changed.locator(".new").bounding_box()
    assert old
    assert new
    assert old["y"] == new["y"]
    assert old["x"] + old["width"] <= new["x"] + 1
    assert "更正" in "".join(page.locator(".sides .new ins").all_inner_texts())
    assert page.locator(".sides .new del").count() == 0
    shot(page, "diff", tmp_path)


def test_an_older_version_and_a_time_show_what_was_known_then(page: Page) -> None:
    page.goto(f"/article/{EDITED}?version=1")
    assert not page.get_by_role("heading", level=1).inner_text().startswith("更正")
    page.get_by_role("link", name="看最新版").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("更正")

    page.goto("/")
    page.get_by_label("看当时的档案").fill("2020-01-01T09:30")
    page.get_by_role("button", name="查看").click()
    expect(page.locator(".then")).to_contain_text("2020-01-01")
    assert hits(page) == []


@pytest.mark.parametrize("place", PLACES)
def test_words_have_enough_contrast_in_light_and_dark_mode(
    chrome: Browser, served: Serving, place: str, tmp_path: Path
) -> None:
    with watched(chrome, viewport=DESK, base_url=served.address) as (page, _):
        page.goto(place)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            paper = page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
            assert (sum(paper[:3]) < 150) == (scheme == "dark")
            contrasts = page.evaluate(CONTRASTS, WORDED)
            assert contrasts
            assert [(ratio, html) for ratio, html in contrasts if ratio < 4.5] == []
            if place == f"/article/{EDITED}":
                shot(page, f"article-{scheme}", tmp_path)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_wider_than_a_phone(chrome: Browser, served: Serving, place: str, tmp_path: Path) -> None:
    phone = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
    with watched(chrome, base_url=served.address, **phone) as (page, _):
        page.goto(place)
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate("() => window.innerWidth") == PHONE["width"]  # and it did not zoom out to fit
        if place.startswith("/article"):
            shot(page, f"phone-{'diff' if 'diff' in place else 'article'}", tmp_path)


def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    page.goto("/search?q=茅台")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="跳到正文")
    expect(skip).to_be_focused()
    box = skip.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")

    wanted, seen = page.locator(".hits a").first, []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.textContent"))
        outline = page.evaluate(
            "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] }"
        )
        assert outline != ["none", "0px"], seen  # where one is can be seen
        if wanted.evaluate("a => a === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    title = wanted.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_it_works_without_scripts(chrome: Browser, served: Serving) -> None:
    with watched(chrome, base_url=served.address, java_script_enabled=False) as (page, watch):
        page.goto("/")
        page.get_by_role("searchbox").fill("茅台")
        page.keyboard.press("Enter")
        expect(page.locator(".hits mark").first).to_have_text("茅台")
        page.goto("/feeds")
        expect(page.locator(".feedcard")).to_have_count(2)
    assert watch.elsewhere(served.address) == []


@pytest.mark.parametrize("place", [place for place in PLACES if place not in REFUSED and "/index" not in place])
def test_our_pages_have_a_title_a_heading_and_a_name_for_what_can_be_filled_in(page: Page, place: str) -> None:
    page.goto(place)
    assert page.title().strip(" ·")
    assert page.locator("h1").count() == 1
    for field in page.locator("input:visible, select:visible").all():
        assert field.evaluate("f => f.labels?.length || f.ariaLabel"), field.evaluate("f => f.outerHTML")
