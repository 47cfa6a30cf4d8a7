"""What changes on a page at every load makes no other version, in the markup that real pages have for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from archive.model.article import Article
from bench.extraction import article_of
from crawler.extract.charset import decode

PAIRS = Path(__file__).parents[1] / "pairs"
TEXT = "<p>　　样例银行今日宣布上调存款利率。</p><p>　　分析人士称，影响有限。</p>"
END = "<!-- news_keyword_pub,stock,sh600999 -->"


def read(inner: str) -> Article:
    return article_of(f'<h1 class="main-title">样例</h1><div class="article" id="artibody">{inner}</div>'.encode())


def pairs(name: str) -> dict[str, tuple[str, str]]:
    """Variable parts of a page, by name: as served at one fetch and at the next."""
    found = {}
    for block in (PAIRS / f"{name}.html").read_text(encoding="utf-8").split("== ")[1:]:
        kind, _, two = block.partition("\n")
        first, _, second = two.partition("\n--\n")
        found[kind] = (first, second)
    return found


LOADS, EDITS = pairs("load"), pairs("edit")


PLACES = {"above": ("", TEXT), "below": (TEXT, ""), "after the end": (TEXT + END, "")}
# Parts with their own end-of-text comment cannot be above the text.
CASES = [(kind, place) for kind in LOADS for place in PLACES if place != "above" or END not in LOADS[kind][0]]


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_what_changes_at_every_load_makes_no_version(kind: str, place: str) -> None:
    around = PLACES[place]
    first, second = (read(furniture.join(around)) for furniture in LOADS[kind])
    assert first.fingerprint == second.fingerprint
    assert first.text == second.text
    assert first.pictures == second.pictures
    assert "分析人士称，影响有限。" in first.text


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("around", [("", TEXT), (TEXT, "")], ids=["above", "below"])
def test_each_edit_makes_a_version(kind: str, around: tuple[str, str]) -> None:
    first, second = (read(words.join(around)) for words in EDITS[kind])
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("kind", ["a word", "a word in a link", "a picture", "a paragraph more"])
def test_an_edit_below_what_ends_the_text_is_one_too(kind: str) -> None:
    first, second = (read(TEXT + END + words) for words in EDITS[kind])
    assert first.fingerprint != second.fingerprint


def test_an_article_of_links_keeps_its_text() -> None:
    links = "".join(f'<p><a href="/{n}">第{n}条要闻</a></p>' for n in range(3))
    assert read(links + END).text.splitlines() == ["第0条要闻", "第1条要闻", "第2条要闻"]
    assert read(f"<p></p>{END}{links}").text.splitlines() == ["第0条要闻", "第1条要闻", "第2条要闻"]
    assert read("<h3>相关新闻</h3>" + links).text.splitlines()[-1] == "第2条要闻"
    assert read("<p>今日要闻：</p>" + links).text.splitlines()[-1] == "第2条要闻"


def test_furniture_in_furniture_is_taken_out_once() -> None:
    inner = '<div class="appendQr_wrap"><div class="blk-related"><ins class="sinaads">x</ins></div></div>'
    deep = inner * 200 + '<div class="most-read">' * 200 + inner + "</div>" * 200
    assert read(TEXT + deep).text == read(TEXT).text


@pytest.mark.parametrize(
    ("name", "selectors"),
    [
        (
            "finance-2018.html",
            (
                *(".new_style_article", ".article-bottom", ".article-bottom-tg", ".blk-comment", "#most_read"),
                *(".blk-wxfollow", "#tab_related"),
            ),
        ),
        ("news-2019.html", (".blk-wxfollow", ".blk-comment", "#recommendB", "#videoList0", "#tab_related")),
        ("finance-2026-excerpt.html", (".appendQr_wrap", ".page-tools")),
    ],
)
def test_page_furniture_makes_no_version_at_any_position(shared: Path, name: str, selectors: tuple[str, ...]) -> None:
    tree = LexborHTMLParser(decode((shared / "realdata/pages" / name).read_bytes()))
    plain = read(TEXT + END)
    for selector in selectors:
        node = tree.css_first(selector)
        assert node is not None, f"{selector} is not on the page"
        for inner in (node.html + TEXT + END, TEXT + END + node.html):
            assert read(inner).fingerprint == plain.fingerprint, selector
