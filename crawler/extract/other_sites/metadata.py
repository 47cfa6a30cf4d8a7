"""What a page states about its article in its head: JSON-LD and meta elements. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

# Types of schema.org for an article. ReportageNewsArticle and the like end with one of them.
_ARTICLE_TYPES = ("Article", "Posting", "Report", "WebPage")
_NESTED = ("@graph", "mainEntity", "mainEntityOfPage")  # not lists of other articles (ItemList)
_MAX_NODES = 500  # of JSON-LD on a page; real pages have some dozens
_MAX_JSON_CHARS = 1 << 20  # of one script; real ones with the whole text have a tenth of this
# Not the no-break space and the ideographic space (U+3000): titles use them, and the record keeps titles as stated.
WHITE_SPACE = re.compile(r"[^\S\xa0\u3000]+")
_TAG = re.compile(r"<[^<>]*>")

# Names of meta elements (name, property or itemprop, in lower case), most reliable first.
_PUBLISHED_NAMES = (
    "article:published_time", "article:published:time", "og:published_time", "datepublished",
    "weibo: article:create_at", "bytedance:published_time", "pubdate", "publishdate", "publish_date", "publish-date",
    "publishtime", "pubtime", "apub:time", "article.published", "published_at", "parsely-pub-date", "sailthru.date",
    "date.available", "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.created", "date.created",
    "article:create_at", "og:release_date", "date",
)  # fmt: skip
_SITE_NAMES = ("og:site_name", "application-name", "apple-mobile-web-app-title", "twitter:site")
_DESCRIPTIONS = ("og:description", "description", "twitter:description")
_AUTHORS = ("author", "article:author_name", "byl", "dc.creator", "parsely-author")
_MEDIA = ("mediaid", "source", "article:media", "copyright_source")


class PageMetadata(Struct, frozen=True):
    """What the head of a page states; empty where it states nothing."""

    headline: str = ""  # of JSON-LD
    og_title: str = ""
    page_title: str = ""  # <title>
    site_names: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    published: tuple[str, ...] = ()  # times of publication as stated, most reliable first
    medium: str = ""
    authors: tuple[str, ...] = ()
    text: str = ""  # articleBody of JSON-LD, without markup
    language: str = ""  # of <html lang>, in lower case


def read_metadata(tree: LexborHTMLParser) -> PageMetadata:
    """Return the metadata of a page."""
    metas = _metas(tree)
    nodes = [node for node in _nodes(tree) if _is_article(node)]
    nodes.sort(key=lambda node: "headline" not in node)  # stable: a WebPage without headline comes last
    article = nodes[0] if nodes else {}
    html = tree.css_first("html")
    title = tree.css_first("title")
    published = [_line(node.get("datePublished")) for node in nodes]
    published += [value for name in _PUBLISHED_NAMES for value in metas.get(name, ())]
    publisher = article.get("publisher")
    names = [value for name in _SITE_NAMES for value in metas.get(name, ())[:1]]
    names.append(_line(publisher.get("name")) if isinstance(publisher, dict) else "")
    descriptions = [_line(article.get("description"))]
    descriptions += [value for name in _DESCRIPTIONS for value in metas.get(name, ())[:1]]
    return PageMetadata(
        headline=_line(article.get("headline")),
        og_title=_first(metas, ("og:title",)),
        page_title=_line(title.text()) if title is not None else "",
        site_names=_distinct(names),
        descriptions=_distinct(descriptions),
        published=_distinct(published),
        medium=_first(metas, _MEDIA),
        authors=_distinct(_names(article.get("author"))) or _distinct([_first(metas, _AUTHORS)]),
        text=_line(article.get("articleBody")),
        language=((html.attributes.get("lang") or "") if html is not None else "").lower(),
    )


def _metas(tree: LexborHTMLParser) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for meta in tree.css("meta[content]"):
        attributes = meta.attributes
        for key in ("property", "name", "itemprop"):
            if (name := attributes.get(key)) and (value := _line(attributes.get("content"))):
                values.setdefault(name.strip().lower(), []).append(value)
    return values


def _nodes(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Yield the nodes of JSON-LD that may be about the page."""
    seen = 0
    for script in tree.css('script[type="application/ld+json" i]'):
        pending = [_parsed(script.text() or "")]
        while pending and seen < _MAX_NODES:
            node = pending.pop(0)
            seen += 1
            if isinstance(node, list):
                pending[:0] = node[:_MAX_NODES]
            elif isinstance(node, dict):
                yield node
                pending += [node[key] for key in _NESTED if isinstance(node.get(key), (dict, list))]


def _parsed(script: str) -> object:
    if len(script) > _MAX_JSON_CHARS:
        return None
    start = min((place for bracket in "[{" if (place := script.find(bracket)) >= 0), default=0)
    try:
        return json.JSONDecoder(strict=False).raw_decode(script, start)[0]
    except (ValueError, RecursionError):
        return None


def _is_article(node: dict[str, Any]) -> bool:
    types = node.get("@type")
    return any(
        isinstance(each, str) and each.endswith(_ARTICLE_TYPES)
        for each in (types if isinstance(types, list) else [types])
    )


def _names(value: object) -> list[str]:
    """Return the names of authors: a text, an object with a name, or a list of these."""
    names = []
    for each in value[:20] if isinstance(value, list) else [value]:
        names.append(_line(each.get("name") if isinstance(each, dict) else each))
    return names


def _first(metas: dict[str, list[str]], names: tuple[str, ...]) -> str:
    return next((metas[name][0] for name in names if name in metas), "")


def _line(value: object) -> str:
    """Return a value as one line of text; "" if it is no text."""
    if not isinstance(value, str):
        return ""
    text = unescape(value) if "&" in value else value
    text = _TAG.sub(" ", text) if "</" in text else text
    return WHITE_SPACE.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def _distinct(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))
