"""The fingerprint of a version and of a story: what changes them, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.extraction import article_of
from crawler.extract.fingerprint import fingerprint, story
from tests.support.examples import examples

TEXT = "　　第一段，成交额100亿元。\n第二段。" + "后面还有很长的一段文字，足够辨认这个故事。" * 4
PICTURES = ["https://n.sinaimg.cn/finance/1/w550h315/20260929/ab12-x.png"]
SAME = fingerprint("标题", TEXT, PICTURES)


@pytest.mark.parametrize(
    ("title", "text", "pictures"),
    [
        (" 标题\n", TEXT, PICTURES),
        ("标题", TEXT.replace("　", ""), PICTURES),
        ("标题", TEXT.replace("\n", " \u00a0\n\n"), PICTURES),
        ("标\u200b题", TEXT.replace("段", "段\ufeff"), PICTURES),
        ("标题", TEXT, ["http://k.sinaimg.cn/n/finance/1/w1100h630/20260929/ab12-x.png?t=9"]),
    ],
)
def test_changes_of_markup_make_no_version(title: str, text: str, pictures: list[str]) -> None:
    assert fingerprint(title, text, pictures) == SAME


@pytest.mark.parametrize(
    ("title", "text", "pictures"),
    [
        ("标题：", TEXT, PICTURES),
        ("标 题", TEXT, PICTURES),
        ("标题", TEXT.replace("100", "101"), PICTURES),
        ("标题", TEXT.replace("，", ",", 1), PICTURES),
        ("标题", "\n".join(reversed(TEXT.split("\n"))), PICTURES),
        ("标题", TEXT, []),
        ("标题", TEXT, [PICTURES[0].replace("ab12", "ab13")]),
        ("标题第", TEXT.replace("第一", "一"), PICTURES),  # nothing slips from one part into the other
    ],
)
def test_each_edit_makes_another_version(title: str, text: str, pictures: list[str]) -> None:
    assert fingerprint(title, text, pictures) != SAME


def test_the_same_story_of_two_publishers_is_one() -> None:
    one = story("贵州茅台：前三季度营收增长", f"新华社北京9月28日电 {TEXT}\n责任编辑：甲")
    other = story("贵州茅台:前三季度营收增长", f"原标题：茅台三季报\n{TEXT.replace('，', ',')}\n来源：样例社")
    assert one == other != ""
    assert story("贵州茅台：前三季度营收下降", TEXT) != one


def test_a_short_text_is_no_story() -> None:
    assert story("停牌公告", "今日停牌。") == ""


# White space

FOLDED = [
    ("A股 上涨", "A股上涨"),
    ("A 股上涨", "A股上涨"),
    ("贵 州 茅 台", "贵州茅台"),
    ("上涨 10 %", "上涨10%"),
    ("上涨　10%", "上涨10%"),
    ("GDP 增长 5%", "GDP增长5%"),
    ("共 3 页", "共3页"),
    ("the\nbank", "the bank"),
    ("the \u00a0\t bank", "the bank"),
    ("the　bank", "the bank"),
    ("the\u2029bank", "the bank"),
    ("(the bank )", "( the bank)"),
    ("第一段。\n 第二段。", "第一段。第二段。"),
    ("カ タ カ ナ", "カタカナ"),
    ("  12  3 ", "12 3"),
    ("一、 央行", "一、央行"),
]
SEPARATE = [
    ("12 3", "1 23"),
    ("12 3", "123"),
    ("1 000", "1000"),
    ("１２　３", "１　２３"),
    ("the rapist", "therapist"),
    ("the\nrapist", "therapist"),
    ("the\u2028rapist", "therapist"),
    ("Q3 2026", "Q32026"),
    ("а б", "аб"),
    ("한국 은행", "한국은행"),
    ("12 -3", "12-3"),
    ("12 .5", "12.5"),
    ("1. 5家", "1.5家"),
    ("3, 500", "3,500"),
    ("5% 3", "5%3"),
    ("1.6%\n65.18", "1.66%\n5.18"),
]


@pytest.mark.parametrize(("one", "other"), FOLDED)
def test_white_space_that_separates_no_words_does_not_count(one: str, other: str) -> None:
    assert fingerprint("题", one, []) == fingerprint("题", other, [])
    assert story("题", TEXT + one) == story("题", TEXT + other)


@pytest.mark.parametrize(("one", "other"), SEPARATE)
def test_white_space_that_separates_words_counts(one: str, other: str) -> None:
    assert fingerprint("题", one, []) != fingerprint("题", other, [])
    assert story("题", TEXT + one) != story("题", TEXT + other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>the bank<br>said</p>", "<p>the bank</p><p>said</p>"),
        ("<p>the bank\r\n  said</p>", "<p>the bank said</p>"),
        ("<p>上涨<br>两成</p>", "<p>上涨两成</p>"),
        ("<p><span>12</span><b>3</b></p>", "<p>123</p>"),
        ("<table><tr><td>12</td>\n<td>3</td></tr></table>", "<table><tr><td>12</td><td> 3</td></tr></table>"),
    ],
)
def test_markup_that_separates_in_the_same_way_is_the_same(one: str, other: str) -> None:
    first, second = (article_of(f'<div id="artibody">{inner}</div>'.encode()) for inner in (one, other))
    assert first.fingerprint == second.fingerprint


WORDS = st.lists(st.text("ab12", min_size=1, max_size=3), min_size=1, max_size=6)
SPACES = st.sampled_from([" ", "\n", "\u3000", "\u00a0", " \n "])


@settings(max_examples=examples(300), deadline=None)
@given(one=WORDS, other=WORDS, space=SPACES, chinese=st.text("上海市，。", max_size=6))
def test_texts_are_the_same_if_their_words_are(one: list[str], other: list[str], space: str, chinese: str) -> None:
    first = fingerprint("题", f"{chinese}{' '.join(one)}{chinese}", [])
    assert (first == fingerprint("题", space.join([*chinese, *([space.join(other)]), *chinese]), [])) == (
        one == other
    )
