"""Pages of unknown layout, from sites other than Sina: trafilatura extracts the article."""

from __future__ import annotations

import logging
import re
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any

from msgspec import Struct

from crawler.errors import ExtractionError
from crawler.markup.parser import parse_html

# Error pages, forms and lists of links have less text than this, links aside. Trafilatura's own limit (250) is meant
# for English: below it, it takes the whole page, but a Chinese notice says much in 100 characters.
MIN_TEXT_CHARS = 60
_CHINA = timezone(timedelta(hours=8))
_MAX_COMPARED_CHARS = 1 << 28  # a fifth of a second; pages with more of them are all links
_MIN_TEXT_SHARE = 0.95  # if less of the text remains, it is used without its images
_WHITE_SPACE = re.compile(r"\s+")


class TrafilaturaResult(Struct, frozen=True):
    """What trafilatura finds on a page; ``None`` for values that were not found."""

    html: str  # of the article's content, as a separate document
    title: str | None
    medium: str | None  # the site's name
    day: str | None  # of publication, YYYY-MM-DD


def trafilatura_article(html: str, url: str, fetched_at: datetime) -> TrafilaturaResult:
    """Return the article that trafilatura finds on a page.

    The result depends on the arguments only: nothing is fetched or cached, and no date is compared with today's.

    :param html: complete, as in a browser: lxml parses only half of a page without <body>
    :param fetched_at: later days are not accepted as the day of publication
    :raises ExtractionError: the page has no article
    """
    import trafilatura  # noqa: PLC0415  # takes a quarter of a second, and few archives need it

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without text is reported as a failure
    # Undocumented in trafilatura 2.3: the module of its settings, as an attribute, and the key set below.
    config = deepcopy(trafilatura.settings.DEFAULT_CONFIG)
    config["DEFAULT"]["MIN_EXTRACTED_SIZE"] = str(MIN_TEXT_CHARS)
    dates = {
        "original_date": True,
        "extensive_search": False,  # it resolves "three days ago" against today
        "max_date": f"{fetched_at.astimezone(_CHINA):%Y-%m-%d}",
    }
    common: dict[str, Any] = {"url": url, "config": config, "output_format": "html"}
    common |= {"include_comments": False, "include_links": True}
    try:
        document = trafilatura.extract_with_metadata(html, date_extraction_params=dates, **common)
        with_images = trafilatura.extract(html, include_images=True, **common)
    except Exception as error:  # any failure on a strange page is the page's
        raise ExtractionError(f"trafilatura failed with {type(error).__name__}: {error}") from error
    if document is None or not document.text:
        raise ExtractionError("no article was found on the page")
    text = _add_images(document.text, with_images or "")
    return TrafilaturaResult(text, document.title or None, document.sitename or None, document.date or None)


def _add_images(text: str, with_images: str) -> str:
    """Return the text with its own images, as far as they can be told from others.

    With images enabled, trafilatura accepts every element that contains one, such as links to other articles. So keep
    only text that it finds without images too, and images that do not follow the end of that text. See D57.

    :param text: HTML extracted without images
    :param with_images: HTML extracted with images
    """
    wanted = _bare_text(text)
    tree = parse_html(with_images)
    if tree.body is None:
        return text
    parts = list(tree.body.iter(include_text=True))
    texts = [_WHITE_SPACE.sub("", part.text()) for part in parts]
    if len(parts) * len(wanted) > _MAX_COMPARED_CHARS:
        return text
    last = max((place for place, words in enumerate(texts) if words and words in wanted), default=-1)
    own_parts = [part for place, part in enumerate(parts) if place <= last and texts[place] in wanted]
    if sum(len(_WHITE_SPACE.sub("", part.text())) for part in own_parts) < _MIN_TEXT_SHARE * len(wanted):
        return text
    return "\n".join(part.html or "" for part in own_parts)


def _bare_text(html: str) -> str:
    body = parse_html(html).body
    return _WHITE_SPACE.sub("", body.text()) if body is not None else ""
