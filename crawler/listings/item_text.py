"""The text of an item of a feed: the whole article, or a part of it. Pure.

A feed states texts in several elements (content, description, summary) and never says whether one is the whole
article. The rules are in :func:`choose_text`, and the signs of a teaser in the tables below. See D202.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from crawler.extract.body import last_link_text, plain_text

# A content with fewer characters of text, and no more than the summary, is no whole article.
_MIN_WHOLE_CHARS = 200
# A content equal to the summary is a teaser if it is shorter than this. Teasers of the feeds that were tried have 100
# to 400 characters, in any language.
_MAX_EQUAL_CHARS = 500
# Longer HTML is a whole text, whatever the summary says; extracting its text would block everything else.
_LONG_HTML_CHARS = 100_000

# Signs of a teaser at the end of a text, each with the longest text that it may end: whole articles end with links to
# the original page, or to more articles, too.
_ELLIPSES = ("…", "...", "。。。", "･･･", "&hellip;")
_ANY_LENGTH = 1_000_000
_ARTICLE_CHARS = 1000
_PHRASES = {
    **dict.fromkeys(
        (
            "阅读全文", "查看全文", "点击阅读", "点击查看", "点击查看全文", "点击阅读全文", "继续阅读",
            "展开全文", "阅读更多", "查看更多", "阅读更多内容", "全文阅读", "閱讀全文", "查看全部",
            "繼續閱讀", "閱讀更多", "查看詳情", "查看详情", "详细内容", "read more", "read on",
            "continue reading", "keep reading", "read the full story", "read the full article",
            "read full story", "read full article", "read the rest", "full story", "full article",
            "view full post", "view article", "weiterlesen", "mehr lesen", "lire la suite", "lire plus",
            "leer más", "seguir leyendo", "leggi tutto", "continua a leggere", "lees verder", "ler mais",
            "leia mais", "läs mer", "les mer", "læs mere", "lue lisää", "czytaj dalej", "czytaj więcej",
            "devamını oku", "читать далее", "читать дальше", "читать полностью", "続きを読む", "続きをみる",
            "続きを見る", "全文を読む", "더 보기", "더보기",
        ),
        _ANY_LENGTH,
    ),
    **dict.fromkeys(
        (
            "全文", "更多", "详情", "查看原文", "阅读原文", "閱讀原文", "原文链接", "原文", "more", "more info",
            "details", "view original", "mehr", "suite",
        ),
        _ARTICLE_CHARS,
    ),
}  # fmt: skip
# Phrases of so few characters end ordinary sentences too: they count alone on a line, or as the text of a link.
_SHORT_PHRASE_CHARS = 2
_CLOSERS = " \t\n\r\u00a0\u3000>»›→➔▶☞)）]】」』"
_MARKS = _CLOSERS + ".。!！:：…"
_TAIL_CHARS = 300
# Lines that blogging programs add after the text.
_FOOTER = re.compile(r"\nThe post [^\n]{1,300} (?:appeared first|first appeared) on [^\n]{1,200}$")

_NO_SPACE = re.compile(r"\s+")


class Candidate(Struct, frozen=True):
    """One of the texts that a feed states for an item."""

    html: str
    text: str  # its plain text; of very long HTML, the HTML

    @property
    def letters(self) -> str:
        """The text without white space, for comparison."""
        return _NO_SPACE.sub("", self.text)


class StatedText(Struct, frozen=True):
    """The longest texts that a feed states for an item."""

    content: Candidate | None  # of elements for the whole text
    summary: Candidate | None  # of elements for a description

    @property
    def longest(self) -> Candidate | None:
        """The text with the most characters; of equal ones the content."""
        found = [each for each in (self.content, self.summary) if each]
        return max(found, key=lambda each: len(each.letters), default=None)


class ItemText(Struct, frozen=True):
    """What an item's texts are; the fields are those of :class:`~archive.model.feed.Entry`."""

    content: str | None = None
    listed_text: str | None = None
    is_excerpt: bool = False


def stated_text(contents: Iterable[str], summaries: Iterable[str]) -> StatedText:
    """Return the longest of an item's texts that is not empty, of each sort.

    :param contents: HTML of elements that may have the whole text
    :param summaries: HTML of elements for a description
    :raises ExtractionError: the markup exceeds its limits
    """
    return StatedText(_longest(contents), _longest(summaries))


def choose_text(stated: StatedText) -> ItemText:
    """Return what an item's texts are.

    The content is the whole article unless it is a teaser, or no longer than the summary. A teaser ends with one of
    the signs of the tables, or it is short and equal to the summary. A text in a description may be the whole
    article, so its page is asked first.
    """
    longest, content = stated.longest, stated.content
    if longest is None:
        return ItemText()
    if content is longest and len(content.html) > _LONG_HTML_CHARS:
        return ItemText(content=content.html)
    is_cut = is_teaser(longest)
    if content is None or content is not longest:
        return ItemText(listed_text=longest.html, is_excerpt=is_cut)
    size, summary = len(content.text), stated.summary
    is_equal = summary is not None and summary.letters == content.letters
    if is_cut or (is_equal and size < _MAX_EQUAL_CHARS):
        return ItemText(listed_text=content.html, is_excerpt=True)
    if size >= _MIN_WHOLE_CHARS or (summary is not None and not is_equal):
        return ItemText(content=content.html)
    return ItemText(listed_text=content.html)


def is_teaser(candidate: Candidate) -> bool:
    """Return whether a text ends with a sign that it goes on elsewhere."""
    if len(candidate.html) > _LONG_HTML_CHARS:
        return False
    text = _FOOTER.sub("", candidate.text.rstrip())
    size, tail = len(text), text[-_TAIL_CHARS:].rstrip(_CLOSERS)
    if tail.endswith(_ELLIPSES):
        return True
    tail = tail.rstrip(_MARKS).casefold()
    if any(size <= limit and _ends_with(tail, phrase) for phrase, limit in _PHRASES.items()):
        return True
    link = last_link_text(candidate.html).rstrip(_MARKS).casefold() if "<a" in candidate.html.lower() else ""
    if not link or not tail.endswith(link):
        return False
    limit = max((limit for phrase, limit in _PHRASES.items() if _begins_with(link, phrase)), default=0)
    return size <= limit


def _longest(texts: Iterable[str]) -> Candidate | None:
    candidates = (
        Candidate(html, html if len(html) > _LONG_HTML_CHARS else plain_text(html)) for html in texts if html.strip()
    )
    found = [each for each in candidates if each.text.strip() or "<img" in each.html.lower()]
    return max(found, key=lambda each: len(each.letters), default=None)


def _ends_with(tail: str, phrase: str) -> bool:
    """Return whether a text ends with a phrase, as a phrase of its own."""
    if not tail.endswith(phrase):
        return False
    before = tail[-len(phrase) - 1 : -len(phrase)]
    if phrase.isascii():
        return not before.isalnum() and (
            _PHRASES[phrase] == _ANY_LENGTH or before in ("", "\n", "[", "(", "|", ">", "…", ".")
        )
    return len(phrase) > _SHORT_PHRASE_CHARS or not before.isalnum()


def _begins_with(link: str, phrase: str) -> bool:
    """Return whether the text of a link is a phrase, or begins with one and goes on with a title."""
    if link == phrase:
        return True
    if not link.startswith(phrase) or len(phrase) <= _SHORT_PHRASE_CHARS:
        return False
    return not phrase.isascii() or (" " in phrase and not link[len(phrase)].isalnum())
