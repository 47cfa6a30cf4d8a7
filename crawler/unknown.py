"""Pages of no known layout, from sites other than Sina: trafilatura finds the article on them."""

from __future__ import annotations

import logging
import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

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
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Found:
    """An article as found. ``None`` where nothing was."""

    html: str  # of the text: a document of its own
    title: str | None
    medium: str | None  # the site's name
    day: str | None  # of publication, YYYY-MM-DD


def find(html: str, url: str, fetched_at: datetime) -> Found:
    """The article on a page.

    What is found depends on nothing but the arguments: no page is fetched, nothing is kept from page to page, no date
    is compared with today's.

    :param fetched_at: no later day is taken for that of publication
    :raises ExtractionError: there is none
    """
    import trafilatura  # noqa: PLC0415  # takes a quarter of a second, and few archives ever need it

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without text is a failure, and told as one
    config = deepcopy(trafilatura.settings.DEFAULT_CONFIG)
    config["DEFAULT"]["MIN_EXTRACTED_SIZE"] = str(LEAST)
    try:
        document = trafilatura.extract_with_metadata(
            html,
            url=url,
            config=config,
            output_format="html",
            include_comments=False,
            include_formatting=True,
            include_images=True,
            include_links=True,
            date_extraction_params={
                "original_date": True,
                "extensive_search": False,  # it reads "three days ago" against today
                "max_date": fetched_at.astimezone(_CHINA).strftime("%Y-%m-%d"),
            },
        )
    except Exception as error:  # whatever a strange page does to it: the page is at fault, not the archive
        raise ExtractionError(f"trafilatura failed with {type(error).__name__}: {error}") from error
    if document is None or not document.text or not _is_article(html, document.text):
        raise ExtractionError("no article was found on the page")
    return Found(document.text, document.title or None, document.sitename or None, document.date or None)


def _is_article(page: str, found: str) -> bool:
    tree, text = LexborHTMLParser(page), LexborHTMLParser(found).body
    title = tree.css_first("title")
    if text is None or (title is not None and _NO_ARTICLE.search(title.text())):
        return False
    rest = _WHITE.sub("", text.text())
    for link in tree.css("a"):  # of the page: what was found may have lost its own
        rest = rest.replace(_WHITE.sub("", link.text()) or " ", "", 1)
    return len(rest) >= LEAST
