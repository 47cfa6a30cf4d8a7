"""Pages of no known layout, from sites other than Sina: trafilatura finds the article on them."""

from __future__ import annotations

import logging
import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from crawler.errors import ExtractionError

# So short a text, links aside, is what remains of an error page, a form or a list of links. Trafilatura's own measure
# (250) is one for English: under it the whole page is taken, and a Chinese notice says much in 100 characters.
LEAST = 60  # characters
_NO_ARTICLE = re.compile(
    r"^\W*(?:HTTP\s*)?[45]\d\d\b|not found|access denied|forbidden|just a moment|attention required|captcha"
    r"|页面(?:不存在|没有找到|找不到|已删除|出错)|找不到页面|访问(?:验证|受限|被拒绝)|安全验证|人机验证|用户登录|^\W*(?:error|错误)",
    re.IGNORECASE,
)
_CHINA = timezone(timedelta(hours=8))
_MARKUP = re.compile(r"<(?:p|div|br|article|section|td|li)\b", re.IGNORECASE)  # JSON and plain text have none
_NEARLY_ALL = 0.95  # of the text must be there, or it is taken without its pictures
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class FallbackResult:
    """An article as found. ``None`` where nothing was."""

    html: str  # of the text: a document of its own
    title: str | None
    medium: str | None  # the site's name
    day: str | None  # of publication, YYYY-MM-DD


def find(html: str, url: str, fetched_at: datetime) -> FallbackResult:
    """The article on a page.

    What is found depends on nothing but the arguments: no page is fetched, nothing is kept from page to page, no date
    is compared with today's.

    :param fetched_at: no later day is taken for that of publication
    :raises ExtractionError: there is none
    """
    if not _MARKUP.search(html):
        raise ExtractionError("it is no page of HTML")
    import trafilatura  # noqa: PLC0415  # takes a quarter of a second, and few archives ever need it

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without text is a failure, and told as one
    # Undocumented in trafilatura 2.3: the module of its settings, as an attribute, and the key set below.
    config = deepcopy(trafilatura.settings.DEFAULT_CONFIG)
    config["DEFAULT"]["MIN_EXTRACTED_SIZE"] = str(LEAST)
    dates = {
        "original_date": True,
        "extensive_search": False,  # it reads "three days ago" against today
        "max_date": f"{fetched_at.astimezone(_CHINA):%Y-%m-%d}",
    }
    html = LexborHTMLParser(html).html or ""  # whole, as a browser has it: of a page without <body> lxml sees half
    common: dict[str, Any] = {"url": url, "config": config, "output_format": "html"}
    common |= {"include_comments": False, "include_links": True}
    try:
        document = trafilatura.extract_with_metadata(html, date_extraction_params=dates, **common)
        pictured = trafilatura.extract(html, include_images=True, **common)
    except Exception as error:  # whatever a strange page does to it: the page is at fault, not the archive
        raise ExtractionError(f"trafilatura failed with {type(error).__name__}: {error}") from error
    if document is None or not document.text or not _is_article(html, document.text):
        raise ExtractionError("no article was found on the page")
    text = _with_pictures(document.text, pictured or "")
    return FallbackResult(text, document.title or None, document.sitename or None, document.date or None)


def _with_pictures(text: str, pictured: str) -> str:
    """The text with its pictures, as far as they can be told from others.

    Asked for pictures, trafilatura lets through all that holds one: every rail of other articles. So of what it finds
    then, only what it finds without them too is taken, and the pictures that do not come after all of that. See D57.
    """
    wanted = _folded(text)
    tree = LexborHTMLParser(pictured)
    if tree.body is None:
        return text
    parts = list(tree.body.iter(include_text=True))
    said = [_WHITE.sub("", part.text()) for part in parts]
    last = max((place for place, words in enumerate(said) if words and words in wanted), default=-1)
    kept = [part for place, part in enumerate(parts) if place <= last and said[place] in wanted]
    if sum(len(_WHITE.sub("", part.text())) for part in kept) < _NEARLY_ALL * len(wanted):
        return text
    return "\n".join(part.html or "" for part in kept)


def _folded(html: str) -> str:
    body = LexborHTMLParser(html).body
    return _WHITE.sub("", body.text()) if body is not None else ""


def _is_article(page: str, found: str) -> bool:
    tree = LexborHTMLParser(page)
    title = tree.css_first("title")
    if title is not None and _NO_ARTICLE.search(title.text()):
        return False
    backoff = _folded(found)
    for link in tree.css("a"):  # of the page: what was found may have lost its own
        backoff = backoff.replace(_WHITE.sub("", link.text()) or " ", "", 1)
    return len(backoff) >= LEAST
