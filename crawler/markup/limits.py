"""Limits of a page's markup, checked before a parser reads it. Pure.

An HTML parser takes quadratic time, and memory, for elements in each other, for the attributes of one tag, and for
tags such as ``<font>``, which it opens again in each paragraph until they are closed. See D160.
"""

from __future__ import annotations

import re

from crawler.errors import ExtractionError
from crawler.markup.open_elements import FORMATTING, OpenElements

MAX_OPEN = 512  # elements in each other, as in Chromium
MAX_ATTRIBUTES = 1000  # of one tag
MAX_REOPENED_CHARS = 1 << 22  # of tags that are opened again: a parser takes up to 200 MB for them

_FEW_TAGS = 8 * MAX_OPEN  # elements that take milliseconds, even if all are inside each other
_SHORT_TAG = 2 * MAX_ATTRIBUTES  # characters, too few for that many attributes

_QUOTED = r"""(?:"[^"]*+"|'[^']*+')"""
# As tokenizers read it: a quotation mark counts after an equals sign only. Possessive, so that no step is undone.
_ATTRIBUTE = rf"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:{_QUOTED}|[^\s>\"'][^\s>]*+)?+)?+"
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)>")
_ATTRIBUTES = re.compile(_ATTRIBUTE)
# At each start of a tag, also where a tokenizer sees none: a formatting tag, at least as long as it is, or a tag with
# too many attributes.
_REST = rf"[^>\"']*+(?:{_QUOTED}[^>\"']*+)*+(?:>|[\"'][^>]*+>)"
_SUSPECTS = re.compile(
    rf"<(?:(?=((?:{'|'.join(sorted(FORMATTING - {'a'}))})(?=[\s/>]){_REST}))"
    rf"|(?=([a-z])[^\s/>]*+(?:[\s/]*+{_ATTRIBUTE}){{{MAX_ATTRIBUTES + 1}}}+))",
    re.IGNORECASE,
)
# An attribute's value with a ">" in it. In a page without one, each tag ends at the next ">".
_QUOTED_END = re.compile(r"=\s*+(?:\"[^\">]*+>|'[^'>]*+>)")
# Formatting tags and long tags of such a page, without their ">". With upper case spelled out, because ignoring the
# case takes twice as long.
_BOTH_CASES = "|".join(
    "".join(f"[{letter}{letter.upper()}]" for letter in name) for name in sorted(FORMATTING - {"a"})
)
_FORMATTING_TAGS = re.compile(rf"<(?=[b-uB-U])(?:{_BOTH_CASES})(?=[\s/>])[^>]*+")
_LONG_TAG = re.compile(rf"<[a-zA-Z][^>]{{{_SHORT_TAG}}}")
_FRAMESET = re.compile("<frameset", re.IGNORECASE)
_MARKUP = re.compile(r"<(?=[a-zA-Z/!?])")
_COMMENT = re.compile(r"<!--(?:-?>|(?:[^-]|-(?!-!?>))*+--!?>)")
_BOGUS_COMMENT = re.compile(r"</>|<(?:[!?]|/[^a-zA-Z>])[^>]*+>")
# Elements whose content is text up to their end tag.
_RAW_ENDS = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
}


def check_markup(markup: str) -> None:
    """Check that an HTML parser can read a page in linear time.

    :raises ExtractionError: the page has more of something than any real page
    """
    tags = markup.count("<")
    if tags > _FEW_TAGS or _is_suspect(markup, tags):
        _scan(markup)


def _is_suspect(markup: str, tags: int) -> bool:
    """Return whether a page may reopen too many elements, or have a tag with too many attributes."""
    if not _QUOTED_END.search(markup):
        if _LONG_TAG.search(markup):
            return True
        if len(markup) * tags <= MAX_REOPENED_CHARS:  # as most pages: whatever their tags are
            return False
        return sum(len(match[0]) for match in _FORMATTING_TAGS.finditer(markup)) * tags > MAX_REOPENED_CHARS
    formatting = 0
    for match in _SUSPECTS.finditer(markup):
        if match[2] or len(match[1]) > _SHORT_TAG:
            return True
        formatting += len(match[1])
    return formatting * tags > MAX_REOPENED_CHARS


def _scan(markup: str) -> None:
    """Check each tag of a page."""
    if (framesets := len(_FRAMESET.findall(markup))) > MAX_OPEN:  # where these are, parsers read nothing else
        raise ExtractionError(f"the page has {framesets} framesets, more than {MAX_OPEN}")
    elements = OpenElements()
    position = 0
    while found := _MARKUP.search(markup, position):
        if markup[position : found.start()].strip():
            elements.text()
        tag = _TAG.match(markup, found.start())
        if tag is None:
            if markup.startswith("<!--", found.start()):
                other = _COMMENT.match(markup, found.start())
            else:
                other = _BOGUS_COMMENT.match(markup, found.start())
            if other is None:
                return  # it does not end: a parser drops it, and nothing follows
            position = other.end()
            continue
        position = tag.end()
        name = tag[2].lower()
        if tag[1]:
            elements.end(name)
            continue
        _check_attributes(name, tag[3])
        is_html = elements.start(name, tag[0], is_closed=tag[3].endswith("/"))
        if is_html and name in _RAW_ENDS:
            if not (end := _RAW_ENDS[name].search(markup, position)):
                return
            position = end.start()
        _check_open(elements)


def _check_attributes(name: str, attributes: str) -> None:
    if len(attributes) > _SHORT_TAG and (number := len(_ATTRIBUTES.findall(attributes))) > MAX_ATTRIBUTES:
        raise ExtractionError(f"a tag <{name[:20]}> has {number} attributes, more than {MAX_ATTRIBUTES}")


def _check_open(elements: OpenElements) -> None:
    if len(elements) > MAX_OPEN:
        raise ExtractionError(f"more than {MAX_OPEN} elements are inside each other")
    if elements.reopened > MAX_REOPENED_CHARS:
        raise ExtractionError(
            f"tags such as <font> that are not closed repeat more than {MAX_REOPENED_CHARS} characters"
        )
