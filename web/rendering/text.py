"""Untrusted text as HTML: its language, and marks for matches and for characters that reorder other text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from archive.model.results import Mark
from archive.query.scripts import CHINESE, chinese_part
from web.rendering import language

# Characters that change the direction of the text after them. In a title they could reorder what the page says.
_BIDI = {
    "\u061c": "ALM", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF",
    "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
}  # fmt: skip
_BIDI_CHARACTER = re.compile(f"[{''.join(_BIDI)}]")
_CONTROL = re.compile(r"<(select|input type=\"text\"|textarea)(?= [^>]*name=\"([^\"]*)\")")


def visible_text(text: str | None) -> str:
    """Return a text with a name for each control character of bidirectional text, for a page's title."""
    return _BIDI_CHARACTER.sub(lambda found: f"[{_BIDI[found[0]]}]", text or "")


def visible(text: str | None) -> Markup:
    """Return a text as HTML, with a mark for each control character of bidirectional text.

    The Chinese in it is marked as such on a page in another language: a screen reader reads it out as such.
    """
    text = text or ""
    start, end = (0, 0) if language.current() == "zh" else chinese_part(text)
    if start == end:
        return _with_bidi_marks(text)
    chinese = Markup('<span lang="{}">{}</span>').format(CHINESE, _with_bidi_marks(text[start:end]))
    return _with_bidi_marks(text[:start]) + chinese + _with_bidi_marks(text[end:])


def _with_bidi_marks(text: str) -> Markup:
    parts = []
    position = 0
    for found in _BIDI_CHARACTER.finditer(text):
        name = _BIDI[found[0]]
        mark = Markup('<span class="bidi" dir="ltr" title="U+{:04X}">{}</span>').format(ord(found[0]), name)
        parts += [escape(text[position : found.start()]), mark]
        position = found.end()
    return Markup().join([*parts, escape(text[position:])])


def marked(text: str, marks: Sequence[Mark]) -> Markup:
    """Return a text as HTML, with the matches of the query in ``<mark>``."""
    parts = []
    position = 0
    for start, end in marks:
        parts += [visible(text[position:start]), Markup("<mark>{}</mark>").format(visible(text[start:end]))]
        position = end
    return Markup().join([*parts, visible(text[position:])])


def labelled(html: Markup) -> Markup:
    """Return a page of Datasette with a name for each field that has none, and with SQL that keys can scroll."""
    named = _CONTROL.sub(lambda found: f'<{found[1]} aria-label="{_field_name(found[2])}"', html)
    return Markup(named.replace('<pre id="sql-query"', '<pre tabindex="0" id="sql-query"'))  # noqa: S704 - it was HTML


def _field_name(name: str) -> str:
    """Return the label of a field, by the name that Datasette gives it."""
    labels = {"sql": "SQL", "_filter_column": "Column", "_filter_op": "Comparison", "_filter_value": "Value"}
    return next((label for start, label in labels.items() if name.startswith(start)), name.strip("_"))
