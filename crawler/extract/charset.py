"""Decoding: find the actual character set of a page."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress

from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom

# In the right charset a page may still have a broken character or two (a quotation cut in the middle of one);
# in a wrong one every few characters are broken. ASCII does not count: the markup is the same in most charsets (D9).
MAX_BROKEN_SHARE = 1 / 200
# Charsets in which no character is ever broken, and which servers state by default.
_WESTERN = frozenset({"cp1252", "iso8859-1", "iso8859-15"})
# Python codecs that no page uses and that can fail in spite of errors="replace".
_IGNORED = frozenset(
    {"ascii", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "raw-unicode-escape"}
    | {"unicode-escape", "utf-7"}
)
_CHINESE = "gb18030"  # w3lib gives this name to gb2312 and gbk too, which are parts of it
_REPLACEMENT = "\ufffd"
# In UTF-16 at least every fourth byte of a page is a NUL, because its markup is ASCII.
_MAX_NUL_SHARE = 1 / 4
# Charset of the bytes, and the one in which they were read.
_CONFUSED = (
    ("utf-8", "latin-1"), ("utf-8", "cp1252"), ("utf-8", "iso8859-2"), ("utf-8", "gb18030"), ("utf-8", "big5"),
    ("gb18030", "latin-1"), ("gb18030", "cp1252"), ("gb18030", "iso8859-2"), ("gb18030", "utf-8"),
    ("gb18030", "big5"), ("big5", "gb18030"), ("big5", "latin-1"), ("big5", "cp1252"), ("big5", "utf-8"),
)  # fmt: skip
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\xa0]")
_WIDE = re.compile("[\u0800-\ufffc\U00010000-\U0010ffff]")  # three or four bytes in UTF-8
_LONE_CHARACTER = re.compile(r"(?<![^\x00-\x7f])[^\x00-\x7f](?![^\x00-\x7f])")


def decode(body: bytes, content_type: str = "") -> str:
    """Return the text of ``body``.

    Bytes that are UTF-8 are read as UTF-8, whatever header and page state (D130). Other candidates, in order: the
    byte order mark, the charset of the ``Content-Type`` header, the ``<meta>`` or XML declaration of the page, UTF-8,
    GB18030 (Sina's pages before 2014 are in GB2312, often undeclared). A candidate that breaks many characters is
    skipped, because headers and metas can be wrong; if all do, the one with the fewest broken characters wins.
    """
    text = _as_utf8(body)
    if text is not None and _WIDE.search(text):
        return text.removeprefix("\ufeff")
    candidates = list(_candidates(body, content_type))
    if text is not None and not (_CHINESE in candidates[:-1] and _is_gb2312_word(body)):
        return text
    best, fewest = "", len(body) + 1
    for encoding in candidates:
        text = body.decode(encoding, errors="replace").removeprefix("\ufeff")
        broken = text.count(_REPLACEMENT) if _is_text(text) else len(text)
        if broken <= _beyond_ascii(text) * MAX_BROKEN_SHARE:
            return text
        if broken < fewest:
            best, fewest = text, broken
    return best


def is_misread(wrong: str, right: str) -> bool:
    """Return whether a text is another one that was read in a wrong charset, or with broken bytes.

    A broken byte is U+FFFD and stands for any characters. White space and control characters do not count.
    """
    wrong, right = _CONTROL.sub("", wrong), _CONTROL.sub("", right)
    if not wrong or wrong == right or _REPLACEMENT in right:
        return False
    if any(_reread(right, *pair) == wrong for pair in _CONFUSED):
        return True
    first, *others = wrong.split(_REPLACEMENT)
    if not others or not any((first, *others)) or not right.startswith(first):
        return False
    place = len(first)
    for part in others:
        found = right.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return right.endswith(others[-1])


def _reread(text: str, written: str, read: str) -> str:
    return _CONTROL.sub("", text.encode(written, "replace").decode(read, "replace"))


def _as_utf8(body: bytes) -> str | None:
    """Return the text of a body whose bytes show that it is UTF-8; None if they do not, as when all are ASCII.

    In UTF-8, Chinese characters take three bytes each, in an order that is rare by chance in other charsets. So a
    body with more of these than broken characters is UTF-8. In a body without any, no character may be broken.
    """
    if body.isascii() or body.count(0) > len(body) * _MAX_NUL_SHARE:
        return None
    with suppress(UnicodeDecodeError):
        return body.decode()
    text, length = codecs.utf_8_decode(body, "replace", False)
    broken = text.count(_REPLACEMENT) - body.count(_REPLACEMENT.encode())
    wide = len(text.encode()) - len(text) - _beyond_ascii(text) - broken  # two bytes more than ASCII; others have one
    if broken and wide <= broken:
        return None
    return text if length == len(body) else text + _REPLACEMENT  # its last character is cut


def _is_gb2312_word(body: bytes) -> bool:
    """Return whether bytes that are valid UTF-8 are so by chance, in a text of a few characters of GB2312.

    About one in eight Chinese characters reads as a letter with an accent, or as a Greek or Cyrillic one. In western
    languages such letters stand alone among ASCII letters.
    """
    try:
        return not _LONE_CHARACTER.search(body.decode("gb2312"))
    except UnicodeDecodeError:
        return False


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _candidates(body: bytes, content_type: str) -> Iterator[str]:
    """Yield the encodings to try, in order. UTF-8 and GB18030 are among them whatever a page states."""
    in_header = http_content_type_encoding(content_type) or ""
    in_page = html_body_declared_encoding(body) or ""
    # A page whose charset is declared in ASCII letters is not in UTF-16 (the HTML standard says so too).
    in_page = "utf-8" if in_page.startswith("utf-16") else in_page
    is_xml = body.lstrip().startswith(b"<?xml")
    is_western_possible = is_xml and not _reads_as_chinese(body)
    for encoding in (read_bom(body)[0] or _unmarked_utf16(body), in_header, in_page):
        if _is_meaningful(encoding) and (not _is_western(encoding) or (is_western_possible and encoding == in_page)):
            yield encoding
    yield "utf-8"
    if is_western_possible and _is_western(in_header):
        yield in_header
    yield _CHINESE


def _unmarked_utf16(body: bytes) -> str:
    """Return the UTF-16 that a body without a mark is in, by the NULs beside its first two characters; else ""."""
    if body[1:2] == body[3:4] == b"\0" and body[0:1] in (b"<", b"{"):
        return "utf-16-le"
    return "utf-16-be" if body[0:1] == body[2:3] == b"\0" and body[1:2] in (b"<", b"{") else ""


def _reads_as_chinese(body: bytes) -> bool:
    """Return whether a body that states a western charset is in GB18030: most of its characters stand in words.

    Letters with accents stand alone among ASCII letters, and many of them are broken characters in GB18030.
    """
    text = body.decode(_CHINESE, "replace")
    beyond = _beyond_ascii(text)
    broken, lone = text.count(_REPLACEMENT), len(_LONE_CHARACTER.findall(text))
    return beyond > 0 and broken <= beyond * MAX_BROKEN_SHARE and lone * 2 < beyond


def _is_meaningful(encoding: str) -> bool:
    """Return whether an encoding is a charset: Python's own transforms (rot13, zip) and unknown names are not."""
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        return False
    # Private API of Python 3.11: whether a codec decodes bytes to text.
    return codec._is_text_encoding and codec.name not in _IGNORED


def _is_text(text: str) -> bool:
    """Return whether a text is plausible: pages and lists have ASCII marks, UTF-8 read as UTF-16 has hardly any."""
    return not text.strip() or any(mark in text for mark in "<{[")


def _is_western(encoding: str) -> bool:
    """Return whether an encoding is a western one-byte charset, which only an XML declaration states deliberately."""
    return _is_meaningful(encoding) and codecs.lookup(encoding).name in _WESTERN
