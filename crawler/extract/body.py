"""An article's body: from the HTML inside a page's article element to the HTML that goes into the file.

The rules are those of the file format (docs/format.md); both parses are a browser's, by lexbor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.article import ArticleImage
from crawler.extract import plain_text as plain_text_module
from crawler.urls import PADDING, absolute

_PICTURE = re.compile(r"\.(?:gif|png|jpg|webp)", re.IGNORECASE)
# Serialised HTML: `<` is escaped everywhere but in tags, comments and these elements, whose text stands raw.
_RAW_OR_NBSP = re.compile(
    r"<!--.*?-->|<(style|script|xmp|iframe|noembed|noframes)\b.*?</\1>|<plaintext\b.*|&nbsp;", re.DOTALL
)
# An event handler, or a whole page in an attribute, as the serialiser writes it: small letters, double quotes.
_ACTIVE = re.compile(r" (?:on[^\s\"=<>]*|srcdoc)=\"")
# What may be a script's address: browsers pass over white space and controls before it.
_MAYBE_JAVASCRIPT = re.compile(r"=\"[\x00-\x20\x7f-\x9f]*[jJ]")
# Controls but the line feed, as bytes of UTF-8: those of one byte, and the mark of the two-byte ones (U+0080-U+009F).
_CONTROL_BYTES = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x0A)
_CONTROL_BYTES_BUT_TAB = _CONTROL_BYTES.replace(b"\t", b"")
_TWO_BYTE_MARK = b"\xc2"
_TWO_BYTE_CONTROL = re.compile(r"[\x80-\x9f]")
_JAVASCRIPT = "javascript:"
_TAB_BETWEEN_WORDS = re.compile(r"(?<=\S)\t+(?=\S)")

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
    text: str = ""  # plain, a line for each paragraph, without furniture
    pictures: tuple[ArticleImage, ...] = ()  # without those of the furniture
    editor: str | None = None  # 责任编辑


def render_body(inner: str, page_url: str, *, clean: bool = False) -> Body:
    """The body of a post, from the inner HTML of a page's article element.

    :param inner: HTML, as serialised from the page
    :param page_url: where the page came from: links and pictures become absolute against it
    :param clean: leave Sina's furniture (promotions, QR codes, advertisements, template comments) out
    """
    # Here and not only at the end: what a control character keeps apart must not become a tag when it goes.
    inner = _without_controls(inner, _CONTROL_BYTES_BUT_TAB)
    tree = LexborHTMLParser(_AD_LIST.sub("", inner) if clean else inner)
    root = tree.body
    if root is None:  # a document of frames has no body
        return Body("", None)
    _remove_scripts(root)
    if clean:
        _remove_furniture(root)
        _remove_tracking(root)
    written = root.inner_html or ""
    if _ACTIVE.search(written) or _MAYBE_JAVASCRIPT.search(written):  # rare: looking at each costs
        _remove_active_attributes(root)
    image = _make_absolute(root, page_url)
    html = _unescape_nbsp(root.inner_html or "")
    if clean:
        html = _BLANK_LINES.sub(lambda m: m[1] or "\n", _COMMENT.sub(_kept_comment, html))
    html = _drop_controls(html).replace("{", "&#123;").replace("}", "&#125;")  # Hexo would read them as template code
    if not clean:
        _remove_furniture(root)
    told = plain_text_module.read(root)
    return Body(html, image, _drop_controls(told.text), told.pictures, told.editor)


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
                address = (value or "").lstrip(PADDING)
                if name.startswith("on") or name == "srcdoc" or _plain_scheme(address).startswith(_JAVASCRIPT):
                    del node.attrs[name]


def _make_absolute(root: LexborNode, page_url: str) -> str | None:
    sources = []
    for tree in _trees(root):
        for link in tree.css("a[href]"):
            if href := (link.attributes["href"] or "").strip(PADDING):
                link.attrs["href"] = absolute(page_url, href)
        sources += [_fetchable(picture, page_url) for picture in tree.css("img")]
    return next(filter(None, sources), None)


def _fetchable(picture: LexborNode, page_url: str) -> str | None:
    """Make a picture load from anywhere; return its address."""
    attributes = picture.attributes
    source = (attributes.get("src") or "").strip(PADDING) or _lazy_source(attributes)
    if source:
        source = absolute(page_url, source)
        picture.attrs["src"] = source
    if "referrerpolicy" in attributes:
        del picture.attrs["referrerpolicy"]
    picture.attrs["referrerpolicy"] = "no-referrer"  # Sina's picture hosts refuse a foreign Referer
    return source


def _lazy_source(attributes: dict[str, str | None]) -> str | None:
    """A picture that loads late keeps its address in some data-* attribute until it is scrolled to."""
    words = (word.rstrip(",") for value in attributes.values() if value for word in value.split())
    return next(filter(_PICTURE.search, words), None)  # of a srcset, the first address


def _remove_furniture(root: LexborNode) -> None:
    plain_text_module.remove(root, _FURNITURE)
    for paragraph in root.css("p[cms-style]"):
        if not paragraph.text().strip() and paragraph.css_first("img") is None:
            paragraph.decompose()


def _remove_tracking(root: LexborNode) -> None:
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
    if "\t" in html:
        html = _TAB_BETWEEN_WORDS.sub(" ", html)
    return _without_controls(html, _CONTROL_BYTES)


def _without_controls(text: str, controls: bytes) -> str:
    """``text`` without the control characters that ``controls`` names, and without U+0080 to U+009F.

    By way of bytes, because there C does it: a regular expression takes ten times as long for the same.
    """
    data = text.encode("utf-8", "surrogatepass")
    kept = data.translate(None, controls)
    if len(kept) != len(data):
        text = kept.decode("utf-8", "surrogatepass")
    return _TWO_BYTE_CONTROL.sub("", text) if _TWO_BYTE_MARK in kept else text


def _plain_scheme(text: str) -> str:
    """A text as browsers look for a scheme in it: they pass over tabs and line breaks, and we drop other controls."""
    return _without_controls(text.replace("\n", ""), _CONTROL_BYTES).lower()


def plain_text(html: str) -> str:
    """The text of a body, a line for each of its paragraphs, for a terminal: without tags and control characters."""
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return ""
    plain_text_module.remove(tree.body, "style, script")
    return _drop_controls("\n".join(plain_text_module.lines(tree.body)))
