"""Pages in two languages: which one a request gets, the switch, and that nothing is left untranslated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support import catalogue
from tests.support.web_server import Serving, served_home
from web.rendering.language import choose

__all__ = ["served_home"]

EDITED = "nreplica0000000"
ENGLISH = {"accept-language": "en-GB,en;q=0.9,zh;q=0.5"}
PAGES = (
    "/", "/search", "/search?q=a", "/search?q=feed:feed1&sort=time", "/search?q=(", "/search?q=zzzz", "/changes",
    "/changes?kind=moved", f"/article/{EDITED}", f"/article/{EDITED}?version=1", f"/article/{EDITED}/diff",
    "/symbol/sh600519", "/feeds", "/nowhere", "/index", "/index/nope", "/?as_of=2020-01-01T00:00", "/changes?day=x",
    "/article/nope?as_of=2020-01-01T00:00", "/search?page=0&q=a", "/symbol/nope",
)  # fmt: skip
# What the archive holds, examples, the names of feeds, and the name of the other language: they are as they are.
HELD = (
    "code", ".body", ".hits h2", ".snippet", ".what", ".feed", ".symbol", "bdi", "h1:not(.aside)", "del", "ins",
    "option",
    ".sides td", ".factsof td", ".facets li", ".known dd", "[lang=zh]", ".chips li", ".facts > a", ".plainlist bdi",
    ".feedcard h2", ".chart a", "text.label", "caption + tbody",
)  # fmt: skip
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
ROOT = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Forty articles, one of them edited; the feed, its articles and their stocks have Latin names."""
    stories = make_stories(40, newest=NEWEST)
    with MockSite(stories) as mocksite:
        served_home.configure(mocksite.endpoint)
        served_home.run("crawl")
        mocksite.clock += 60
        mocksite.site.edit(EDITED, mocksite.clock, "Another title", "<p>Another text.</p>")
        served_home.run("crawl")
    with Serving(served_home) as serving:
        yield serving


@pytest.mark.parametrize(
    ("cookies", "accepted", "language"),
    [
        ("", "", "zh"), ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("", "en-US,en;q=0.9", "en"),
        ("", "de, en;q=0.5", "en"), ("", "de", "zh"), ("", "en;q=0.3, zh-TW;q=0.7", "zh"), ("", "en;q=0", "zh"),
        ("", "*", "zh"), ("", "EN", "en"), ("", "en; q=nan", "zh"), ("", "en;level=1", "en"),
        ("finarchive_language=zh", "en", "zh"), ("a=b; finarchive_language=en", "zh", "en"),
        ("finarchive_language=fr", "en", "en"), ("=;;[]", "en", "en"), ("", "en;q=x, ,;;", "zh"),
    ],
)  # fmt: skip
def test_the_switch_and_then_the_browser_choose_the_language(cookies: str, accepted: str, language: str) -> None:
    assert choose(cookies, accepted) == language


def test_a_page_says_its_language_and_on_what_it_depends(served: Serving) -> None:
    for headers, code in (({}, "zh-CN"), (ENGLISH, "en")):
        response = served.get("/feeds", **headers)
        assert f'<html lang="{code}">' in response.text
        assert {"Accept-Language", "Cookie"} <= set(response.headers["vary"].split(", "))
    tags = {served.get("/feeds", **headers).headers["etag"] for headers in ({}, ENGLISH)}
    assert len(tags) == 2


def test_an_article_says_its_language_whatever_that_of_the_page(served: Serving) -> None:
    for headers in ({}, ENGLISH):
        for version, code in ((1, "zh-CN"), (2, "")):
            page = served.get(f"/article/{EDITED}?version={version}", **headers).text
            assert re.findall(r'<div class="body" dir="auto" lang="([^"]*)">', page) == [code]


def test_the_switch_stays_and_leads_back(served: Serving) -> None:
    page = served.page("/changes?kind=gone&q=a%26b")
    [(address, name)] = re.findall(r'<a href="([^"]*)" hreflang="en" lang="en">([^<]*)</a>', page)
    assert name == "English"
    response = served.get(unescape(address))
    assert (response.status_code, response.headers["location"]) == (303, "/changes?kind=gone&q=a%26b")
    cookie = response.headers["set-cookie"].partition(";")[0]
    served.client.cookies.clear()
    assert "<h1>Changes</h1>" in served.get("/changes", cookie=cookie).text
    assert ">中文</a>" in served.get("/index", cookie=cookie).text


@pytest.mark.parametrize(
    "back", ["//evil.test/x", "https://evil.test", "/\\evil.test", "", "/a\r\nx: y", "javascript:1"]
)
def test_the_switch_leads_to_no_other_site(served: Serving, back: str) -> None:
    response = served.client.get("/language", params={"to": "en", "back": back})
    served.client.cookies.clear()
    assert response.headers["location"] == "/"
    assert "x" not in response.headers


def test_an_unknown_language_is_refused(served: Serving) -> None:
    assert served.get("/language?to=fr&back=/").status_code == 400


@pytest.mark.parametrize("address", PAGES)
def test_an_english_page_has_no_chinese_but_that_of_the_archive(served: Serving, address: str) -> None:
    page = served.get(address, **ENGLISH).text
    tree = LexborHTMLParser(page)
    for selector in HELD:
        for node in tree.css(selector):
            node.decompose()
    page = re.sub(r'placeholder="[^"]*"|value="[^"]*"|<title>.*?</title>', "", tree.html or "", flags=re.DOTALL)
    left = [line.strip()[:200] for line in page.splitlines() if CHINESE.search(line)]
    assert left == []


def test_every_message_is_translated_and_the_catalogue_is_compiled() -> None:
    source = catalogue.catalogue()
    known = {str(message.id): message for message in source if message.id}
    assert set(known) == catalogue.messages(), "run python -m tests.support.catalogue and translate what is new"
    assert [each for each, message in known.items() if not message.string or message.fuzzy] == []
    assert [error for message in known.values() for error in message.check(source)] == []
    assert catalogue.MO.read_bytes() == catalogue.compiled(source), "run python -m tests.support.catalogue"


def test_templates_have_no_text_outside_the_catalogue() -> None:
    left = []
    for path in sorted((ROOT / "templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\{#.*?#\}|_\('[^']*'|<code>[^<]*</code>", "", text, flags=re.DOTALL)
        left += [f"{path.name}: {line.strip()[:100]}" for line in text.splitlines() if CHINESE.search(line)]
    assert left == []


def test_modules_have_no_text_outside_the_catalogue() -> None:
    left = []
    for path in sorted({*ROOT.rglob("*.py")} - {ROOT / "rendering/reasons.py"}):  # it translates from English
        tree = ast.parse(path.read_text(encoding="utf-8"))
        translated = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext", "to_translate")
            for argument in node.args
        }
        left += [
            f"{path.name}:{node.lineno} {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in translated
            and re.search("[\u4e00-\u9fff]", node.value) and node.value not in ("中文",)
        ]  # fmt: skip
    assert left == []
