"""How well a text answers what is asked for, and the line of it that shows so. Pure."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

from archive.model.results import Mark
from archive.query.parser import Term
from archive.query.tokenizer import pattern, plain

# BM25's own usual values.
_SATURATION, _LENGTH = 1.2, 0.75
# A word of the title counts as so many of the text: more often than that a word stands in few texts.
_TITLE = 8
WIDTH = 80  # characters of a snippet: two lines of a terminal, for each is two columns wide
_BEFORE = 20  # of them before the first word that is shown
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """Something to look for, and how much it says that it was found."""

    pattern: re.Pattern[str]
    weight: float  # the rarer the more


@dataclass(frozen=True, slots=True)
class TermMatches:
    """Where the terms stand in a version."""

    title: str
    text: str
    in_title: tuple[tuple[Mark, ...], ...]  # of each term
    in_text: tuple[tuple[Mark, ...], ...]


def term(asked: Term, having: int, of: int) -> WeightedTerm:
    """What is to be looked for.

    :param having: articles of a sample that have it
    :param of: articles of the sample
    """
    prefix = asked.phrase.endswith("*")
    weight = math.log(1 + (of - having + 0.5) / (having + 0.5))
    return WeightedTerm(pattern(asked.text, prefix=prefix), weight)


def stands(title: str, text: str, sought: Sequence[re.Pattern[str]]) -> bool:
    """Whether everything stands in a version's title or its text: what :func:`look` finds, without where."""
    written = title, text
    missing = [each for each in sought if not any(each.search(part.lower()) for part in written)]
    plainer = tuple(map(plain, written)) if missing else written
    return not missing or (
        plainer != written and all(any(each.search(part.lower()) for part in plainer) for each in missing)
    )


def find_matches(title: str, text: str, terms: Sequence[WeightedTerm]) -> TermMatches:
    """Find the terms in a version."""
    seen = TermMatches(title, text, _marks(title, terms), _marks(text, terms))
    if all(map(add, seen.in_title, seen.in_text)):
        return seen
    plainer = plain(title), plain(text)  # a term stands in neither, as they are written
    if plainer == (title, text):
        return seen
    return TermMatches(*plainer, *(_marks(each, terms) for each in plainer))


def score(seen: TermMatches, terms: Sequence[WeightedTerm], usual: float) -> float:
    """BM25 of a version, its title weighted: the more the better.

    :param usual: the mean length of the texts that it is compared with, characters
    """
    spread = _SATURATION * (1 - _LENGTH + _LENGTH * len(seen.text) / max(usual, 1.0))
    total = 0.0
    for each, title, text in zip(terms, seen.in_title, seen.in_text, strict=True):
        often = len(text) + _TITLE * len(title)
        total += each.weight * often * (_SATURATION + 1) / (often + spread)
    return total


def excerpt(seen: TermMatches) -> tuple[str, tuple[Mark, ...]]:
    """The line of a text in which most of the terms stand, the first of these, and where they stand in it."""
    marks = sorted((mark, number) for number, found in enumerate(seen.in_text) for mark in found)
    starts = [mark[0] for mark, _ in marks]
    best, most = 0, 0
    for first, start in enumerate(starts):
        shown = {number for _, number in marks[first : bisect_left(starts, start + WIDTH - _BEFORE)]}
        if len(shown) > most:
            best, most = start, len(shown)
    begin = max(best - _BEFORE, 0)
    end = min(begin + WIDTH, len(seen.text))
    before, after = "…" if begin else "", "…" if end < len(seen.text) else ""
    # White space becomes one space each: what stands where must not move.
    line = before + _SPACE.sub(lambda found: " " * len(found[0]), seen.text[begin:end]) + after
    moved = len(before) - begin
    inside = [mark for mark, _ in marks if begin <= mark[0] < end]
    return line, merged([(start + moved, min(stop, end) + moved) for start, stop in inside])


def merged(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Marks without overlap, in their order."""
    found: list[Mark] = []
    for start, end in sorted(marks):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def _marks(text: str, terms: Sequence[WeightedTerm]) -> tuple[tuple[Mark, ...], ...]:
    small = text.lower()
    if len(small) != len(text):  # the Turkish İ is two small letters: nothing must move
        small = text
    return tuple(tuple(found.span() for found in each.pattern.finditer(small)) for each in terms)
