"""Two versions side by side: each column is its text, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from archive.diff.text import DiffPart, DiffPiece, compare
from web.rendering.diff_rows import Row, _paired, rows

texts = st.lists(st.text("茅台降准一二三，。4.8%ab", max_size=12), max_size=12).map("\n".join)


def column(found: Sequence[Row], side: str) -> list[str]:
    lines = (getattr(row, side) for row in found)
    return ["".join(piece.text for piece in line) for line in lines if line is not None]


def lines(text: str) -> list[str]:
    """A final line feed ends the last line and does not begin another."""
    return text.removesuffix("\n").split("\n") if text else []


@given(texts, texts)
def test_each_column_has_the_lines_of_its_text(old: str, new: str) -> None:
    found = list(_paired(compare(old, new)))

    assert column(found, "old") == lines(old)
    assert column(found, "new") == lines(new)
    for row in found:
        assert DiffPart.ADDED not in {piece.part for piece in row.old or ()}
        assert DiffPart.REMOVED not in {piece.part for piece in row.new or ()}


@given(texts, texts)
def test_what_is_left_out_stayed_and_is_counted(old: str, new: str) -> None:
    whole, found = list(_paired(compare(old, new))), rows(compare(old, new))

    assert [row for row in found if row.changed] == [row for row in whole if row.changed]
    assert sum(row.stayed or 1 for row in found) == len(whole)


def test_an_edited_line_is_beside_its_new_form() -> None:
    found = rows(compare("一\n二三四五六\n七\n八\n九\n", "一\n二三肆五六\n七\n八\n九\n"))

    assert found == [
        Row((DiffPiece(DiffPart.SAME, "一"),), (DiffPiece(DiffPart.SAME, "一"),)),
        Row(
            (DiffPiece(DiffPart.SAME, "二三"), DiffPiece(DiffPart.REMOVED, "四"), DiffPiece(DiffPart.SAME, "五六")),
            (DiffPiece(DiffPart.SAME, "二三"), DiffPiece(DiffPart.ADDED, "肆"), DiffPiece(DiffPart.SAME, "五六")),
        ),
        Row((DiffPiece(DiffPart.SAME, "七"),), (DiffPiece(DiffPart.SAME, "七"),)),
        Row(None, None, 2),
    ]


def test_a_removed_line_has_nothing_beside_it() -> None:
    found = rows(compare("一\n二\n三", "一\n三"))

    assert [(row.old is None, row.new is None) for row in found] == [(False, False), (False, True), (False, False)]
