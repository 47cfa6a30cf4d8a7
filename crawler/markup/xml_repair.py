"""Repairs of the commonest faults of feeds and sitemaps, so that an XML parser can read them. Pure.

A parser that forgives broken XML writes ``AT&T;`` for ``AT&T``, in every item of a feed in which one item has such a
fault. So the text is repaired first, outside CDATA sections, in linear time. See D201.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5

# Characters that XML does not allow. C1 controls are allowed, and the Windows characters in their place are read.
_FORBIDDEN = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xFFFE, 0xFFFF))
# Parts in which an ampersand is text: where each begins, and how it ends.
_VERBATIM = re.compile(r"<!\[CDATA\[|<!--|<\?")
_ENDS = {"<![CDATA[": "]]>", "<!--": "-->", "<?": "?>"}
# No reference is longer: the longest name of HTML has 31 characters, and leading zeros of numbers are rare.
_AMPERSAND = re.compile(r"&(?:#([xX][0-9a-fA-F]{1,12}|[0-9]{1,12});|([a-zA-Z][a-zA-Z0-9]{0,31});)?")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_DOCTYPE = re.compile(r"<!DOCTYPE\b", re.IGNORECASE)
_DECLARED = re.compile(r"<!ENTITY\s{1,20}([\w.-]{1,100})")


def repair_xml(text: str, root: re.Pattern[str]) -> str:
    """Return a document without what stands before and after its root element, and with valid references.

    The XML declaration goes too. A document type stays if it declares entities.

    :param root: matches the start of the start tag of the root element; its group 1 is the name
    """
    text = text.translate(_FORBIDDEN)
    start = root.search(text)
    if start is None:
        return _with_valid_references(text.lstrip(), frozenset())
    doctype = _DOCTYPE.search(text, 0, start.start())
    prolog = text[doctype.start() : start.start()] if doctype else ""
    declared = frozenset(_DECLARED.findall(prolog))
    end = text.rfind(f"</{start[1]}")
    close = text.find(">", end) + 1 if end > start.start() else 0
    body = text[start.start() : close or len(text)]
    return (prolog if declared else "") + _with_valid_references(body, declared)


def escape_ampersands(text: str) -> str:
    """Return HTML in which each ampersand that begins no reference is escaped."""
    return _AMPERSAND.sub(lambda found: found[0] if found[1] or found[2] else "&amp;", text)


def _with_valid_references(text: str, declared: frozenset[str]) -> str:
    """Return a document in which each ampersand begins a reference that an XML parser knows.

    :param declared: names of the entities that the document declares
    """

    def valid(found: re.Match[str]) -> str:
        if found[1]:
            return _number(found[1])
        if not found[2] or not (found[2] in _OF_XML or found[2] in declared or f"{found[2]};" in html5):
            return f"&amp;{found[0][1:]}"
        if found[2] in _OF_XML or found[2] in declared:
            return found[0]
        return "".join(f"&#{ord(character)};" for character in html5[f"{found[2]};"])

    return "".join(part if is_verbatim else _AMPERSAND.sub(valid, part) for is_verbatim, part in _parts(text))


def _number(digits: str) -> str:
    """Return a numeric reference as HTML reads it: U+FFFD if it is not a character."""
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    is_character = number >= 0x20 or number in (0x09, 0x0A, 0x0D)
    is_character &= not 0xD800 <= number < 0xE000 and number not in (0xFFFE, 0xFFFF) and number <= 0x10FFFF
    return f"&#{number if is_character else 0xFFFD};"


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a document in order, and whether each is a CDATA section, a comment or an instruction."""
    position = 0
    while begin := _VERBATIM.search(text, position):
        yield False, text[position : begin.start()]
        end = text.find(_ENDS[begin[0]], begin.end())
        if end < 0:  # it does not end: a parser reads nothing after it
            yield True, text[begin.start() :]
            return
        position = end + len(_ENDS[begin[0]])
        yield True, text[begin.start() : position]
    yield False, text[position:]
