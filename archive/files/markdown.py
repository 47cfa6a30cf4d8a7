"""Markdown of an article's file to HTML, for readers that show HTML. Pure."""

from __future__ import annotations

from markdown_it import MarkdownIt

# HTML in Markdown is shown as text: the archive writes none.
_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table")


def to_html(text: str) -> str:
    """Return the HTML of a Markdown text: CommonMark with tables."""
    return str(_RENDERER.render(text))
