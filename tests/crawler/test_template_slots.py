"""Slots of templates: what is not one, and pages with many. tests/pairs has those that real pages have."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extract.body import render_body
from tests.crawler.test_unchanged_pages import read
from tests.support.examples import examples

SENTENCE = (
    "样例银行今日宣布上调存款利率，一年期上调零点一个百分点，分析人士称影响有限，市场此前已经预期，利差可能收窄。"
)
ARTICLE = f"<p>{SENTENCE}</p><p>{SENTENCE}</p>"
TEXT = f"{SENTENCE}\n{SENTENCE}"
EDITOR = f"<!-- 编辑姓名及工作代码 --><p>{SENTENCE}</p><p>责任编辑：甲</p><!-- 编辑姓名及工作代码-->"
PROMOTION = "<!-- 期货推广begin --><p>期货开户。</p><!-- 期货推广end -->"


@pytest.mark.parametrize(
    "inner",
    [
        f"<!-- 正文 start -->{ARTICLE}<!-- 正文 end -->",
        f"<!-- 原始正文begin -->{ARTICLE}<!-- 原始正文end --><p>责任编辑：甲</p>",
        f"<!-- google_ad_section_start -->{ARTICLE}<!-- google_ad_section_end -->",
        f"<!-- publish_helper name='原始正文' p_id='28' -->{ARTICLE}<!-- publish_helper_end -->",
        f"<!-- 主区 begin -->{ARTICLE}<!-- 主区 end -->",
        f"<!-- 主区 begin -->{ARTICLE}<!-- 主区 end --><p>新浪声明：此消息系转载，文章内容仅供参考。</p>",
        f"<!-- 主区 begin -->{ARTICLE}<!-- news_keyword_pub,stock,sh600999 --><!-- 主区 end -->",
        f"<!-- 主区 begin -->{PROMOTION}{ARTICLE}{PROMOTION}<!-- 主区 end -->",
        f"<div><!-- 正文 start -->{PROMOTION}{ARTICLE}</div><!-- 正文 end -->",
        f"<!-- begin -->{ARTICLE}<!-- end -->",
        f"<p>{SENTENCE}</p><!-- news_keyword_pub,stock, -->{EDITOR}",
        f"<!-- weekend -->{ARTICLE}<!-- trend -->",
        f"<!-- 期货推广end -->{ARTICLE}<!-- 期货推广begin -->",
        f"<!-- {'x' * 200} begin -->{ARTICLE}<!-- {'x' * 200} end -->",
    ],
)
def test_a_slot_that_holds_the_article_is_the_article(inner: str) -> None:
    assert read(inner).text == TEXT


MARKS = st.sampled_from(
    [
        ("{} begin", "{} end"),
        ("{}start", "{}end"),
        (" {}开始 ", "{}结束"),
        ("{}", "/{}"),
        ("{} 2026/09 jia start ", "{}  end-"),
    ]
)
# A begin may have more than its end if both have a label of two characters.
NAMES = st.text("广告推荐专题开户福利行情ABab_", min_size=2, max_size=8).filter(lambda name: name.strip("_"))
NAMES = NAMES.map(lambda name: f"{name}区")
SLOTS = st.lists(
    st.tuples(st.integers(0, 3), NAMES, MARKS, st.sampled_from(["<p>广告。</p>", "x<img src=/t.png>", ""])),
    max_size=5,
)


@settings(max_examples=examples(200), deadline=None)
@given(slots=SLOTS)
def test_slots_of_any_name_change_nothing_wherever_they_are(
    slots: list[tuple[int, str, tuple[str, str], str]],
) -> None:
    paragraphs = [f"<p>第{n}段。{SENTENCE}</p>" for n in range(3)]
    parts: list[list[str]] = [[], [], [], []]
    for place, name, (begin, end), inner in slots:
        parts[place].append(f"<!--{begin.format(name)}-->{inner}<!--{end.format(name)}-->")
    body = "".join("".join(part) + paragraph for part, paragraph in zip(parts, [*paragraphs, ""], strict=True))
    found, plain = read(body), read("".join(paragraphs))
    assert (found.text, found.pictures, found.fingerprint) == (plain.text, (), plain.fingerprint)


def test_a_promotion_is_no_article_although_nothing_else_is_left() -> None:
    assert read(PROMOTION).text == ""
    assert read(f"{PROMOTION}<p>责任编辑：甲</p>").text == ""


def test_a_slot_within_a_paragraph_takes_its_part_only() -> None:
    assert read("<p>样例银行<!-- 行情 start --><b>5.01</b><!-- 行情 end -->上涨。</p>").text == "样例银行上涨。"


def test_a_faithful_body_keeps_the_slots_and_a_clean_one_does_not() -> None:
    inner = f"<p>一。</p>{PROMOTION}<p>二。</p>"
    assert "期货开户" in render_body(inner, "https://a.cn/").html
    assert render_body(inner, "https://a.cn/", clean=True).html == "<p>一。</p><p>二。</p>"


@pytest.mark.parametrize(
    "inner",
    [
        "<!-- x begin -->a" * 20_000,
        "<!-- x begin -->a<!-- x end -->b" * 20_000,
        "<!-- x begin -->a" * 20_000 + "<!-- x end -->b" * 20_000,
        "".join(f"<!-- x{n} begin -->a" for n in range(20_000)) + "<!-- y end -->b" * 20_000,
        "<!-- news_keyword_pub,stock,a --><!-- x begin -->a<!-- x end -->" * 10_000,
        "<p>视频加载中，请稍候</p>" * 2_000,
    ],
)
def test_many_marks_take_no_longer_than_their_number(inner: str) -> None:
    began = time.process_time()
    assert TEXT in read(inner + ARTICLE).text
    assert time.process_time() - began < 10  # half a second; what grows with the square takes minutes
