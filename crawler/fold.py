"""What of an article makes a version of its own: its words and pictures, without their dress. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

# The rule's number stands before each fingerprint: one made by another rule says nothing about a change.
RULE = "1"
# Zero-width characters, byte order marks, soft hyphens: editors' systems sprinkle them.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_WHITE = re.compile(r"\s+")
_NOT_A_WORD = re.compile(r"[^\w]+|_")
# Lines that belong to the page and not to the story: another docid of the same story has others.
_NOT_THE_STORY = re.compile(
    r"^(?:原标题|责任编辑|责编|编辑|来源|作者|记者|文章关键词|相关阅读|海量资讯|更多精彩|扫码|特别声明|免责声明)"
    r"|尽在新浪财经APP|新浪声明"
)
# 新华社北京9月28日电 · 财联社9月28日电，· 北京商报讯（记者 某某）
_DATELINE = re.compile(r"^[\w·]{2,16}(?:\d{1,2}月)?\d{0,2}日?(?:电|讯)(?:[（(][^）)]{1,30}[）)])?[，,：: ]?")
# Shorter texts are alike by chance: notices of trading halts, of prices.
_SHORTEST_STORY = 60  # characters


def fingerprint(title: str, text: str, pictures: Iterable[str]) -> str:
    """What stands for a version: the same where only white space, addresses or furniture differ.

    A title is one line, in which more or fewer spaces are the same, and a space or none are not.

    :param text: plain, without furniture
    :param pictures: their addresses: of each the name counts, for hosts and sizes vary
    """
    names = "\n".join(urlsplit(address).path.rpartition("/")[2] for address in pictures)
    # In a title a space is put there by an editor, in a text by a template too.
    line = _WHITE.sub(" ", _INVISIBLE.sub("", title)).strip()
    return f"{RULE}:{_hash(line, _bare(text), names)}"


def story(title: str, text: str) -> str:
    """What stands for a story, whoever publishes it; "" when the text is too short to tell."""
    lines = [line.strip() for line in text.splitlines() if not _NOT_THE_STORY.search(line.strip())]
    if lines:
        lines[0] = _DATELINE.sub("", lines[0])
    words = _words("".join(lines))
    return _hash(_words(title), words) if len(words) >= _SHORTEST_STORY else ""


def _bare(text: str) -> str:
    return _WHITE.sub("", _INVISIBLE.sub("", text))


def _words(text: str) -> str:
    return _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _hash(*parts: str) -> str:
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()
