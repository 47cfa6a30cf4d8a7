"""An article's body: from the HTML inside a page's article element to the HTML that goes into the file.

The rules are those of the file format (docs/format.md); both parses are a browser's, by lexbor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.urls import absolute

_PICTURE = re.compile(r"\.(?:gif|png|jpg|webp)", re.IGNORECASE)
# Serialised HTML: `<` is escaped everywhere but in tags, comments and these elements, whose text stands raw.
_RAW_OR_NBSP = re.compile(
    r"<!--.*?-->|<(style|script|xmp|iframe|noembed|noframes)\b.*?</\1>|<plaintext\b.*|&nbsp;", re.DOTALL
)
# In what the serialiser wrote: every attribute stands behind a space and has its value in double quotes.
_HANDLER = re.compile(r" on[^\s\"=<>]*=\"", re.IGNORECASE)
# A browser drops tabs and line breaks inside an address before it looks at the scheme, and we drop other controls.
_BREAK = r"[\x00-\x1f\x7f-\x9f]*"
_JAVASCRIPT = re.compile(_BREAK.join("javascript") + _BREAK + ":", re.IGNORECASE)
_ADDRESS_PADDING = "".join(map(chr, range(0x21)))  # what a browser strips from both ends of an address
_TAB = re.compile(r"\t+")
_TAB_BETWEEN_WORDS = re.compile(r"(?<=\S)\t+(?=\S)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Sina's furniture: what "clean" removes. Captions, tables and the editor's line stay.
_FURNITURE = ", ".join(
    (
        ".appendQr_wrap", ".app-kaihu-qr", ".app-qihuo-kaihu-qr", "#app-kaihu-stock", ".finance_app_sina",
        ".tech-quotation", "#left_hzh_ad", "ins.sinaads", 'div[id^="ad_"]', ".ct_hqimg", '[class*="otherContent"]',
        ".wap_special", ".article-notice", 'span[id^="quote_"]', "style",
    )
)  # fmt: skip
_AD_LIST = re.compile(r"<!--\s*article_adlist\[.*?\]article_adlist\s*-->", re.DOTALL)
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_KEPT_COMMENT = "news_keyword_pub"  # the comment that names the article's stocks
_TRACKING = ("data-sudaclick", "suda-uatrack", "data-mcesrc", "data-mceselected", "data-mce-attachid")
_BLANK_LINES = re.compile(r"(<pre\b.*?</pre>)|\n\s*\n+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it goes into the file."""

    html: str
    image: str | None  # address of its first picture, absolute


def render_body(inner: str, page_url: str, *, clean: bool = False) -> Body:
    """The body of a post, from the inner HTML of a page's article element.

    :param inner: HTML, as serialised from the page
    :param page_url: where the page came from: links and pictures become absolute against it
    :param clean: leave Sina's furniture (promotions, QR codes, advertisements, template comments) out
    """
    # Here and not only at the end: what a control character keeps apart must not become a tag when it goes.
    inner = _CONTROL_BUT_TAB.sub("", inner)
    tree = LexborHTMLParser(_AD_LIST.sub("", inner) if clean else inner)
    root = tree.body
    if root is None:  # a document of frames has no body
        return Body("", None)
    _remove_scripts(root)
    if clean:
        _remove_furniture(root)
    written = root.inner_html or ""
    if _HANDLER.search(written) or _JAVASCRIPT.search(written):  # rare, and looking at every attribute costs
        _remove_active_attributes(root)
    image = _make_absolute(root, page_url)
    html = _unescape_nbsp(root.inner_html or "")
    if clean:
        html = _BLANK_LINES.sub(lambda m: m[1] or "\n", _COMMENT.sub(_kept_comment, html))
    html = _drop_controls(html).replace("{", "&#123;").replace("}", "&#125;")  # Hexo would read them as template code
    return Body(html, image)


def _trees(root: LexborNode) -> Iterator[LexborNode]:
    """``root``, and the content of each ``<template>`` in it: a tree of its own, which no selector reaches."""
    yield root
    for fragment in root.template_fragments():
        yield from _trees(fragment)


def _remove_scripts(root: LexborNode) -> None:
    for tree in _trees(root):
        for script in tree.css("script"):
            script.decompose()


def _remove_active_attributes(root: LexborNode) -> None:
    for tree in _trees(root):
        for node in tree.traverse():
            for name, value in node.attributes.items():
                address = (value or "").lstrip(_ADDRESS_PADDING)
                if name.lower().startswith("on") or _JAVASCRIPT.match(address):
                    del node.attrs[name]


def _make_absolute(root: LexborNode, page_url: str) -> str | None:
    sources = []
    for tree in _trees(root):
        for link in tree.css("a[href]"):
            if href := link.attributes["href"]:
                link.attrs["href"] = absolute(page_url, href)
        sources += [_fetchable(picture, page_url) for picture in tree.css("img")]
    return next(filter(None, sources), None)


def _fetchable(picture: LexborNode, page_url: str) -> str | None:
    """Make a picture load from anywhere; return its address."""
    attributes = picture.attributes
    source = attributes.get("src") or _lazy_source(attributes)
    if source:
        source = absolute(page_url, source)
        picture.attrs["src"] = source
    if "referrerpolicy" in attributes:
        del picture.attrs["referrerpolicy"]
    picture.attrs["referrerpolicy"] = "no-referrer"  # Sina's picture hosts refuse a foreign Referer
    return source


def _lazy_source(attributes: dict[str, str | None]) -> str | None:
    """A picture that loads late keeps its address in some data-* attribute until it is scrolled to."""
    return next((value for value in attributes.values() if value and _PICTURE.search(value)), None)


def _remove_furniture(root: LexborNode) -> None:
    for node in root.css(_FURNITURE):
        node.decompose()
    for paragraph in root.css("p[cms-style]"):
        if not paragraph.text().strip() and paragraph.css_first("img") is None:
            paragraph.decompose()
    for name in _TRACKING:
        for node in root.css(f"[{name}]"):
            del node.attrs[name]


def _kept_comment(comment: re.Match[str]) -> str:
    return comment[0] if _KEPT_COMMENT in comment[1] else ""


def _unescape_nbsp(html: str) -> str:
    """The serialiser writes U+00A0 as an entity, the format has it raw; comments and styles keep what they say."""
    if "&nbsp;" not in html:
        return html
    return _RAW_OR_NBSP.sub(lambda match: "\u00a0" if match[0] == "&nbsp;" else match[0], html)


def _drop_controls(html: str) -> str:
    return _CONTROL.sub("", _TAB.sub("", _TAB_BETWEEN_WORDS.sub(" ", html)))


def plain_text(html: str) -> str:
    """The text of a body, a line for each of its paragraphs, for a terminal: without tags and control characters."""
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return ""
    for node in tree.body.css("style, script"):
        node.decompose()
    lines = (_CONTROL.sub("", line).strip() for line in tree.body.text(separator="").splitlines())
    return "\n".join(line for line in lines if line)
