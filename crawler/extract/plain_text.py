"""What a reader would mark as an article's text, and what else its body tells: pictures, captions, the editor.

Article pages put more into the article element than the article: widgets, rails, promotions. Much of it changes with
each load, and none of it is the article's. See D55.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from archive.model.article import ArticleImage

_BREAKS = "p, div, br, tr, li, h1, h2, h3, h4, h5, h6, table, ul, ol, blockquote, section, figure, figcaption, dt, dd"
_PARAGRAPH = "p, div, li, h1, h2, h3, h4, h5, h6, td, th, dd, dt, blockquote, section, center"
_PARAGRAPHS = frozenset(_PARAGRAPH.split(", "))
# Beside the text: the editor's line, rails of other articles, promotions with their QR codes, players (as a browser
# has filled them), comments, tools, tags.
_BESIDE_THE_TEXT = ", ".join(
    (
        ".article-editor", ".show_author", "[class*=recommend]", "[id*=recommend]", "[class*=related]",
        "[id*=related]", "[class*=most-read]", "[class*=cardlist]", ".article-bottom", ".article-bottom-tg",
        ".blk-wxfollow", ".wx-qr", "[class*=appendQr]", "[class*=qrcode i]", ".new_style_article", ".keywords",
        ".page-tools", ".blk-comment", ".sina-comment-wrap", ".video-2017", ".play-video-area", ".video-info",
        "noscript", "template",
    )
)  # fmt: skip
# After these comments stand notices and rails, and now and then a last picture or paragraph.
_END_OF_TEXT = ("news_keyword_pub", "publish_helper_end")
_TEXT_AGAIN = "publish_helper name"
_RAIL = re.compile(
    r"[【\[]?(?:相关|推荐|延伸|扩展|更多|热门|精彩)(?:阅读|新闻|报道|文章|链接|专题|推荐|资讯)[】\]]?\s*[:：>》]*"
)
# Whole lines that are the page's and not the article's. A sentence ends with a full stop; a promotion does not.
_NOT_TEXT = re.compile(
    r"[（(]?(?:责任编辑|责编)\s*[:：].{1,30}"
    r"|[^。]{0,24}(?:尽在|下载|打开|安装|关注)新浪(?:财经|新闻)\s*(?:APP|客户端|公众号)[^。]{0,12}"
    r"|[^。]{0,16}(?:扫描|扫一扫|扫码|长按|识别)[^。]{0,10}(?:二维码|关注|下载)[^。]{0,30}",
    re.IGNORECASE,
)
_EDITOR = re.compile(r"[（(]?\s*(?:责任编辑|责编|编辑)\s*[:：]\s*([^）)\n]{1,40})")
_WHITE = re.compile(r"\s+")
_NOT_A_WORD = re.compile(r"[\W_]+")
_SMALLEST = 5  # pixels: a picture of no more keeps others apart, or counts readers
_PIXELS = re.compile(r"\s*(\d{1,6})\s*(?:px)?\s*")
_MAX_CAPTION = 200  # characters


@dataclass(frozen=True, slots=True)
class PlainText:
    """A body without its dress."""

    text: str  # a line for each paragraph
    pictures: tuple[ArticleImage, ...]  # of the text, in their order
    editor: str | None  # 责任编辑


def read(root: LexborNode) -> PlainText:
    """What the body below ``root`` tells. The tree is used up."""
    editor = _editor(root)
    remove(root, _BESIDE_THE_TEXT)
    if any(_is_linked_whole(link, root) for link in root.css("a")):  # rare: looking at each paragraph costs
        _drop_rails(root)
    pictures = tuple(_pictures(root))
    return PlainText("\n".join(line for line in lines(root) if not _NOT_TEXT.fullmatch(line)), pictures, editor)


def remove(root: LexborNode, selector: str) -> None:
    """Take out of the tree below ``root`` what a selector finds."""
    found = {node.mem_id: node for node in root.css(selector)}
    found.pop(root.mem_id, None)
    # What stands in another of them goes with it, and must not be touched afterwards: its memory is gone.
    for node in [node for node in found.values() if not any(a.mem_id in found for a in _ancestors(node, root))]:
        node.decompose()


def lines(root: LexborNode) -> list[str]:
    """The text below ``root``, a line for each paragraph. The tree is used up."""
    for block in root.css(_BREAKS):
        block.insert_before("\n")
        block.insert_after("\n")
    for cell in root.css("td, th"):  # numbers of two cells are not one
        cell.insert_after(" ")
    return [line for line in map(str.strip, root.text(separator="").split("\n")) if line]


def _drop_rails(root: LexborNode) -> None:
    """Drop lists of links to other articles: under a heading that says so, or after the text's end."""
    found: list[LexborNode] = []
    after = in_rail = False
    heading: LexborNode | None = None
    paragraphs = {node.mem_id: node for node in root.css(_PARAGRAPH) if len(node.css(_PARAGRAPH)) == 1}
    for node in root.traverse(include_text=True):
        if node.is_comment_node:
            said = (node.comment_content or "").strip()
            after = said.startswith(_END_OF_TEXT) or (after and not said.startswith(_TEXT_AGAIN))
        if not (paragraph := paragraphs.get(node.mem_id)):
            continue
        text = paragraph.text().strip()
        label = _RAIL.match(text)
        if label and label.end() == len(text):
            heading, in_rail = paragraph, False
        elif _is_all_links(paragraph, label[0] if label else "") and (label or heading or in_rail or after):
            found += [heading, paragraph] if heading else [paragraph]
            heading, in_rail = None, in_rail or bool(label or heading)
        elif text:
            heading, in_rail = None, False
    dropped = sum(len(_bare(node.text())) for node in found)
    if dropped < len(_bare(root.text())):  # else it is an article of links
        for node in found:
            node.decompose()


