"""From bytes to text: which character set a page is really in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from w3lib.encoding import (
    html_body_declared_encoding,
    http_content_type_encoding,
    read_bom,
    resolve_encoding,
)

# A page in the right charset may still hold a broken character or two (a quotation cut in the middle of one);
# in a wrong one every few characters are broken. See D9.
MAX_BROKEN = 1 / 200
# Besides the western charsets, Python's codecs that no page is in, and that can fail where "replace" should help.
_SAY_NOTHING = frozenset(
    {"cp1252", "iso8859-1", "iso8859-15", "ascii", "idna", "punycode", "undefined", "unicode_escape"}
    | {"raw_unicode_escape", "raw-unicode-escape", "unicode-escape", "utf-7"}
)


def decode(body: bytes, content_type: str = "") -> str:
    """The text of ``body``.

    Tried in turn: the charset of the ``Content-Type`` header, the byte order mark, the ``<meta>`` of the page,
    UTF-8, GB18030 (Sina's pages before 2014 are in GB2312, often without saying so). One whose result is mostly
    broken is passed over, since headers and metas lie; when all are, the least broken is taken.
    """
    best, fewest = "", len(body) + 1
    for encoding in filter(_tells, _candidates(body, content_type)):
        text = body.decode(encoding, errors="replace").removeprefix("\ufeff")
        broken = text.count("\ufffd") if _is_text(text) else len(text)
        if broken <= len(text) * MAX_BROKEN:
            return text
        if broken < fewest:
            best, fewest = text, broken
    return best


def _candidates(body: bytes, content_type: str) -> Iterator[str]:
    if declared := http_content_type_encoding(content_type):
        yield declared
    if marked := read_bom(body)[0]:
        yield marked
    if stated := html_body_declared_encoding(body):
        # A page that can state its charset in ASCII letters is not in UTF-16 (the HTML standard says so too).
        yield "utf-8" if stated.startswith("utf-16") else stated
    yield "utf-8"
    yield resolve_encoding("gb18030") or "gb18030"


def _tells(encoding: str) -> bool:
    """Whether a stated encoding means anything.

    Python's own transforms (rot13, zip) and unknown names do not; nor do the western one-byte charsets, which servers
    state by default and in which nothing is ever broken.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        return False
    # Private API of Python 3.11: whether a codec makes text of bytes.
    return codec._is_text_encoding and codec.name not in _SAY_NOTHING


def _is_text(text: str) -> bool:
    """Pages and lists hold ASCII marks; UTF-8 read as UTF-16 holds hardly any."""
    return not text.strip() or any(mark in text for mark in "<{[")
