"""Plain text of an article's body, and its images, captions and editor.

The article element contains more than the article: widgets, lists of related links, promotions. Much of that changes
with each load, and none of it belongs to the article. See D55.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct
from selectolax.lexbor import LexborNode

from archive.model.article import ArticleImage
from crawler.extract.page_lines import PLAYER, article_lines, is_player
from crawler.extract.template_slots import END_OF_TEXT, TEXT_RESUMES, remove_slots

# Elements that a browser shows on lines of their own.
_BREAKS = (
    "p, div, br, hr, tr, li, h1, h2, h3, h4, h5, h6, table, caption, ul, ol, dl, dt, dd, blockquote, pre, center,"
    " section, article, aside, header, footer, figure, figcaption, address, details, summary, form, fieldset, legend,"
    " option"
)
_PARAGRAPH = "p, div, li, h1, h2, h3, h4, h5, h6, td, th, dd, dt, blockquote, section, center"
_PARAGRAPHS = frozenset(_PARAGRAPH.split(", "))
# Not part of the text: the editor's line, lists of related articles, promotions with QR codes, players (as filled by
# a browser), comments, tools, tags.
_NOT_CONTENT = ", ".join(
    (
        ".article-editor", ".show_author", "[class*=recommend]", "[id*=recommend]", "[class*=related]",
        "[id*=related]", "[class*=most-read]", "[class*=cardlist]", ".article-bottom", ".article-bottom-tg",
        ".blk-wxfollow", ".wx-qr", "[class*=appendQr]", "[class*=qrcode i]", ".new_style_article", ".keywords",
        ".page-tools", ".blk-comment", ".sina-comment-wrap", ".video-2017", ".play-video-area", ".video-info",
        "noscript", "template",
    )
)  # fmt: skip
_RELATED_HEADING = re.compile(
    r"[【\[]?(?:相关|推荐|延伸|扩展|更多|热门|精彩)(?:阅读|新闻|报道|文章|链接|专题|推荐|资讯)[】\]]?\s*[:：>》]*"
)
_EDITOR = re.compile(r"(?:责任编辑|责编|编辑)\s*[:：]\s*([^）)\n]{1,40})")
_WHITE_SPACE = re.compile(r"\s+")
_NON_WORD = re.compile(r"[\W_]+")
_MAX_SPACER_PIXELS = 5  # images up to this size are spacers or tracking pixels
_PIXELS = re.compile(r"\s*+(\d{1,6})\s*+(?:px)?\s*+")
_MAX_CAPTION_CHARS = 200
_MAX_PLAYER_NODES = 200  # elements, texts and comments; real ones have some dozens


class PlainText(Struct, frozen=True):
    """The content of a body without markup."""

    text: str  # a line for each paragraph
    pictures: tuple[ArticleImage, ...]  # images of the text, in order
    editor: str | None  # 责任编辑


def extract_text(root: LexborNode) -> PlainText:
    """Return the content of the body below ``root``. Modifies the tree."""
    editor = _editor(root)
    remove(root, _NOT_CONTENT)
    remove_slots(root)
    _remove_players(root)
    if _has_paragraph_of_links(root):  # rare, and checking each paragraph is slow
        _drop_related_links(root)
    images = tuple(_images(root))
    return PlainText("\n".join(article_lines(lines(root))), images, editor)


def remove(root: LexborNode, selector: str) -> None:
    """Remove the elements below ``root`` that match a selector."""
    matches = {node.mem_id: node for node in root.css(selector)}
    matches.pop(root.mem_id, None)
    # Descendants of a removed element are freed with it and must not be accessed afterwards.
    for node in [node for node in matches.values() if not any(a.mem_id in matches for a in _ancestors(node, root))]:
        node.decompose()


def lines(root: LexborNode) -> list[str]:
    """Return the text below ``root``, one line per paragraph. Modifies the tree."""
    for block in root.css(_BREAKS):
        block.insert_before("\n")
        block.insert_after("\n")
    for cell in root.css("td, th"):  # keep the numbers of two cells apart
        cell.insert_after(" ")
    return [line for line in map(str.strip, root.text(separator="").split("\n")) if line]


def _remove_players(root: LexborNode) -> None:
    if PLAYER not in root.text():
        return
    texts = [each for each in root.traverse(include_text=True) if each.is_text_node and PLAYER in (each.text() or "")]
    removed: set[int] = set()
    for text in texts:
        if text.mem_id in removed:
            continue
        node = text
        while (parent := node.parent) is not None and parent.mem_id != root.mem_id and _holds_player(parent):
            node = parent
        if node.is_text_node:
            return  # the words are part of a text
        removed.update(each.mem_id for each in node.traverse(include_text=True))
        node.decompose()


def _holds_player(element: LexborNode) -> bool:
    """Return whether an element is a player. It reads its first nodes only: a large element is none."""
    nodes = list(islice(element.traverse(include_text=True), _MAX_PLAYER_NODES + 1))
    text = "".join(each.text() or "" for each in nodes if each.is_text_node)
    return len(nodes) <= _MAX_PLAYER_NODES and is_player(text)


def _drop_related_links(root: LexborNode) -> None:
    """Remove lists of links to other articles: under a heading of that kind, or after the end of the text."""
    related: list[LexborNode] = []
    after_text = in_list = False
    heading: LexborNode | None = None
    paragraphs = _innermost_paragraphs(root)
    for node in root.traverse(include_text=True):
        if node.is_comment_node:
            comment = (node.comment_content or "").strip()
            after_text = comment.startswith(END_OF_TEXT) or (after_text and not comment.startswith(TEXT_RESUMES))
        if not (paragraph := paragraphs.get(node.mem_id)):
            continue
        text = paragraph.text().strip()
        label = _RELATED_HEADING.match(text)
        if label and label.end() == len(text):
            heading, in_list = paragraph, False
        elif _is_all_links(paragraph, label[0] if label else "") and (label or heading or in_list or after_text):
            related += [heading, paragraph] if heading else [paragraph]
            heading, in_list = None, in_list or bool(label or heading)
        elif text:
            heading, in_list = None, False
    dropped = sum(len(_bare(node.text())) for node in related)
    if dropped < len(_bare(root.text())):  # else the article consists of links
        for node in related:
            node.decompose()


def _innermost_paragraphs(root: LexborNode) -> dict[int, LexborNode]:
    """Return the paragraphs that have no other inside, by their id."""
    paragraphs = {node.mem_id: node for node in root.css(_PARAGRAPH)}
    outer = set()
    for node in paragraphs.values():  # each marks the next one around it: searching inside each takes quadratic time
        parent = node.parent
        while parent is not None and parent.mem_id not in paragraphs:
            parent = parent.parent
        if parent is not None:
            outer.add(parent.mem_id)
    return {id_: node for id_, node in paragraphs.items() if id_ not in outer}


def _has_paragraph_of_links(root: LexborNode) -> bool:
    seen: set[int] = set()
    for link in root.css("a"):
        paragraph = next((each for each in _ancestors(link, root) if each.tag in _PARAGRAPHS), None)
        if paragraph is None or paragraph.mem_id in seen:
            continue
        seen.add(paragraph.mem_id)
        label = _RELATED_HEADING.match(paragraph.text().strip())
        if _is_all_links(paragraph, label[0] if label else ""):
            return True
    return False


def _is_all_links(paragraph: LexborNode, label: str) -> bool:
    links = paragraph.css("a")
    linked = sum(len(_bare(link.text())) for link in links)
    if linked < len(_bare(paragraph.text())) - len(_bare(label)):
        return False
    images = len(paragraph.css("img"))
    return bool(links) and images == sum(len(link.css("img")) for link in links) and bool(linked or images)


def _bare(text: str) -> str:
    return _NON_WORD.sub("", text)


def _images(root: LexborNode) -> Iterator[ArticleImage]:
    captions: dict[int, str] = {}  # by the element that they belong to
    for image in root.css("img"):
        if (url := image.attributes.get("src")) and not _is_spacer(image):
            frame = next((each for each in _ancestors(image, root) if _is_frame(each)), None)
            if frame is not None and frame.mem_id not in captions:
                captions[frame.mem_id] = _caption(frame)
            yield ArticleImage(url, captions[frame.mem_id] if frame is not None else "")


def _is_spacer(image: LexborNode) -> bool:
    sides = (_PIXELS.fullmatch(image.attributes.get(side) or "") for side in ("width", "height"))
    return any(side and int(side[1]) <= _MAX_SPACER_PIXELS for side in sides)


def _is_frame(element: LexborNode) -> bool:
    """Return whether the caption of an image is in this element: its .img_wrapper; before 2014, <center> or table."""
    return element.tag in ("center", "table") or "img_wrapper" in (element.attributes.get("class") or "")


def _caption(frame: LexborNode) -> str:
    if "img_wrapper" in (frame.attributes.get("class") or ""):
        caption = frame.css_first(".img_descr")
        return _one_line(caption.text()) if caption is not None else ""
    alone = sum(not _is_spacer(other) for other in frame.css("img")) == 1
    text = _one_line(frame.text()) if alone else ""
    return text if len(text) <= _MAX_CAPTION_CHARS else ""


def _ancestors(node: LexborNode, root: LexborNode) -> Iterator[LexborNode]:
    ancestor = node.parent
    while ancestor is not None and ancestor.mem_id != root.mem_id:  # == would compare their HTML
        yield ancestor
        ancestor = ancestor.parent


def _one_line(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text).strip()


def _editor(root: LexborNode) -> str | None:
    line = root.css_first(".article-editor, .show_author")
    match = _EDITOR.search(line.text() if line is not None else (root.text() or "")[-200:])
    return match[1].strip() or None if match else None
