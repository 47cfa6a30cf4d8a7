"""Real pages, if available: their metadata, and their text compared with a person's selection."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.extraction import article_of, compared, digest, score, selected, selections
from crawler.extract.charset import decode

# title, medium, published, editor
FACTS = {
    "finance-2026-excerpt.html": (
        "奥多比预测今年美国假日季线上购物将创历史新高", "环球市场播报",
        datetime(2026, 9, 28, 15, 20, 25, tzinfo=UTC), "郭明煜",
    ),
    "news-2019.html": (
        "中国人习以为常的地方 为何老外却说“了不得”？", "参考消息",
        datetime(2019, 11, 25, 10, 57, 38, tzinfo=UTC), "张迪",
    ),
    "finance-2018.html": (
        '60万"12306账号"外泄? 中铁总辟谣称消息不实', "新京报", datetime(2018, 12, 28, 11, 55, 10, tzinfo=UTC), "霍琦",
    ),
    "ent-2009-gb2312.html": (
        "爱戴掀起红盖头 庆东南劲爆音乐颁奖七周年(图)", "新浪娱乐", datetime(2009, 11, 9, 5, 48, tzinfo=UTC), None,
    ),
}  # fmt: skip
# keywords: the first, and how many; symbols
TAGS: dict[str, tuple[str | None, int, tuple[str, ...]]] = {
    "finance-2026-excerpt.html": ("奥多比", 10, ("AMZN",)),
    "news-2019.html": ("公园", 2, ()),  # of #keywords: the meta has one
    "finance-2018.html": ("辟谣", 3, ()),
    "ent-2009-gb2312.html": (None, 0, ()),  # the meta repeats the title
}
ENDS = {
    "finance-2026-excerpt.html": ("<p>　　奥多比数据分析部门", "责任编辑：郭明煜"),
    "news-2019.html": ("<p>　　原标题：视界丨", "责任编辑：张迪"),
    "finance-2018.html": ("<p>　　新京报快讯（记者 裴剑飞）", "责任编辑：霍琦"),
    "ent-2009-gb2312.html": ("<center><img", "上手机新浪网娱乐频道 ent.sina.cn"),
}


@pytest.fixture(params=sorted(FACTS))
def page(request: pytest.FixtureRequest, shared: Path) -> Path:
    found: Path = shared / "realdata/pages" / request.param
    return found


def test_every_page_has_a_selection() -> None:
    assert set(selections()) == set(FACTS) == set(TAGS) == set(ENDS)


def test_its_facts_are_understood(page: Path) -> None:
    article = article_of(page.read_bytes())
    assert (article.title, article.media, article.published, article.editor) == FACTS[page.name]
    first = article.keywords[0] if article.keywords else None
    assert (first, len(article.keywords), article.symbols) == TAGS[page.name]
    stated = selections()[page.name]["original_title"]
    assert (digest(article.original_title) if article.original_title else None) == stated


def test_its_pictures_have_their_captions(page: Path) -> None:
    pictures = article_of(page.read_bytes()).pictures
    assert [digest(one.caption) if one.caption else "" for one in pictures] == selections()[page.name]["captions"]
    assert len({one.url for one in pictures}) == len(pictures)
    assert all(one.url.startswith("http") for one in pictures)


def test_its_body_is_the_whole_element(page: Path) -> None:
    body = article_of(page.read_bytes()).body
    first, last = ENDS[page.name]
    assert body.lstrip().startswith(first)
    assert last in body[-250:]
    assert "\ufffd" not in body


def test_its_text_is_what_a_person_selected(page: Path) -> None:
    ours, theirs, fallback = compared(page)
    assert ours.precision >= 0.99
    assert ours.recall >= 0.99
    assert ours.precision >= theirs.precision
    assert ours.recall >= theirs.recall
    # A page of undeclared layout must yield the text, possibly with additions.
    assert fallback.recall >= 0.99
    assert fallback.precision >= theirs.precision


def test_a_score_counts_what_is_too_much_and_what_is_missing() -> None:
    paragraphs = ["第一段的文字。", "第二段。"]
    assert score("第一段的文字。\n 第二段。", paragraphs, []) == score(
        "第一段的文字。第二段。图注", paragraphs, ["图注"]
    )
    assert score("第一段的文字。\n 第二段。", paragraphs, []).precision == 1
    less = score("第一段的文字。", paragraphs, [])
    assert (less.precision, round(less.recall, 3)) == (1, round(7 / 11, 3))
    more = score("第一段的文字。第二段。下载客户端", paragraphs, [])
    assert (round(more.precision, 3), more.recall) == (round(11 / 16, 3), 1)


def test_a_selection_that_is_not_on_the_page_is_an_error(page: Path) -> None:
    with pytest.raises(LookupError):
        selected(decode(page.read_bytes()), [digest("没有这一段")])
