"""Text diffs: nothing is lost, numbers are not split, and unusual texts take seconds at most."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.diff.text import DiffPart, DiffPiece, compare, fold_unchanged
from tests.support.examples import examples

MARKS = {DiffPart.SAME: "{}", DiffPart.REMOVED: "[-{}-]", DiffPart.ADDED: "{{+{}+}}", DiffPart.SKIPPED: "<{}>"}


def marked(pieces: list[DiffPiece]) -> str:
    return "".join(MARKS[piece.part].format(piece.text) for piece in pieces)


def before(pieces: list[DiffPiece]) -> str:
    return "".join(piece.text for piece in pieces if piece.part is not DiffPart.ADDED)


def after(pieces: list[DiffPiece]) -> str:
    return "".join(piece.text for piece in pieces if piece.part is not DiffPart.REMOVED)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("增长4.8%，其中", "增长4.9%，其中", "增长[-4.8%-]{+4.9%+}，其中"),
        ("消费增长4.8%和5.1%。", "消费增长4.9%和5.2%。", "消费增长[-4.8%-]{+4.9%+}和[-5.1%-]{+5.2%+}。"),
        ("收于1,699.00元", "收于1,705.50元", "收于[-1,699.00-]{+1,705.50+}元"),
        ("代码sh600519。", "代码sh600518。", "代码[-sh600519-]{+sh600518+}。"),
        ("A股收涨", "A股收跌", "A股收[-涨-]{+跌+}"),
        ("the Fed's rate", "the ECB's rate", "the [-Fed's-]{+ECB's+} rate"),
        ("市场预期改善。", "市场的预期明显改善。", "市场{+的+}预期{+明显+}改善。"),
        ("央行降息。", "央行不降息。", "央行{+不+}降息。"),
        ("", "新", "{+新+}"),
        ("旧", "", "[-旧-]"),
        ("", "", ""),
        ("同", "同", "同"),
    ],
)
def test_what_changed_is_reported_by_characters_and_by_whole_numbers_and_words(
    old: str, new: str, expected: str
) -> None:
    assert marked(compare(old, new)) == expected


def test_a_paragraph_is_compared_with_the_one_it_was_edited_from() -> None:
    old = "第一段讲的是甲公司的营业收入。\n第二段讲的是乙公司的净利润。\n最后一段。"
    new = "新的导语与别的毫无关系！\n第一段讲的是甲公司的总收入。\n第二段讲的是乙公司的净亏损。\n最后一段。"
    assert marked(compare(old, new)) == (
        "{+新的导语与别的毫无关系！\n+}第一段讲的是甲公司的[-营业-]{+总+}收入。\n"
        "第二段讲的是乙公司的净[-利润-]{+亏损+}。\n最后一段。"
    )


def test_a_rewritten_paragraph_is_replaced_whole() -> None:
    """The characters that it shares with the old one by chance tell nothing."""
    old, new = "央行今日开展逆回购操作。\n同", "受台风影响，港股今日休市一天。\n同"
    assert marked(compare(old, new)) == "[-央行今日开展逆回购操作。\n-]{+受台风影响，港股今日休市一天。\n+}同"


def test_what_two_changes_share_by_chance_is_not_kept() -> None:
    expected = marked(compare("公司预计全年亏损约三亿元的消息属实。", "公司预计全年实现盈利的传闻不是真的。"))
    assert "的" not in expected.replace("-]{+", "").split("[-")[0]
    assert expected.count("[-") == 1


LINES = st.lists(st.sampled_from(["甲乙丙丁。", "甲乙丙戊。", "4.8%", "4.9%", "a b", "", "一二三四五六"]), max_size=8)
TEXTS = LINES.map("\n".join) | st.text(max_size=30) | st.text("一二4.%a \n", max_size=30)


@settings(max_examples=examples(300), deadline=None)
@given(old=TEXTS, new=TEXTS)
def test_both_texts_can_be_read_from_the_result(old: str, new: str) -> None:
    pieces = compare(old, new)
    assert (before(pieces), after(pieces)) == (old, new)
    assert all(piece.text for piece in pieces)
    allowed = {(DiffPart.SAME, DiffPart.REMOVED), (DiffPart.SAME, DiffPart.ADDED), (DiffPart.REMOVED, DiffPart.ADDED),
               (DiffPart.REMOVED, DiffPart.SAME), (DiffPart.ADDED, DiffPart.SAME)}  # fmt: skip
    assert {(one.part, other.part) for one, other in pairwise(pieces)} <= allowed
    if old == new:
        assert [piece.part for piece in pieces] == [DiffPart.SAME] * bool(old)
    assert before(fold_unchanged(pieces, 3)) == old, "folding only names what it leaves out"


def test_long_unchanged_parts_are_folded_around_the_changes() -> None:
    same = "".join(f"第{n}句。" for n in range(40))
    pieces = compare(f"{same}涨{same}", f"{same}跌{same}")
    shown = fold_unchanged(pieces, 8)
    assert [piece.part for piece in shown] == [
        DiffPart.SKIPPED, DiffPart.SAME, DiffPart.REMOVED, DiffPart.ADDED, DiffPart.SAME, DiffPart.SKIPPED,
    ]  # fmt: skip
    assert (shown[1].text, shown[4].text) == (same[-8:], same[:8])
    assert fold_unchanged(compare("一二三四五", "一二三四六"), 2) == compare("一二三四五", "一二三四六"), (
        "a mark is no shorter"
    )


COMMON = [chr(0x4E00 + n) for n in range(3000)]
SHAPES = {
    "one line": lambda dice: "".join(dice.choices(COMMON, k=66_000)),
    "paragraphs": lambda dice: "\n".join("".join(dice.choices(COMMON, k=200)) for _ in range(330)),
    "alike paragraphs": lambda dice: "\n".join("".join(dice.choices(COMMON[:40], k=130)) for _ in range(500)),
    "two characters": lambda dice: "".join(dice.choices("一二", k=66_000)),
    "tiny lines": lambda dice: "\n".join(dice.choices("abcd", k=100_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_two_texts_of_200_kb_that_differ_entirely_take_seconds(shape: str) -> None:
    old, new = (SHAPES[shape](random.Random(seed)) for seed in (1, 2))
    assert len(old.encode()) > 190_000
    began = time.process_time()
    pieces = compare(old, new)
    # Two or three seconds of the processor; what grows with the square in Python, or the cube, takes hours.
    assert time.process_time() - began < 60
    assert (before(pieces), after(pieces)) == (old, new)
