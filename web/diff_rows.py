"""How one text became another, as two columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from archive.diff.text import DiffPart, DiffPiece

# Lines of what stayed that are shown before and after a change; of articles, a line is a paragraph.
AROUND = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A line of both texts."""

    old: tuple[DiffPiece, ...] | None  # the same and the removed; None: the new text has the line alone
    new: tuple[DiffPiece, ...] | None  # the same and the added; None: the old text has it alone
    stayed: int = 0  # lines that are left out here, for being the same and far from any change

    @property
    def changed(self) -> bool:
        """Whether the line is another."""
        return self.old != self.new


def rows(pieces: Sequence[DiffPiece]) -> list[Row]:
    """The lines of two texts, those side by side that were edited into each other.

    :param pieces: as of :func:`archive.diff.text.compare`
    """
    return list(_folded(list(_paired(pieces))))


@dataclass(slots=True)
class _Side:
    """Lines that wait for those on the other side."""

    lines: list[tuple[DiffPiece, ...]] = field(default_factory=list)
    line: list[DiffPiece] = field(default_factory=list)  # that has not ended

    def add(self, part: DiffPart, text: str) -> None:
        first, *others = text.split("\n")
        self._append(part, first)
        for other in others:
            self.lines.append(tuple(self.line))
            self.line = []
            self._append(part, other)

    def take(self) -> list[tuple[DiffPiece, ...]]:
        taken, self.lines = self.lines, []
        return taken

    def _append(self, part: DiffPart, text: str) -> None:
        if text:
            self.line.append(DiffPiece(part, text))


def _paired(pieces: Iterable[DiffPiece]) -> Iterator[Row]:
    left, right = _Side(), _Side()
    for piece in pieces:
        if piece.part is DiffPart.REMOVED:
            left.add(piece.part, piece.text)
        elif piece.part is DiffPart.ADDED:
            right.add(piece.part, piece.text)
        else:
            yield from _shared(piece.text, left, right)
    for side in (left, right):
        if side.line:
            side.add(DiffPart.SAME, "\n")
    yield from _side_by_side(left, right)


def _shared(text: str, left: _Side, right: _Side) -> Iterator[Row]:
    """What both have: where it ends a line, it ends it on both sides."""
    if not left.line and not right.line:  # whole lines went or came before it
        yield from _side_by_side(left, right)
    for place, line in enumerate(text.split("\n")):
        for side in (left, right) if place else ():
            side.add(DiffPart.SAME, "\n")
        if place:
            yield from _side_by_side(left, right)
        for side in (left, right):
            side.add(DiffPart.SAME, line)


def _side_by_side(left: _Side, right: _Side) -> Iterator[Row]:
    for old, new in zip_longest(left.take(), right.take()):
        yield Row(old, new)


def _folded(found: Sequence[Row]) -> Iterator[Row]:
    near = {
        place + distance for place, row in enumerate(found) if row.changed for distance in range(-AROUND, AROUND + 1)
    }
    stayed = 0
    for place, row in enumerate(found):
        if place not in near:
            stayed += 1
            continue
        if stayed:
            yield Row(None, None, stayed)
            stayed = 0
        yield row
    if stayed:
        yield Row(None, None, stayed)
