"""Tokenizer of texts and queries for the search index. Pure.

Chinese has no spaces between words, so each pair of adjacent characters is a token: 贵州茅台 becomes 贵州, 州茅,
茅台 and 台. The last one, a single character, is for searches of the run's last character alone. A query of two
characters or more matches where its pairs follow each other, and that is where the text itself occurs. Latin words
and numbers are one token each, and are separated: SH600519 becomes sh and 600519, so that either finds it (D70).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain
from operator import add

from archive.query.scripts import forms

# Han with its extensions and 々〇, Kana without its middle dot, Bopomofo, Hangul.
CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W\d_{CJK}]"
_SEGMENT = re.compile(rf"([{CJK}]+)|([0-9]+|[^\W\d_{CJK}]+|\d+)")  # a CJK run, or a word or a number
_CJK_CHARACTER = re.compile(f"[{CJK}]")
_HAN_CHARACTER = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
# Radicals, enclosed and squared characters, and compatibility characters.
_OTHER_HAN = (
    range(0x2E80, 0x3000), range(0x3038, 0x303B), range(0x3190, 0x31A0), range(0x3200, 0x3400), range(0xF900, 0xFB00),
    range(0x1F200, 0x1F300), range(0x2F800, 0x2FA20),
)  # fmt: skip
# Zero-width characters, byte order marks, soft hyphens, direction marks and variation selectors. Editorial systems
# insert them inside words.
INVISIBLE_LATER = "\u061c\u180e\u2061-\u2064\u2066-\u206f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # since m009
_INVISIBLE = re.compile(f"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff{INVISIBLE_LATER}]")
# Numbers in circles, in brackets or with a full stop, superscripts and subscripts: ①2026年 is not 12026年 (D126).
ENCLOSED = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
_ENCLOSED = re.compile(f"([{ENCLOSED}])")
# Most of the letters and digits that NFKC or the rules above change.
_NOT_PLAIN = re.compile(
    f"[{INVISIBLE_LATER}{ENCLOSED}"
    "\u00aa\u00ad\u00b2-\u00be\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u24ff\u2e80-\u2fdf\u3099\u309a"
    "\u3130-\u318f\u3200-\u33ff\uf900-\ufaff\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc]"
)
# Punctuation that most texts have. It is removed first: NFKC takes ten times as long on a text that it changes.
_PUNCTUATION = re.compile("[\u2010-\u2027\u3000-\u3003\u3008-\u301d！-／：-＠［-｀｛-～]+")


def fold(text: str) -> str:
    """Normalize a text for search: NFKC, case folding, no zero-width characters, punctuation as spaces."""
    plain = _PUNCTUATION.sub(" ", text)
    if not plain.isascii():
        plain = _normal(plain)
    return plain.casefold()


def segments(folded: str) -> list[str]:
    """The CJK runs, Latin words and numbers of a folded text, in order."""
    return [run or word for run, word in _SEGMENT.findall(folded)]


def words(text: str) -> str:
    """The tokens of a text as the index stores them, separated by one or more spaces."""
    tokens: list[str] = []
    for run, word in _SEGMENT.findall(fold(text)):
        if run:
            tokens += map(add, run, run[1:] + " ")
        else:
            tokens.append(word)
    return " ".join(tokens)


def phrase(text: str, *, prefix: bool = False) -> str | None:
    """Return a text as an FTS5 phrase: its tokens, which must follow each other.

    :param prefix: the last token may be the beginning of a longer word
    :return: None if the text has no token
    """
    parts = segments(fold(text))
    if not parts:
        return None
    tokens = words(" ".join(parts)).split()
    if is_cjk(parts[-1]):
        # The run may continue in the text, so the token of its end is left out. A single character is the prefix of
        # every pair that begins with it.
        prefix = len(parts[-1]) == 1
        if not prefix:
            tokens.pop()
    return f'"{" ".join(tokens)}"' + ("*" if prefix else "")


def pattern(text: str, *, prefix: bool = False, exact: bool = True) -> re.Pattern[str]:
    """Return a pattern that matches, in a text in lower case, what :func:`phrase` matches in the index.

    Full-width letters and words with zero-width characters match only after :func:`plain`.

    :param prefix: the last token may be the beginning of a longer word
    :param exact: otherwise it also matches in traditional and in simplified characters
    """
    parts = segments(fold(text))
    written = []
    for number, typed in enumerate(parts, start=1):
        part = typed if exact else "".join(map(_any_form, typed))
        same_class = rf"[{CJK}]" if is_cjk(typed) else r"\d" if typed.isdecimal() else _LETTER
        # The lookbehind comes after the letters: the search for a pattern that begins with letters is much faster.
        left_edge = "" if is_cjk(typed) and number == 1 else f"(?<!{same_class}{part})"
        right_edge = "" if number == len(parts) and (prefix or is_cjk(typed)) else f"(?!{same_class})"
        written.append(part + left_edge + right_edge)
    return re.compile(r"[\W_]*".join(written))


def _any_form(character: str) -> str:
    every = forms(character)
    return character if len(every) == 1 else f"[{every}]"


def plain(text: str) -> str:
    """Return a text without full-width and zero-width characters, with the case kept."""
    if _NOT_PLAIN.search(text) is None:  # a tenth of the time of NFKC
        return text
    return _normal(text)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", _ENCLOSED.sub(r" \1 ", _INVISIBLE.sub("", text)))


def split_single_characters(text: str) -> tuple[str, list[str]] | None:
    """Split off the single Chinese characters that a text ends with.

    :return: the text before them, and the characters, both folded; None if the text does not end with a single one
    """
    parts = segments(fold(text))
    last = len(parts)
    while last and _HAN_CHARACTER.fullmatch(parts[last - 1]):
        last -= 1
    return (" ".join(parts[:last]), parts[last:]) if last < len(parts) else None


def variants(character: str) -> tuple[str, ...]:
    """All forms of a Chinese character, and the characters that :func:`fold` turns into one: 万 萬, 金 ⾦, 株 ㈱."""
    return tuple(each for form in forms(character) for each in (form, *_variants().get(form, ())))


@cache
def _variants() -> dict[str, tuple[str, ...]]:
    variants_of: dict[str, tuple[str, ...]] = {}
    for other in map(chr, chain.from_iterable(_OTHER_HAN)):
        for character in filter(_HAN_CHARACTER.fullmatch, set(fold(other)) - {other}):
            variants_of[character] = (*variants_of.get(character, ()), other)
    return variants_of


def is_cjk(segment: str) -> bool:
    """True if a segment is a run of Chinese, Japanese or Korean characters."""
    return segment >= "\u2e80" and _CJK_CHARACTER.match(segment) is not None
