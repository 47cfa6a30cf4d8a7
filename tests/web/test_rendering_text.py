"""Untrusted text as HTML."""

from __future__ import annotations

from html import unescape
from re import compile as compile_pattern
from re import sub

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from web.rendering.language import use
from web.rendering.text import labelled, marked, visible, visible_text

MARK = compile_pattern(r'<span class="bidi" dir="ltr" title="U\+([0-9A-F]{4})">[A-Z]{3}</span>')


def test_a_control_of_direction_is_a_mark() -> None:
    assert visible("a\u202e<b>") == 'a<span class="bidi" dir="ltr" title="U+202E">RLO</span>&lt;b&gt;'
    assert visible_text("a\u2067b") == "a[RLI]b"
    assert visible(None) == visible_text(None) == ""


def test_chinese_on_a_page_in_another_language_is_marked_as_such() -> None:
    with use("en"):
        assert visible("feed 国\u202e内<b>") == (
            'feed <span lang="zh-CN">国<span class="bidi" dir="ltr" title="U+202E">RLO</span>内</span>&lt;b&gt;'
        )
        assert visible("Reuters") == "Reuters"
    assert visible("feed 国内") == "feed 国内"


@given(st.text(alphabet='a<>&"茅\u202a\u202e\u2069\u200f\u061c', max_size=12), st.data())
def test_nothing_else_changes_and_nothing_becomes_markup(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    html = marked(text, [(start, end)])
    assert isinstance(html, Markup)
    assert sub("</?mark>", "", html) == visible(text)
    assert unescape(MARK.sub(lambda mark: chr(int(mark[1], 16)), visible(text))) == text
    assert not set(visible_text(text)) & set("\u202a\u202e\u2069\u200f\u061c")


def test_a_text_without_controls_is_only_escaped() -> None:
    assert visible("<b>茅台") == escape("<b>茅台")


def test_fields_of_datasette_get_names() -> None:
    html = (
        '<select name="_filter_op_1"><textarea id="x" name="sql"></textarea><input type="text" name="_filter_value">'
    )
    assert labelled(Markup(html)) == (  # noqa: S704 - a constant
        '<select aria-label="Comparison" name="_filter_op_1"><textarea aria-label="SQL" id="x" name="sql"></textarea>'
        '<input type="text" aria-label="Value" name="_filter_value">'
    )
