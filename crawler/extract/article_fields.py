"""Fields of an article that follow from its entry, its title and its body. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archive.model.feed import Entry
from archive.model.feed_values import Precision
from archive.model.symbols import symbols_of
from crawler.extract.body import Body
from crawler.extract.fingerprint import fingerprint, story
from crawler.extract.times import ONLY_DAY

_ORIGINAL_TITLE = re.compile(r"[（(]?原标题\s*[:：]\s*(\S.{0,199}?)[）)]?$")


def feed_fields(entry: Entry, precision: Precision | None = None, authors: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of an article that only other sites state.

    :param precision: of the page's time of publication; None: the page is Sina's, or the text is the list's
    :param authors: as the page names them
    """
    is_page_time = entry.published is None and precision is not None
    return {
        "published_text": entry.published_text,
        "precision": precision if is_page_time and precision else entry.precision,
        "published_note": ONLY_DAY if is_page_time and precision is Precision.DAY else entry.published_note,
        "authors": entry.authors or authors,
        "enclosures": entry.enclosures,
    }


def symbol_fields(written: Iterable[str]) -> dict[str, Any]:
    """Return the fields of an article with its stocks, each once: in Sina's notation, and as written."""
    raw = tuple(dict.fromkeys(written))
    return {"symbols": symbols_of(raw), "raw_symbols": raw}


def facts_of_body(title: str, body: Body) -> dict[str, Any]:
    """Return the fields of an article that follow from its title and its body."""
    return {
        "editor": body.editor,
        "original_title": _original_title(body.text),
        "pictures": body.pictures,
        "text": body.text,
        "fingerprint": fingerprint(title, body.text, [picture.url for picture in body.pictures]),
        "story": story(title, body.text),
    }


def _original_title(text: str) -> str | None:
    """Return 原标题, the first line of an article whose title was changed."""
    match = _ORIGINAL_TITLE.match(text.partition("\n")[0].rstrip())
    return match[1].strip() if match else None
