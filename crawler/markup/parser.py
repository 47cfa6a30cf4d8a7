"""The HTML parser, for foreign markup."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from crawler.markup.limits import check_markup


def parse_html(markup: str) -> LexborHTMLParser:
    """Parse a page, or a part of one, as browsers do.

    :raises ExtractionError: parsing it would take more than linear time
    """
    check_markup(markup)
    return LexborHTMLParser(markup)
