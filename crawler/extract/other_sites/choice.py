"""Which of two extractions of a page is its article, and the summary above it. Pure.

The densest element has all of an article, and with it what stands between its paragraphs. Trafilatura finds less of
that, but may miss a part of an article that is in several elements. See D193.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from selectolax.lexbor import LexborNode

from crawler.extract.other_sites.article_lines import ENDS_OF_SENTENCES

_NON_WORD = re.compile(r"[\W_]+")
_MIN_STATED_CHARS = 200  # shorter texts in JSON-LD are summaries
_LONG_LINE_CHARS = 100  # a paragraph of a text in letters; teasers and captions are shorter
_MIN_AVERAGE_CHARS = 200  # of the lines that only one extraction has, if they are the article's
_MIN_LONG_SHARE = 0.85  # of their characters in long lines, for the same
_MAX_LONG_SHARE = 0.1  # and if none is the article's
_MIN_EXTRA_SHARE = 0.25  # of the text; less makes no difference
_MIN_SHARE_IN_CHINESE = 0.6  # of what trafilatura finds: below it, the densest element is a part of the article
_SAME_BEGINNING = 24  # characters by which the first line of the text is known
_SHINGLE = 8  # characters that are compared at once
_MIN_SUMMARY_CHARS, _MAX_SUMMARY_CHARS = 20, 1000
_SUMMARY_ELEMENTS = "h1, p, h2, h3, h4, div, li, section"
_BLOCKS = "p, div, h1, h2, h3, h4, li, ul, section, article, table"
_MAX_SUMMARY_NODES = 3000  # that are searched for it


def prefers_element(found: Sequence[str], element: Sequence[str], stated: str, *, is_chinese: bool) -> bool:
    """Return whether the article is the densest element, not what trafilatura finds.

    :param found: lines that trafilatura finds
    :param element: lines of the densest element
    :param stated: the article's text in JSON-LD
    """
    if len(stated) >= _MIN_STATED_CHARS:
        return _closeness(element, stated) > _closeness(found, stated)
    if is_chinese:
        return _size(element) >= _MIN_SHARE_IN_CHINESE * _size(found)
    more, less = _only(element, found), _only(found, element)
    if more and _size(more) >= _MIN_AVERAGE_CHARS * len(more) and _long_share(more) >= _MIN_LONG_SHARE:
        return True
    return _size(less) > _MIN_EXTRA_SHARE * _size(element) > 0 and _long_share(less) <= _MAX_LONG_SHARE


def summary_above(root: LexborNode, descriptions: Iterable[str], text: str) -> str:
    """Return the summary that a page shows above its text, and that is not in it; "" if there is none.

    :param root: the page's body
    :param descriptions: the summary as metas state it
    :param text: the article's, by lines
    """
    known, first = _folded(text), next((folded for line in text.splitlines() if len(folded := _folded(line)) > 9), "")
    wanted = [folded for each in descriptions if len(folded := _folded(each)) >= _MIN_SUMMARY_CHARS]
    for node in root.css(_SUMMARY_ELEMENTS)[:_MAX_SUMMARY_NODES]:
        words = " ".join((node.text() or "")[: 2 * _MAX_SUMMARY_CHARS].split())
        folded = _folded(words)
        if first and folded.startswith(first):
            return ""  # the text begins
        if not _MIN_SUMMARY_CHARS <= len(folded) <= _MAX_SUMMARY_CHARS or len(node.css(_BLOCKS)) > 1:
            continue
        described = any(each in folded or (len(folded) > len(each) // 2 and folded in each) for each in wanted)
        if first[:_SAME_BEGINNING] in folded and first:
            continue  # it repeats the first line
        if described and folded not in known:
            return words
    return ""


def _closeness(lines: Sequence[str], stated: str) -> float:
    """Return the harmonic mean of precision and recall of a text, by its shingles."""
    ours, theirs = (Counter(_shingles(_folded(text))) for text in ("".join(lines), stated))
    common = (ours & theirs).total()
    return 2 * common / max(1, ours.total() + theirs.total())


def _shingles(text: str) -> Iterable[str]:
    return (text[place : place + _SHINGLE] for place in range(len(text) - _SHINGLE + 1))


def _only(lines: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the lines that are not among others."""
    known = {_folded(line) for line in others}
    return [line for line in lines if _folded(line) not in known]


def _long_share(lines: Sequence[str]) -> float:
    long = [line for line in lines if len(line) >= _LONG_LINE_CHARS and line.endswith(ENDS_OF_SENTENCES)]
    return _size(long) / max(1, _size(lines))


def _size(lines: Sequence[str]) -> int:
    return sum(map(len, lines))


def _folded(text: str) -> str:
    return _NON_WORD.sub("", text).lower()
