"""The fingerprint of a version and of a story: what changes them, and what does not."""

from __future__ import annotations

import pytest

from crawler.extract.fingerprint import fingerprint, story

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
