"""Texts and what is asked for, as the words that the search index knows. Pure.

Chinese has no spaces between words, so each pair of neighbouring characters is one: 贵州茅台 is 贵州, 州茅, 茅台, and
台 for the run's end, by which its last character is found alone. A text of two characters or more is found where
its pairs stand one after the other, which is where it stands itself. Latin words and numbers stand whole, and apart
from each other: SH600519 is sh and 600519, so that either finds it. See D70.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain
from operator import add

# Han with its extensions and 々〇, Kana without its middle dot, Bopomofo, Hangul.
CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W\d_{CJK}]"
_SEGMENT = re.compile(rf"([{CJK}]+)|([0-9]+|[^\W\d_{CJK}]+|\d+)")  # a run of Chinese, or a word or a number
_A_CJK = re.compile(f"[{CJK}]")
_A_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
# Radicals, signs that hold characters, those that are there for the sake of older sets.
_OTHER_HAN = (
    range(0x2E80, 0x3000), range(0x3038, 0x303B), range(0x3190, 0x31A0), range(0x3200, 0x3400), range(0xF900, 0xFB00),
    range(0x1F200, 0x1F300), range(0x2F800, 0x2FA20),
)  # fmt: skip
# Zero-width characters, byte order marks, soft hyphens, marks of direction and of how an emoji is drawn: editors'
# systems sprinkle them in the middle of words.
INVISIBLE_LATER = "\u061c\u180e\u2061-\u2064\u2066-\u206f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # since m009
_INVISIBLE = re.compile(f"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff{INVISIBLE_LATER}]")
# Numbers in circles, in brackets, with a full stop, raised and lowered: ①2026年 is no 12026年. See D126.
ENCLOSED = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
_ENCLOSED = re.compile(f"([{ENCLOSED}])")
# Letters and figures of which there is a plainer form, the most of them.
_WRITTEN_OTHERWISE = re.compile(
    f"[{INVISIBLE_LATER}{ENCLOSED}"
    "\u00aa\u00ad\u00b2-\u00be\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u24ff\u2e80-\u2fdf\u3099\u309a"
    "\u3130-\u318f\u3200-\u33ff\uf900-\ufaff\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc]"
)
# What every line has and no word: taken out first, because normalising a text that needs it takes ten times as long.
_PUNCTUATION = re.compile("[\u2010-\u2027\u3000-\u3003\u3008-\u301d！-／：-＠［-｀｛-～]+")


def fold(text: str) -> str:
    """A text with what makes no difference to a search taken away: NFKC, case, zero width, what punctuation it is."""
    plain = _PUNCTUATION.sub(" ", text)
    if not plain.isascii():
        plain = _normal(plain)
    return plain.casefold()


def segments(folded: str) -> list[str]:
    """The runs of Chinese (Japanese, Korean) characters, the Latin words and the numbers of a folded text."""
    return [run or word for run, word in _SEGMENT.findall(folded)]


def words(text: str) -> str:
    """The words of a text, as the index takes them: with spaces between, one or more."""
    found: list[str] = []
    for run, word in _SEGMENT.findall(fold(text)):
        if run:
            found += map(add, run, run[1:] + " ")
        else:
            found.append(word)
    return " ".join(found)


def phrase(text: str, *, prefix: bool = False) -> str | None:
    """What is asked for as a phrase of FTS5: the words that stand one after the other where it stands.

    :param prefix: its last word may be the beginning of a longer one
    :return: None when there is no word in it
    """
    parts = segments(fold(text))
    if not parts:
        return None
    asked = words(" ".join(parts)).split()
    if is_cjk(parts[-1]):
        # Nothing is said of what follows: the run may go on, and a character alone is how any pair may begin.
        prefix = len(parts[-1]) == 1
        if not prefix:
            asked.pop()
    return f'"{" ".join(asked)}"' + ("*" if prefix else "")


def pattern(text: str, *, prefix: bool = False) -> re.Pattern[str]:
    """What finds in a text in small letters the places at which the index finds what is asked for.

    Where it is written in full width, or with zero-width characters, only :func:`plain` shows them.

    :param prefix: the last word may be the beginning of a longer one
    """
    parts = segments(fold(text))
    written = []
    for number, part in enumerate(parts, start=1):
        alike = rf"[{CJK}]" if is_cjk(part) else r"\d" if part.isdecimal() else _LETTER
        # What must not stand before it is said after it: a pattern that begins with letters is found much faster.
        begins = "" if is_cjk(part) and number == 1 else f"(?<!{alike}{part})"
        ends = "" if number == len(parts) and (prefix or is_cjk(part)) else f"(?!{alike})"
        written.append(part + begins + ends)
    return re.compile(r"[\W_]*".join(written))


def plain(text: str) -> str:
    """A text as people would type it: no full width, no zero width."""
    if _WRITTEN_OTHERWISE.search(text) is None:  # costs a tenth of making it so
        return text
    return _normal(text)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", _ENCLOSED.sub(r" \1 ", _INVISIBLE.sub("", text)))


def divided(text: str) -> tuple[str, list[str]] | None:
    """The Chinese characters, each alone, that a text ends with, as the index knows them, after what stands before.

    :return: None where the text ends otherwise, as with two of them together
    """
    parts = segments(fold(text))
    last = len(parts)
    while last and _A_HAN.fullmatch(parts[last - 1]):
        last -= 1
    return (" ".join(parts[:last]), parts[last:]) if last < len(parts) else None


def writings(character: str) -> tuple[str, ...]:
    """A Chinese character, and all that the index takes for it, or that hold it: 金 and the radical ⾦, 株 and ㈱."""
    return character, *_written_otherwise().get(character, ())


@cache
def _written_otherwise() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for other in map(chr, chain.from_iterable(_OTHER_HAN)):
        for character in filter(_A_HAN.fullmatch, set(fold(other)) - {other}):
            found[character] = (*found.get(character, ()), other)
    return found


def is_cjk(segment: str) -> bool:
    """Whether a segment is a run of Chinese (Japanese, Korean) characters."""
    return segment >= "\u2e80" and _A_CJK.match(segment) is not None
