"""Pages that an HTML parser cannot read in linear time are refused before it reads them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.errors import ExtractionError
from crawler.extract.charset import decode
from crawler.markup import limits
from crawler.markup.limits import MAX_ATTRIBUTES, MAX_OPEN, check_markup
from crawler.markup.open_elements import OpenElements
from tests.support.growth import assert_linear

PAGES = Path(__file__).parents[1] / "pages"
DEEP = 10 * MAX_OPEN
# Each opens n elements inside each other, as far as a parser is concerned.
NESTED = {
    "div": "<div>" * DEEP,
    "upper case": "<DIV>" * DEEP,
    "template": "<template>" * DEEP,
    "unknown name": "<x-y>" * DEEP,
    "attributes without quotes": "<div a=1 b=2/>" * DEEP,
    "attributes with tags": "<div a='</div>' b=\"</div>\">" * DEEP,
    "a quotation mark in a name": '<div "></div ">' * 3 + '<div ">' * DEEP,
    "svg": "<svg>" + "<g>" * DEEP,
    "svg in text": "<svg><title>" * DEEP,
    "math": "<math>" + "<mrow>" * DEEP,
    "items of lists": "<ul><li>" * DEEP,
    "cells of tables": "<table><td>" * DEEP,
    "formatting": "".join(f"<font id={number}>" for number in range(DEEP)),
    "end tags in comments": "<div><!--</div>-->" * DEEP,
    "end tags in unfinished comments": "<div><!</div>" * DEEP,
    "end tags in scripts": "<div><script>'</div>'</script>" * DEEP,
    "end tags in CDATA": "<div><![CDATA[</div ]]>" * DEEP,
    "end tags that nothing closes": "<div></p></span></b></table>" * DEEP,
    "end tags outside of a cell": "<div><table><td></div>" * DEEP,
    "framesets": "<frameset>" * DEEP,
}


@pytest.mark.parametrize("name", NESTED)
def test_too_many_open_elements_are_refused(name: str) -> None:
    with pytest.raises(ExtractionError, match=str(MAX_OPEN)):
        check_markup(NESTED[name])


ENDLESS = {
    "plain": " ".join(f"a{number}" for number in range(20_000)),
    "with slashes": "/".join(f"a{number}" for number in range(20_000)),
    "quoted brackets": "".join(f'a{number}=">"' for number in range(20_000)),
    "quoted tags": "".join(f"a{number}='<b>'" for number in range(20_000)),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("before", ["", '<!--<b c="-->', "<script>a<b=' </script>", '<p ">'])
def test_too_many_attributes_are_refused(name: str, before: str) -> None:
    with pytest.raises(ExtractionError, match=f"attributes, more than {MAX_ATTRIBUTES}"):
        check_markup(f"{before}<p {ENDLESS[name]}>")


@pytest.mark.parametrize(
    "markup",
    [
        "<p>" + "".join(f"<b id={number}>" for number in range(400)) + "</p>" + "<p>x" * 3000,
        f"<p><font title={'x' * 1_000_000}></p>" + "<p>x" * 100,
        "".join(f"<font id={number}><p>" for number in range(400)) + "<p>x</p>" * 3000,
    ],
)
def test_elements_that_are_reopened_without_end_are_refused(markup: str) -> None:
    with pytest.raises(ExtractionError, match="not closed"):
        check_markup(markup)


@pytest.mark.parametrize(
    "markup",
    [
        "<p>一段" * 8_000,
        "<ul>" + "<li><span>一项" * 8_000,
        "<table>" + "<tr><td><b>格<td>格" * 8_000,
        "<dl>" + "<dt>词<dd>义" * 8_000,
        "<select>" + "<option>项" * 8_000,
        "<p><font size=2>文<br>" * 8_000,
        "<p><b>文</p>" * 8_000,
        "<b><i>文</b></i>" * 8_000,
        "<h1>题<h2>题" * 8_000,
        "<a href=x>文" * 8_000,
        "<br>" * 8_000 + "<img src=x>" * 8_000,
        "</div>" * 8_000,
        "<div><span>文</div>" * 8_000,
        "<svg><g><path d=x /></g></svg>" * 8_000,
        "<script>if (a<b && c<d) {}</script>" * 8_000,
        "<!-- <div> -->" * 200,
        "<form><form><input></form>" * 8_000,
    ],
)
def test_markup_without_end_tags_is_read(markup: str) -> None:
    check_markup(markup)


def test_real_pages_are_far_below_the_limits(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deepest = 0

    class Watched(OpenElements):
        def start(self, name: str, tag: str, *, is_closed: bool = False) -> bool:
            nonlocal deepest
            result = super().start(name, tag, is_closed=is_closed)
            deepest = max(deepest, len(self))
            return result

    monkeypatch.setattr(limits, "OpenElements", Watched)
    pages = [*PAGES.glob("*.html"), *shared.glob("realdata/pages/*.html"), *shared.glob("cases/*.html")]
    for page in pages:
        limits._scan(decode(page.read_bytes()))
    assert len(pages) > 20
    assert 5 < deepest < MAX_OPEN / 10


NAMES = re.findall(
    r"\w+",
    "div section span b i font a nobr p li ul dd dl h1 h2 table tr td th caption tbody select option optgroup input"
    " button form template svg g foreignObject desc title math mi object marquee pre textarea style script rt ruby"
    " center colgroup col body html noscript br hr details",
)
OTHERS = ("<!--", "-->", "x", '"', "<p a='", "<![CDATA[", "]]>", "<!", '<a b=">">', "</ x>", '<p ">', "<b id=#>")


def _unit(randomness: random.Random) -> str:
    def token() -> str:
        name = randomness.choice(NAMES)
        return randomness.choice([f"<{name}>"] * 6 + [f"</{name}>"] * 4 + [randomness.choice(OTHERS)])

    return "".join(token() for _ in range(randomness.randint(1, 6)))


def _depth(markup: str) -> int:
    root = LexborHTMLParser(markup).root
    deepest = 0
    pending: list[tuple[LexborNode | None, int]] = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        child = node.first_child if node is not None else None
        while child is not None:
            pending.append((child, depth + 1))
            child = child.next
    return deepest


def test_what_grows_in_a_parser_grows_in_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tag soup, repeated: where the tree becomes deeper each time, so does the count."""
    randomness = random.Random(20_261_130)
    monkeypatch.setattr(limits, "MAX_OPEN", 12)
    growing = missed = 0
    for _ in range(300):
        unit = _unit(randomness)
        markup = "".join(unit.replace("#", str(number)) for number in range(60))
        if _depth(markup) > 4 * 12 + 20:
            growing += 1
            try:
                limits._scan(markup)
            except ExtractionError:
                continue
            missed += 1
    assert growing > 30
    assert missed <= growing / 20  # the parser's own limits hold for the rest


SHAPES: dict[str, Callable[[int], str]] = {
    "comments that do not end": lambda n: "<!--" * n,
    "comments": lambda n: "<!-- -->" * n,
    "brackets": lambda n: "<" * n,
    "tags that do not end": lambda n: "<a " * n,
    "quotes that do not end": lambda n: '<a b="' * n,
    "quotes of both kinds": lambda n: "<a b='\"" * n,
    "tags in tags": lambda n: ("<a " * 332 + ">") * (n // 300),
    "spaces": lambda n: "<p a" + " " * n + "=" + " " * n,
    "slashes": lambda n: "<p " + "/" * n,
    "formatting tags": lambda n: "<b></b>" * n,
    "bold without end": lambda n: "<b x" * n,
    "scripts": lambda n: "<script></script>" * n,
    "scripts that do not end": lambda n: "<script>" * n,
    "below many elements": lambda n: "<div>" * 500 + "<p>x" * n,
    "end tags": lambda n: "</div>" * n,
    "dashes": lambda n: "<!--" + "-!" * n,
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_check_takes_linear_time(name: str) -> None:
    assert_linear(lambda size: check_markup(SHAPES[name](size)), 16_000, fast=0.02)
