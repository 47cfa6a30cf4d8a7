"""Changes of bytes at random. Pure: everything follows from the dice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MAX_BYTES = 200_000  # of an input; more takes time and finds little
# Texts that mean something to one reader or another.
TEXTS = (
    "<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", "&", "&#0;", "&#x110000;", "&amp;", "<template>", "<svg>",
    "{", "}", "[", "]", "(", ")", ",", ":", '"', "'", "\\", "\\u0000", "\\ud800", "null", "true", "1e999", "-0",
    "9" * 400, "\n", "\r\n", "\r\n\r\n", "\t", "\0", "\x0b", "\x1b[31m", "\x7f", "\x85", "\u00a0", "\u2028", "\u3000",
    "\ufeff", "\ud800", "\U0010ffff", "【", "】", "《", "…", "http://[", "//", "javascript:", "../", "%00", "%zz",
    "0000-00-00", "9999-12-31", "99999", "-1", "1e18", "2026-02-30T25:61", "+99:99", "Z", "?", "；", "---", "!!",
    "*a", "AND", "OR", "NOT", "NEAR(", "*", "symbol:", "since:", "until:", "media:", "feed:", "[[feeds]]",
    "<p ", "#", "&a", "[network]", "delay = ", "Content-Length: ", "WARC/1.1\r\n", "WARC-Type: ", "WARC-Date: ",
)  # fmt: skip
WORDS = [*(text.encode("utf-8", "surrogatepass") for text in TEXTS), b"\x1f\x8b\x08", b"\xff", b"\xe4\xb8"]


def mutated(corpus: Sequence[bytes], dice: random.Random) -> bytes:
    """An input: one of the corpus with one to eight changes."""
    data = dice.choice(corpus)
    for _ in range(dice.choice((1, 1, 2, 2, 3, 4, 8))):
        data = dice.choice(CHANGES)(data, corpus, dice)[:MAX_BYTES]
    return data


def _place(data: bytes, dice: random.Random) -> int:
    return dice.randint(0, len(data))


def _slice(data: bytes, dice: random.Random, longest: int) -> tuple[int, int]:
    start = _place(data, dice)
    return start, min(len(data), start + dice.randint(1, longest))


def _flip(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    if not data:
        return data
    place = dice.randrange(len(data))
    return data[:place] + bytes((data[place] ^ (1 << dice.randrange(8)),)) + data[place + 1 :]


def _cut(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    start, end = _slice(data, dice, dice.choice((1, 4, 100, 10_000)))
    return data[:start] + data[end:]


def _end(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    return data[: _place(data, dice)]


def _repeat(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    start, end = _slice(data, dice, dice.choice((1, 4, 40)))
    return data[:start] + data[start:end] * dice.choice((2, 3, 50, 2_000)) + data[end:]


def _insert_word(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    place = _place(data, dice)
    return data[:place] + dice.choice(WORDS) * dice.choice((1, 1, 1, 2, 500)) + data[place:]


def _replace_by_word(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    start, end = _slice(data, dice, 12)
    return data[:start] + dice.choice(WORDS) + data[end:]


def _insert_bytes(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    place = _place(data, dice)
    return data[:place] + dice.randbytes(dice.choice((1, 2, 8, 200))) + data[place:]


def _splice(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    other = dice.choice(corpus)
    return data[: _place(data, dice)] + other[_place(other, dice) :]


def _move(data: bytes, corpus: Sequence[bytes], dice: random.Random) -> bytes:
    start, end = _slice(data, dice, 100)
    place = _place(data, dice)
    return data[:place] + data[start:end] + data[place:]


CHANGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flip, _cut, _end, _repeat, _insert_word, _insert_word, _replace_by_word, _insert_bytes, _splice, _move,
)  # fmt: skip
