"""Arranges a text diff in two columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from msgspec import Struct, field

from archive.diff.text import DiffPart, DiffPiece

# Unchanged lines to show before and after a change. A line of an article is a paragraph.
CONTEXT_LINES = 1


class Row(Struct, frozen=True):
    """A line of both texts."""

    old: tuple[DiffPiece, ...] | None  # same and removed pieces; None: only the new text has the line
    new: tuple[DiffPiece, ...] | None  # same and added pieces; None: only the old text has the line
    stayed: int = 0  # in place of a line: the number of unchanged lines left out here

    @property
    def changed(self) -> bool:
        """Whether the two texts differ in this line."""
        return self.old != self.new


def rows(pieces: Sequence[DiffPiece]) -> list[Row]:
    """Return the lines of two texts as rows, with each edited line beside its new form.

    :param pieces: the result of :func:`archive.diff.text.compare`
    """
    return list(_folded(list(_paired(pieces))))


class _Column(Struct):
    """Lines of one text that are not in a row yet."""

    lines: list[tuple[DiffPiece, ...]] = field(default_factory=list)
    line: list[DiffPiece] = field(default_factory=list)  # the last line, which has not ended

    def add(self, part: DiffPart, text: str) -> None:
        first, *others = text.split("\n")
        self._append(part, first)
        for other in others:
            self.lines.append(tuple(self.line))
            self.line = []
            self._append(part, other)

    def take(self) -> list[tuple[DiffPiece, ...]]:
        lines = self.lines
        self.lines = []
        return lines

    def _append(self, part: DiffPart, text: str) -> None:
        if text:
            self.line.append(DiffPiece(part, text))


def _paired(pieces: Iterable[DiffPiece]) -> Iterator[Row]:
    left, right = _Column(), _Column()
    for piece in pieces:
        if piece.part is DiffPart.REMOVED:
            left.add(piece.part, piece.text)
        elif piece.part is DiffPart.ADDED:
            right.add(piece.part, piece.text)
        else:
            yield from _unchanged(piece.text, left, right)
    for column in (left, right):
        if column.line:
            column.add(DiffPart.SAME, "\n")
    yield from _side_by_side(left, right)


def _unchanged(text: str, left: _Column, right: _Column) -> Iterator[Row]:
    """Add unchanged text to both columns; a line that ends in it ends in both."""
    if not left.line and not right.line:  # whole lines were removed or added before it
        yield from _side_by_side(left, right)
    for index, line in enumerate(text.split("\n")):
        if index:
            for column in (left, right):
                column.add(DiffPart.SAME, "\n")
            yield from _side_by_side(left, right)
        for column in (left, right):
            column.add(DiffPart.SAME, line)


def _side_by_side(left: _Column, right: _Column) -> Iterator[Row]:
    for old, new in zip_longest(left.take(), right.take()):
        yield Row(old, new)


def _folded(lines: Sequence[Row]) -> Iterator[Row]:
    near_changes = {
        index + distance
        for index, row in enumerate(lines)
        if row.changed
        for distance in range(-CONTEXT_LINES, CONTEXT_LINES + 1)
    }
    stayed = 0
    for index, row in enumerate(lines):
        if index not in near_changes:
            stayed += 1
            continue
        if stayed:
            yield Row(None, None, stayed)
            stayed = 0
        yield row
    if stayed:
        yield Row(None, None, stayed)