def _is_linked_whole(link: LexborNode, root: LexborNode) -> bool:
    paragraph = next((around for around in _ancestors(link, root) if around.tag in _PARAGRAPHS), None)
    if paragraph is None:
        return False
    label = _RAIL.match(paragraph.text().strip())
    return _is_all_links(paragraph, label[0] if label else "")


def _is_all_links(paragraph: LexborNode, label: str) -> bool:
    links = paragraph.css("a")
    linked = sum(len(_bare(link.text())) for link in links)
    if linked < len(_bare(paragraph.text())) - len(_bare(label)):
        return False
    pictures = len(paragraph.css("img"))
    return bool(links) and pictures == sum(len(link.css("img")) for link in links) and bool(linked or pictures)


def _bare(text: str) -> str:
    return _NOT_A_WORD.sub("", text)


def _pictures(root: LexborNode) -> Iterator[ArticleImage]:
    for picture in root.css("img"):
        if (address := picture.attributes.get("src")) and not _is_spacer(picture):
            yield ArticleImage(address, _caption(picture, root))


def _is_spacer(picture: LexborNode) -> bool:
    sides = (_PIXELS.fullmatch(picture.attributes.get(side) or "") for side in ("width", "height"))
    return any(side and int(side[1]) <= _SMALLEST for side in sides)


def _caption(picture: LexborNode, root: LexborNode) -> str:
    """What stands under a picture: in its .img_wrapper; before 2014, in its <center> or table."""
    for around in _ancestors(picture, root):
        if "img_wrapper" in (around.attributes.get("class") or ""):
            caption = around.css_first(".img_descr")
            return _one_line(caption.text()) if caption is not None else ""
        if around.tag in ("center", "table"):
            alone = sum(not _is_spacer(other) for other in around.css("img")) == 1
            caption_text = _one_line(around.text()) if alone else ""
            return caption_text if len(caption_text) <= _MAX_CAPTION else ""
    return ""


def _ancestors(node: LexborNode, root: LexborNode) -> Iterator[LexborNode]:
    around = node.parent
    while around is not None and around.mem_id != root.mem_id:  # == would compare what they are written as
        yield around
        around = around.parent


def _one_line(text: str) -> str:
    return _WHITE.sub(" ", text).strip()


def _editor(root: LexborNode) -> str | None:
    line = root.css_first(".article-editor, .show_author")
    found = _EDITOR.search(line.text() if line is not None else (root.text() or "")[-200:])
    return found[1].strip() or None if found else None
