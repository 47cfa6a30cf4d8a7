"""Slots of Sina's templates: parts of a body between two comments, such as ``<!-- 期货推广begin -->`` … ``end``.

Templates mark each part that they insert this way: promotions, topics, players, declarations, QR codes. The article's
own text stands between slots, or in one that is named after it. See D134.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct
from selectolax.lexbor import LexborNode

from crawler.extract.page_lines import article_lines

# These comments end the text: Sina's list of stocks, and the mark of the layout before 2014. Notices and related
# links follow, sometimes a last image or paragraph.
END_OF_TEXT = ("news_keyword_pub", "publish_helper_end")
TEXT_RESUMES = "publish_helper name"

_MAX_COMMENT_CHARS = 120  # a mark with the name of its author and a date; longer comments are disabled code
# `ADS:begin=PDPS00001` and `ADS:end`, `正文 start` and `正文 end`, `广告开始` and `广告结束`; "beign" occurs.
_BEGIN = re.compile(r"(?<![a-z])(?:begin|beign|start|开始)(?:\s*=.{0,80})?$|^(?:begin|start)\b")
_END = re.compile(r"(?<![a-z])(?:end|结束)$|^(?:end\b|/)")
_PADDING = " \t\r\n-—=_*#.·:：!<>[]【】"
_NON_WORD = re.compile(r"[\W_]+")
_MIN_LABEL_CHARS = 2  # of a label that is part of another: a begin may have a date or a name that its end has not
_MAX_DEPTH = 40  # begins without an end before this one; real pages have fewer than ten. It keeps the time linear.
# Slots that hold the article or a part of it. That of the editor's line is among them: the line has rules of its own,
# and an author may add a last paragraph before it.
_ARTICLE = re.compile(
    r"(?:原始|新闻|文章|页面|主要?)?(?:正文|原文|全文|内容|主体)(?:内容|文字|部分|区域?|块|页面?|列|主体)?|文章|新闻"
    r"|(?:main|post|news|art|article|page)?(?:content|text|body|story|article|main)(?:box|area|wrap)?|artibody"
    r"|googleadsection|(?:内容|文章|新闻)?(?:导语|摘要|提要)|编者按|编辑姓名及工作代码|图集|组图|(?:正文|文章)?(?:图片|图表|表格)"
)
# Slots below the text whose two marks are equal.
_EQUAL_MARKS = re.compile("总?声明|正文下iframe|文末.{1,8}|.{0,6}二维码")
# A slot with all the text is the article if it has at least this much: promotions are shorter.
_MIN_ARTICLE_CHARS = 100


class _Mark(Struct, frozen=True):
    """A comment that may begin or end a slot."""

    place: int  # in the document
    text: str  # normalized
    label: str  # its letters and digits, without "begin" or "end"
    is_begin: bool
    is_end: bool


def remove_slots(body: LexborNode) -> None:
    """Remove the content of template slots from a body."""
    nodes, first = _nodes(body)
    slots = _outermost(_removable(nodes))
    if not slots:
        return
    if _has_article(nodes[first:], [(begin - first, end - first) for begin, end in slots]):
        slots = _outermost(sorted({*_removable(nodes)}.difference(slots)))
    for begin, end in slots:
        if end > first:
            _remove_between(nodes[begin] if begin >= first else None, nodes[end], body)


def _nodes(body: LexborNode) -> tuple[list[LexborNode], int]:
    """Return the nodes of the document in order, and the place of the first in the body.

    A parser puts comments and styles that precede the content outside the body.
    """
    html = body.parent
    before: list[LexborNode] = []
    if html is None:
        return list(body.traverse(include_text=True))[1:], 0
    node = html.prev
    while node is not None:
        before.append(node)
        node = node.prev
    nodes = [*reversed(before), *html.traverse(include_text=True)]
    return nodes, next(place for place, node in enumerate(nodes) if node.mem_id == body.mem_id) + 1


def _removable(nodes: Sequence[LexborNode]) -> list[tuple[int, int]]:
    """Return the places of the two marks of each slot that does not hold the article."""
    marks = list(_marks(nodes))
    ends_of_text = [mark.place for mark in marks if mark.text.startswith((*END_OF_TEXT, TEXT_RESUMES))]
    pairs = list(_pairs(marks))
    paired = {mark.place for pair in pairs for mark in pair}
    alone = [mark for mark in marks if mark.place not in paired]
    pairs += _equal_pairs(alone, min(ends_of_text, default=len(nodes)))
    return [
        (begin.place, end.place)
        for begin, end in pairs
        if not _ARTICLE.fullmatch(begin.label)
        and bisect(ends_of_text, begin.place) == bisect(ends_of_text, end.place)
    ]


def _marks(nodes: Sequence[LexborNode]) -> Iterator[_Mark]:
    for place, node in enumerate(nodes):
        if node.is_comment_node:
            comment = node.comment_content or ""
            if len(comment) > _MAX_COMMENT_CHARS and comment.strip().startswith(END_OF_TEXT):
                comment = comment[:_MAX_COMMENT_CHARS]
            if len(comment) <= _MAX_COMMENT_CHARS and (words := _words_of(comment))[1]:
                yield _Mark(place, *words)


@lru_cache(maxsize=1024)  # the comments of a template are the same on all its pages
def _words_of(comment: str) -> tuple[str, str, bool, bool]:
    """Return the fields of a mark after its place."""
    text = unicodedata.normalize("NFKC", comment).casefold().strip(_PADDING)
    end = _END.search(text)
    begin = None if end else _BEGIN.search(text)
    word = begin or end
    label = _NON_WORD.sub("", text[: word.start()] + text[word.end() :] if word else text)
    return text, label, begin is not None, end is not None


def _pairs(marks: Sequence[_Mark]) -> Iterator[tuple[_Mark, _Mark]]:
    """Yield the marks of slots that begin and end differently, each end with the nearest begin that fits."""
    open_marks: list[_Mark] = []
    for mark in marks:
        if not mark.is_end:
            open_marks.append(mark)
            continue
        may_open = [each for each in open_marks[-_MAX_DEPTH:] if each.is_begin or mark.text.startswith("/")]
        exact = [each for each in may_open if each.label == mark.label]
        similar = [each for each in may_open if each.is_begin and _is_similar(each.label, mark.label)]
        if begin := next(reversed(exact or similar), None):
            yield begin, mark
            while open_marks.pop() is not begin:  # slots inside it that do not end
                pass


def _is_similar(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= _MIN_LABEL_CHARS and (one in other or other in one)


def _equal_pairs(marks: Sequence[_Mark], end_of_text: int) -> Iterator[tuple[_Mark, _Mark]]:
    """Yield the first and the last of equal marks, of slots that stand below the text."""
    first: dict[str, _Mark] = {}
    last: dict[str, _Mark] = {}
    for mark in marks:
        is_below = mark.place > end_of_text and not mark.text.startswith((*END_OF_TEXT, TEXT_RESUMES))
        if not mark.is_end and (is_below or _EQUAL_MARKS.fullmatch(mark.label)):
            first.setdefault(mark.text, mark)
            last[mark.text] = mark
    return ((mark, last[text]) for text, mark in first.items() if last[text] is not mark)


def _outermost(slots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for begin, end in sorted(slots, key=lambda slot: (slot[0], -slot[1])):
        if not result or begin > result[-1][1]:
            result.append((begin, end))
    return result


def _has_article(nodes: Sequence[LexborNode], slots: Sequence[tuple[int, int]]) -> bool:
    """Return whether the slots hold all the text of the body, so that they are no slots of the template."""
    inside = 0
    remaining = iter([*slots, (len(nodes), len(nodes))])
    begin, end = next(remaining)
    for place, node in enumerate(nodes):
        while place > end:
            begin, end = next(remaining)
        text = (node.text() or "").strip() if node.is_text_node else ""
        if place > begin:
            inside += len(text)
        elif node.tag == "img" or (text and any(article_lines([text]))):
            return False
    return inside >= _MIN_ARTICLE_CHARS


def _remove_between(begin: LexborNode | None, end: LexborNode, body: LexborNode) -> None:
    """Remove what stands between two comments, which may have different parents.

    :param begin: None for the start of the body
    """
    around_end = set()
    ancestor = end.parent
    while ancestor is not None and ancestor.mem_id != body.mem_id:
        around_end.add(ancestor.mem_id)
        ancestor = ancestor.parent
    node = _following(begin) if begin is not None else body.first_child
    while node is not None and node.mem_id != end.mem_id:
        if node.mem_id in around_end:
            node = node.first_child
            continue
        following = _following(node)
        node.decompose()
        node = following


def _following(node: LexborNode) -> LexborNode | None:
    """Return the next node in document order that is not inside this one."""
    current: LexborNode | None = node
    while current is not None and current.next is None:
        current = current.parent
    return current.next if current is not None else None
