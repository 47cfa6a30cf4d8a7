"""Ranking of search results by BM25, the places of the terms, and snippets. Pure."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from operator import add

from msgspec import Struct

from archive.model.results import Mark
from archive.query.nodes import Term
from archive.query.tokenizer import pattern, plain

# The usual values of BM25's k1 and b.
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
# A match in the title counts as this many in the text. Few texts contain a word more often.
_TITLE_WEIGHT = 8
# Length of a snippet: two lines of a terminal, because each Chinese character is two columns wide.
SNIPPET_CHARACTERS = 80
_CHARACTERS_BEFORE = 20  # of a snippet, before its first match
_SPACE = re.compile(r"\s+")


class WeightedTerm(Struct, frozen=True):
    """A search term with its weight."""

    pattern: re.Pattern[str]  # for texts in lower case
    weight: float  # inverse document frequency: higher for rarer terms


class TermMatches(Struct, frozen=True):
    """The places of all terms in a revision."""

    title: str  # as the marks count its characters: as written, or normalized
    text: str
    in_title: tuple[tuple[Mark, ...], ...]  # for each term, in the order of the terms
    in_text: tuple[tuple[Mark, ...], ...]  # likewise


def weighted_term(term: Term, having: int, of: int) -> WeightedTerm:
    """Return a term with its inverse document frequency.

    :param having: number of articles in a sample that contain it
    :param of: number of articles in the sample
    """
    prefix = term.phrase.endswith("*")
    weight = math.log(1 + (of - having + 0.5) / (having + 0.5))
    return WeightedTerm(pattern(term.text, prefix=prefix, exact=term.exact), weight)


def contains_all(title: str, text: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    """Return True if each pattern matches a revision's title or text: as :func:`find_matches`, without the places."""
    written = title, text
    missing = [each for each in patterns if not any(each.search(part.lower()) for part in written)]
    plainer = tuple(map(plain, written)) if missing else written
    return not missing or (
        plainer != written and all(any(each.search(part.lower()) for part in plainer) for each in missing)
    )


def find_matches(title: str, text: str, terms: Sequence[WeightedTerm]) -> TermMatches:
    """Find all places of the terms in a revision.

    If a term matches neither title nor text as written, all are searched in the normalized form.
    """
    matches = TermMatches(title, text, _marks(title, terms), _marks(text, terms))
    if all(map(add, matches.in_title, matches.in_text)):
        return matches
    plainer = plain(title), plain(text)
    if plainer == (title, text):
        return matches
    return TermMatches(*plainer, *(_marks(each, terms) for each in plainer))


def score(matches: TermMatches, terms: Sequence[WeightedTerm], mean_length: float) -> float:
    """The BM25 score of a revision, higher is better. Matches in the title have more weight.

    :param mean_length: of the texts that it is compared with, in characters
    """
    length_factor = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * len(matches.text) / max(mean_length, 1.0))
    total = 0.0
    for each, title, text in zip(terms, matches.in_title, matches.in_text, strict=True):
        frequency = len(text) + _TITLE_WEIGHT * len(title)
        total += each.weight * frequency * (_SATURATION + 1) / (frequency + length_factor)
    return total


def make_snippet(matches: TermMatches) -> tuple[str, tuple[Mark, ...]]:
    """Return the first excerpt of a text that contains the most terms, on one line, and the marks in it."""
    marks = sorted((mark, number) for number, places in enumerate(matches.in_text) for mark in places)
    starts = [mark[0] for mark, _ in marks]
    best, best_count = 0, 0
    for first, start in enumerate(starts):
        last = bisect_left(starts, start + SNIPPET_CHARACTERS - _CHARACTERS_BEFORE)
        shown = {number for _, number in marks[first:last]}
        if len(shown) > best_count:
            best, best_count = start, len(shown)
    begin = max(best - _CHARACTERS_BEFORE, 0)
    end = min(begin + SNIPPET_CHARACTERS, len(matches.text))
    before, after = "…" if begin else "", "…" if end < len(matches.text) else ""
    # Each white-space character becomes one space, so that the places do not move.
    line = before + _SPACE.sub(lambda match: " " * len(match[0]), matches.text[begin:end]) + after
    shift = len(before) - begin
    inside = [mark for mark, _ in marks if begin <= mark[0] < end]
    return line, merge_marks([(start + shift, min(stop, end) + shift) for start, stop in inside])


def merge_marks(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Return marks in order, with overlapping and adjacent ones joined."""
    merged: list[Mark] = []
    for start, end in sorted(marks):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _marks(text: str, terms: Sequence[WeightedTerm]) -> tuple[tuple[Mark, ...], ...]:
    lower = text.lower()
    if len(lower) != len(text):  # the Turkish İ becomes two characters: the places must not move
        lower = text
    return tuple(tuple(match.span() for match in each.pattern.finditer(lower)) for each in terms)
