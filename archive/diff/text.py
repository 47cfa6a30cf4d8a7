"""Text diff: by characters for Chinese, by words and numbers otherwise. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from rapidfuzz.distance import Indel, Levenshtein

# A token, the unit of comparison, is one of: a number with its decimal point and per cent sign; a word of a script
# with spaces (Latin, Greek, Cyrillic) or a stock symbol; white space; any other character with its combining marks.
_LETTER = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff\uff21-\uff3a\uff41-\uff5a"
_TOKEN = re.compile(
    rf"\d++(?:[.,]\d++)*+[%\uff05\u2030]?+(?![{_LETTER}])|[{_LETTER}\d]++(?:['\u2019-][{_LETTER}\d]++)*+"
    r"|\n|[^\S\n]++|.[\u0300-\u036f\ufe00-\ufe0f]*+",
    re.DOTALL,
)
# Lines with a similarity (2 * common characters / all characters) below this are different lines, not one edited
# line. Unrelated Chinese sentences have a similarity of 0.25 by chance.
MIN_SIMILARITY = 0.4
# Limit of line pairs that are scored to match edited lines: about a third of a second. A text has some dozens of
# lines. Above the limit, changed lines count as replaced.
MAX_LINE_PAIRS = 250_000


class DiffPart(StrEnum):
    """The kind of a piece of a diff."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    SKIPPED = "skipped"  # unchanged and left out, because it is far from any change


class DiffPiece(Struct, frozen=True):
    """A span of text and its kind."""

    part: DiffPart
    text: str


def compare(old: str, new: str) -> list[DiffPiece]:
    """Return the diff of two texts: unchanged, removed and added pieces in reading order.

    Lines are matched first, then tokens within edited lines. The time grows at most with the product of the lengths,
    in compiled code that handles 64 characters at once: two unrelated texts of 200 KB take some seconds
    in the worst case.

    :return: the same and removed pieces form ``old``, the same and added pieces form ``new``; neighbours differ in
        kind; a removed piece precedes the added piece that replaces it
    """
    return list(_merged(_diff_lines(_lines(old), _lines(new))))


def fold_unchanged(pieces: Sequence[DiffPiece], context: int) -> list[DiffPiece]:
    """Replace unchanged text far from any change by ``SKIPPED`` pieces.

    :param context: characters of unchanged text to keep before and after each change
    """
    folded: list[DiffPiece] = []
    for index, piece in enumerate(pieces):
        before = context if index else 0
        after = context if index + 1 < len(pieces) else 0
        skipped = piece.text[before : len(piece.text) - after]
        # Text as short as the context stays: a mark in its place would be no shorter.
        if piece.part is not DiffPart.SAME or len(skipped) <= context:
            folded.append(piece)
            continue
        if before:
            folded.append(DiffPiece(DiffPart.SAME, piece.text[:before]))
        folded.append(DiffPiece(DiffPart.SKIPPED, skipped))
        if after:
            folded.append(DiffPiece(DiffPart.SAME, piece.text[-after:]))
    return folded


def _lines(text: str) -> list[str]:
    """Split a text into lines; each includes its line feed."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _diff_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    for block in _blocks(old, new):
        old_lines, new_lines = old[block.old : block.old_end], new[block.new : block.new_end]
        if block.same:
            yield DiffPiece(DiffPart.SAME, "".join(old_lines))
            continue
        old_start, new_start = 0, 0
        for old_index, new_index in _edited_lines(old_lines, new_lines):
            yield from _replaced(old_lines[old_start:old_index], new_lines[new_start:new_index])
            yield from _diff_tokens(_TOKEN.findall(old_lines[old_index]), _TOKEN.findall(new_lines[new_index]))
            old_start, new_start = old_index + 1, new_index + 1
        yield from _replaced(old_lines[old_start:], new_lines[new_start:])


def _diff_tokens(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    for block in _without_chance_matches(_blocks(old, new)):
        old_tokens, new_tokens = old[block.old : block.old_end], new[block.new : block.new_end]
        if block.same:
            yield DiffPiece(DiffPart.SAME, "".join(old_tokens))
        else:
            yield from _replaced(old_tokens, new_tokens)


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPiece]:
    if old:
        yield DiffPiece(DiffPart.REMOVED, "".join(old))
    if new:
        yield DiffPiece(DiffPart.ADDED, "".join(new))


class _Block(NamedTuple):
    """Aligned slices of two sequences, as start and end in each."""

    same: bool
    old: int
    old_end: int
    new: int
    new_end: int

    @property
    def size(self) -> int:
        return max(self.old_end - self.old, self.new_end - self.new)


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[_Block]:
    """Align two sequences with the fewest edits: blocks that are the same and blocks that differ, alternating."""
    numbers: dict[str, int] = {}
    old_numbers, new_numbers = (
        [numbers.setdefault(each, len(numbers)) for each in sequence] for sequence in (old, new)
    )
    old_start, new_start = 0, 0
    for op in Levenshtein.opcodes(old_numbers, new_numbers):
        if op.tag != "equal":
            continue
        if (old_start, new_start) != (op.src_start, op.dest_start):
            yield _Block(False, old_start, op.src_start, new_start, op.dest_start)
        yield _Block(True, op.src_start, op.src_end, op.dest_start, op.dest_end)
        old_start, new_start = op.src_end, op.dest_end
    if (old_start, new_start) != (len(old), len(new)):
        yield _Block(False, old_start, len(old), new_start, len(new))


def _without_chance_matches(blocks: Iterable[_Block]) -> list[_Block]:
    """Merge two changes and the match between them if the match is shorter than both: it is chance (D60)."""
    merged: list[_Block] = []
    for block in blocks:
        merged.append(block)
        while len(merged) >= 3 and not merged[-1].same and merged[-2].size < min(merged[-3].size, merged[-1].size):
            first, _, last = merged[-3:]
            merged[-3:] = [_Block(False, first.old, last.old_end, first.new, last.new_end)]
    return merged


def _edited_lines(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Match each edited line with its new form, so that the total similarity is highest.

    :return: pairs of indexes into ``old`` and ``new``, both ascending
    """
    if not old or not new or len(old) * len(new) > MAX_LINE_PAIRS:
        return []
    similarity = [
        [Indel.normalized_similarity(one, other, score_cutoff=MIN_SIMILARITY) for other in new] for one in old
    ]
    # best[i][j]: the highest total for old[i:] and new[j:].
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        row, below, scores = best[i], best[i + 1], similarity[i]
        for j in reversed(range(len(new))):
            row[j] = max(below[j], row[j + 1], scores[j] + below[j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _merged(pieces: Iterable[DiffPiece]) -> Iterator[DiffPiece]:
    """Join neighbours of one kind, and put removed text before added text."""
    changed = {DiffPart.REMOVED: "", DiffPart.ADDED: ""}
    same = ""
    for piece in pieces:
        if piece.part is DiffPart.SAME:
            yield from (DiffPiece(part, text) for part, text in changed.items() if text)
            changed = dict.fromkeys(changed, "")
            same += piece.text
            continue
        if same:
            yield DiffPiece(DiffPart.SAME, same)
            same = ""
        changed[piece.part] += piece.text
    yield from (DiffPiece(part, text) for part, text in changed.items() if text)
    if same:
        yield DiffPiece(DiffPart.SAME, same)
