"""Decoding: find the actual character set of a page."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from w3lib.encoding import (
    html_body_declared_encoding,
    http_content_type_encoding,
    read_bom,
    resolve_encoding,
)

# In the right charset a page may still have a broken character or two (a quotation cut in the middle of one);
# in a wrong one every few characters are broken. See D9.
MAX_BROKEN_SHARE = 1 / 200
# Western charsets, and Python codecs that no page uses and that can fail in spite of errors="replace".
_IGNORED = frozenset(
    {"cp1252", "iso8859-1", "iso8859-15", "ascii", "idna", "punycode", "undefined", "unicode_escape"}
    | {"raw_unicode_escape", "raw-unicode-escape", "unicode-escape", "utf-7"}
)


def decode(body: bytes, content_type: str = "") -> str:
    """Return the text of ``body``.

    Candidates in order: the charset of the ``Content-Type`` header, the byte order mark, the ``<meta>`` of the page,
    UTF-8, GB18030 (Sina's pages before 2014 are in GB2312, often undeclared). A candidate that breaks many characters
    is skipped, because headers and metas can be wrong; if all do, the one with the fewest broken characters wins.
    """
    best, fewest = "", len(body) + 1
    for encoding in filter(_is_meaningful, _candidates(body, content_type)):
        text = body.decode(encoding, errors="replace").removeprefix("\ufeff")
        broken = text.count("\ufffd") if _is_text(text) else len(text)
        if broken <= len(text) * MAX_BROKEN_SHARE:
            return text
        if broken < fewest:
            best, fewest = text, broken
    return best


def _candidates(body: bytes, content_type: str) -> Iterator[str]:
    if declared := http_content_type_encoding(content_type):
        yield declared
    if from_bom := read_bom(body)[0]:
        yield from_bom
    if in_meta := html_body_declared_encoding(body):
        # A page whose charset is declared in ASCII letters is not in UTF-16 (the HTML standard says so too).
        yield "utf-8" if in_meta.startswith("utf-16") else in_meta
    yield "utf-8"
    yield resolve_encoding("gb18030") or "gb18030"


def _is_meaningful(encoding: str) -> bool:
    """Return whether a declared encoding can be relied on.

    Python's own transforms (rot13, zip) and unknown names cannot; neither can the western one-byte charsets, which
    servers declare by default and in which no character is ever broken.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        return False
    # Private API of Python 3.11: whether a codec decodes bytes to text.
    return codec._is_text_encoding and codec.name not in _IGNORED


def _is_text(text: str) -> bool:
    """Return whether a text is plausible: pages and lists have ASCII marks, UTF-8 read as UTF-16 has hardly any."""
    return not text.strip() or any(mark in text for mark in "<{[")
