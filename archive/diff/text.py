"""How one text became another, by characters where its script has no spaces. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rapidfuzz.distance import Indel, Levenshtein

# What is compared as one: a number with its point and per cent sign; a word of letters that others separate by spaces
# (Latin, Greek, Cyrillic), or a stock's symbol; white space; else each character, with the marks that stand on it.
_LETTER = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff\uff21-\uff3a\uff41-\uff5a"
_TOKEN = re.compile(
    rf"\d++(?:[.,]\d++)*+[%\uff05\u2030]?+(?![{_LETTER}])|[{_LETTER}\d]++(?:['\u2019-][{_LETTER}\d]++)*+"
    r"|\n|[^\S\n]++|.[\u0300-\u036f\ufe00-\ufe0f]*+",
    re.DOTALL,
)
# Two lines of which less is alike (2 * common characters / all) are two lines, and not one that was edited: of
# unrelated Chinese sentences a quarter is alike by chance.
LIKE = 0.4
# Pairs of changed lines that are looked at to find which was edited into which, about a third of a second. A text has
# some dozens of lines; beyond, changed lines count as replaced.
MAX_PAIRS = 250_000


class DiffPart(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    SKIPPED = "skipped"  # the same, and left out for being far from any change


@dataclass(frozen=True, slots=True)
class DiffPiece:
    """A stretch of text, and what became of it."""

    part: DiffPart
    text: str


def compare(old: str, new: str) -> list[DiffPiece]:
    """What stayed, went and came, in reading order.

    Lines are matched first, then what is in lines that were edited. The time it takes grows with the product of the
    lengths and no faster, in compiled code on 64 characters at once: two texts of 200 KB that have nothing in common
    take some seconds at worst.

    :return: the same and the removed ones make ``old``, the same and the added ones ``new``; no two neighbours are
        of one kind, and what is removed stands before what is added in its place
    """
    return list(_joined(_of_lines(_lines(old), _lines(new))))


def folded(pieces: Sequence[DiffPiece], around: int) -> list[DiffPiece]:
    """The same, with only so many characters of what stayed before and after each change."""
    found: list[DiffPiece] = []
    for place, piece in enumerate(pieces):
        before = around if place else 0
        after = around if place + 1 < len(pieces) else 0
        skipped = piece.text[before : len(piece.text) - after]
        if piece.part is not DiffPart.SAME or len(skipped) <= around:  # a mark is no shorter
            found.append(piece)
            continue
        if before:
            found.append(DiffPiece(DiffPart.SAME, piece.text[:before]))
        found.append(DiffPiece(DiffPart.SKIPPED, skipped))
        if after:
            found.append(DiffPiece(DiffPart.SAME, piece.text[-after:]))
    return found


def _lines(text: str) -> list[str]:
    """Each with the line feed that ends it."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _of_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    for block in _blocks(old, new):
        left, right = old[block.old : block.old_end], new[block.new : block.new_end]
        if block.same:
            yield DiffPiece(DiffPart.SAME, "".join(left))
            continue
        done, made = 0, 0
        for one, other in _edited(left, right):
            yield from _replaced(left[done:one], right[made:other])
            yield from _of_tokens(_TOKEN.findall(left[one]), _TOKEN.findall(right[other]))
            done, made = one + 1, other + 1
        yield from _replaced(left[done:], right[made:])


def _of_tokens(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    for block in _readable(_blocks(old, new)):
        left, right = old[block.old : block.old_end], new[block.new : block.new_end]
        yield from [DiffPiece(DiffPart.SAME, "".join(left))] if block.same else _replaced(left, right)


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    if old:
        yield DiffPiece(DiffPart.REMOVED, "".join(old))
    if new:
        yield DiffPiece(DiffPart.ADDED, "".join(new))


class _Block(NamedTuple):
    """A stretch of two sequences: where it begins and ends in each."""

    same: bool
    old: int
    old_end: int
    new: int
    new_end: int

    @property
    def size(self) -> int:
        return max(self.old_end - self.old, self.new_end - self.new)


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[_Block]:
    """Two sequences, cut into what they share and what they do not, by turns, with as little change as can be."""
    numbers: dict[str, int] = {}
    left, right = ([numbers.setdefault(each, len(numbers)) for each in sequence] for sequence in (old, new))
    done, made = 0, 0
    for op in Levenshtein.opcodes(left, right):
        if op.tag != "equal":
            continue
        if (done, made) != (op.src_start, op.dest_start):
            yield _Block(False, done, op.src_start, made, op.dest_start)
        yield _Block(True, op.src_start, op.src_end, op.dest_start, op.dest_end)
        done, made = op.src_end, op.dest_end
    if (done, made) != (len(old), len(new)):
        yield _Block(False, done, len(old), made, len(new))


def _readable(blocks: Iterable[_Block]) -> list[_Block]:
    """The same, with what two changes share by chance counted as changed: it is shorter than either of them (D60)."""
    kept: list[_Block] = []
    for block in blocks:
        kept.append(block)
        while len(kept) >= 3 and not kept[-1].same and kept[-2].size < min(kept[-3].size, kept[-1].size):
            first, _, last = kept[-3:]
            kept[-3:] = [_Block(False, first.old, last.old_end, first.new, last.new_end)]
    return kept


def _edited(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Which lines were edited into which: the places of both, ascending, so that as much as can be is alike."""
    if not old or not new or len(old) * len(new) > MAX_PAIRS:
        return []
    alike = [[Indel.normalized_similarity(one, other, score_cutoff=LIKE) for other in new] for one in old]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]  # from a place in both to their ends
    for one in reversed(range(len(old))):
        row, below, likeness = best[one], best[one + 1], alike[one]
        for other in reversed(range(len(new))):
            row[other] = max(below[other], row[other + 1], likeness[other] + below[other + 1])
    pairs: list[tuple[int, int]] = []
    one = other = 0
    while one < len(old) and other < len(new):
        if best[one][other] == best[one + 1][other]:
            one += 1
        elif best[one][other] == best[one][other + 1]:
            other += 1
        else:
            pairs.append((one, other))
            one, other = one + 1, other + 1
    return pairs


def _joined(pieces: Iterable[DiffPiece]) -> Iterator[DiffPiece]:
    """The same, with neighbours of one kind made one, and removed before added."""
    waiting = {DiffPart.REMOVED: "", DiffPart.ADDED: ""}
    same = ""
    for piece in pieces:
        if piece.part is DiffPart.SAME:
            yield from (DiffPiece(part, text) for part, text in waiting.items() if text)
            waiting = dict.fromkeys(waiting, "")
            same += piece.text
            continue
        if same:
            yield DiffPiece(DiffPart.SAME, same)
            same = ""
        waiting[piece.part] += piece.text
    yield from (DiffPiece(part, text) for part, text in waiting.items() if text)
    if same:
        yield DiffPiece(DiffPart.SAME, same)
