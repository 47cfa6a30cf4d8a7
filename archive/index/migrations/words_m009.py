"""The tokenizer of the search index as it was when m009 was written. Frozen: do not edit this module.

It is a copy of a part of archive/query/tokenizer.py. When the live tokenizer changes, a new migration rewrites the
words, and this copy stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from operator import add

_CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SEGMENT = re.compile(rf"([{_CJK}]+)|([0-9]+|[^\W\d_{_CJK}]+|\d+)")  # a run of Chinese, or a word or a number
# Characters that m009 begins to ignore: they were separators before.
INVISIBLE_LATER = "\u061c\u180e\u2061-\u2064\u2066-\u206f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_INVISIBLE = re.compile(f"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff{INVISIBLE_LATER}]")
# Numbers in circles, in brackets, with a full stop, raised and lowered. m009 separates them from their neighbours.
ENCLOSED = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
_ENCLOSED = re.compile(f"([{ENCLOSED}])")
_PUNCTUATION = re.compile("[\u2010-\u2027\u3000-\u3003\u3008-\u301d！-／：-＠［-｀｛-～]+")


def columns(text: str | None, title: str, media: str | None, symbols: Iterable[str]) -> list[str]:
    """The words of a version for each column of the table ``words``."""
    return [_words(each) if each else "" for each in (text, title, media, "\n".join(symbols))]


def before(text: str) -> str:
    """A text that has now the words that the given text had by the rule before m009."""
    parted = re.sub(f"[{INVISIBLE_LATER}]", " ", text)
    return re.sub(f"[{ENCLOSED}]", lambda found: unicodedata.normalize("NFKC", found[0]), parted)


def _words(text: str) -> str:
    found: list[str] = []
    for run, word in _SEGMENT.findall(_fold(text)):
        if run:
            found += map(add, run, run[1:] + " ")
        else:
            found.append(word)
    return " ".join(found)


def _fold(text: str) -> str:
    plain = _PUNCTUATION.sub(" ", text)
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", _ENCLOSED.sub(r" \1 ", _INVISIBLE.sub("", plain)))
    return plain.casefold()
