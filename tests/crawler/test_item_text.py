"""Which text of a feed is the whole article, which is a teaser, and which may be either."""

from __future__ import annotations

import pytest

from archive.model.feed import Entry
from crawler.listings.item_text import Candidate, is_teaser
from tests.crawler.test_listings import read

SENTENCE = "某研究院发布样例报告，梳理了今年以来政策的配合情况。"
LONG = SENTENCE * 30
SHORT = SENTENCE * 3
TEASER = SENTENCE * 9  # 243 characters, more than a content needs to be whole by its length alone


def entries(*items: str) -> list[Entry]:
    body = (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:itunes="http://www.itunes.com/DTDs/PodCast-1.0.dtd"><channel><title>t</title>'
        + "".join(f"<item><title>a</title><link>https://a.cn/{n}</link>{item}</item>" for n, item in enumerate(items))
        + "</channel></rss>"
    )
    return list(read("rss", body.encode()).entries)


def content(html: str) -> str:
    return f"<content:encoded><![CDATA[{html}]]></content:encoded>"


def description(html: str) -> str:
    return f"<description><![CDATA[{html}]]></description>"


def texts(item: str) -> tuple[str | None, str | None, bool]:
    [entry] = entries(item)
    return entry.content, entry.listed_text, entry.is_excerpt


WHOLE = {
    "content alone": content(LONG),
    "content and a summary": content(LONG) + description(SHORT),
    "summary and content": description(SHORT) + content(LONG),
    "long, equal to the summary": content(LONG) + description(f"<p>{LONG}</p>"),
    "short, longer than the summary": content(SHORT) + description("摘要"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_text_is_the_content(name: str) -> None:
    found, listed, is_excerpt = texts(WHOLE[name])
    assert found in (LONG, SHORT)
    assert (listed, is_excerpt) == (None, False)


EXCERPTS = {
    "short, equal to the summary": content(f"<p>{TEASER}</p>") + description(TEASER),
    "equal but for white space": content(f"<p>{SENTENCE}</p>\n<p>{SENTENCE * 8}</p>") + description(TEASER),
    "an ellipsis": content(f"<p>{TEASER}…</p>") + description(SHORT),
    "a link": content(f'<p>{TEASER}<a href="/x">阅读全文</a></p>'),
    "a description with a sign": description(f"{SHORT}[&hellip;]"),
    "of any length": content(f"<p>{LONG}</p><p><a href='/x'>Continue reading Title of it</a></p>"),
}


@pytest.mark.parametrize("name", EXCERPTS)
def test_a_teaser_never_stands_for_the_article(name: str) -> None:
    found, listed, is_excerpt = texts(EXCERPTS[name])
    assert (found, is_excerpt) == (None, True)
    assert listed
    assert SENTENCE in listed


UNDECIDED = {
    "a description": (description(LONG), LONG),
    "a flash in a description": (description(SENTENCE), SENTENCE),
    "a flash in a content": (content(SENTENCE), SENTENCE),
    "a description longer than the content": (content(TEASER) + description(LONG), LONG),
    "the longer of two descriptions": (description(SENTENCE) + f"<dc:description>{SHORT}</dc:description>", SHORT),
    "a summary of a podcast": (description(SENTENCE) + f"<itunes:summary>{SHORT}</itunes:summary>", SHORT),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_text_that_may_be_whole_is_kept_and_the_page_is_asked(name: str) -> None:
    item, listed = UNDECIDED[name]
    assert texts(item) == (None, listed, False)


def test_the_caption_of_a_picture_is_no_text_of_the_item() -> None:
    caption = f"<media:content url='/1.png'><media:description>{LONG}</media:description></media:content>"
    assert texts(description(SENTENCE) + caption) == (None, SENTENCE, False)


def test_an_item_without_a_text_has_none() -> None:
    assert texts("") == (None, None, False)
    assert texts(description(" <p> </p> ")) == (None, None, False)


ENDS = [
    "……", "...", "[...]", "[…]", "（...）", " 阅读全文", "阅读全文>>", "【查看全文】", "点击阅读全文 »",
    "\n全文", "（全文）", "\n更多", " Read more", " Read More →", " (more)", "\nmore...", " Continue reading",
    " weiterlesen", " Lire la suite", " 続きを読む", "\n查看原文",
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_text_that_ends_with_a_sign_is_a_teaser(end: str) -> None:
    for text in (f"{TEASER}{end}", f"{TEASER}{end}\nThe post Title appeared first on Site."):
        assert is_teaser(Candidate(text, text)), text


@pytest.mark.parametrize(
    "end", ["。", "公司发布了公告全文", "价格涨得更多", " and nothing more", " They read more.", "”", "", "\n(完)"]
)
def test_an_ordinary_end_is_no_sign(end: str) -> None:
    text = f"{TEASER}{end}"
    assert is_teaser(Candidate(text, text)) is (end == " They read more.")


def test_a_whole_article_may_end_with_a_link_to_its_original() -> None:
    assert texts(content(f'<p>{LONG * 2}</p><p><a href="https://a.cn/0">查看原文</a></p>'))[0]


def test_whole_texts_of_one_length_stay_whole() -> None:
    """Exchanges and agencies publish notices of one form: their lengths say nothing."""
    whole = entries(*(content(f"<p>{n}{LONG[:250]}</p>") for n in range(6)))
    assert all(entry.content for entry in whole)


def test_an_item_without_a_page_is_its_text() -> None:
    item = f"<item><title>a</title><guid>12345</guid>{{}}<description>{SENTENCE}</description></item>"
    body = f"<rss><channel>{item}</channel></rss>"
    found = {}
    for link in ("", "<link/>", "<link>N/A</link>", "<link>#</link>", "<link>javascript:void(0)</link>"):
        [entry] = read("rss", body.format(link).encode()).entries
        found[entry.docid] = (entry.content, entry.listed_text, entry.guid)
    assert list(found.values()) == [(SENTENCE, None, "12345")], "it is one article, whatever stands for its link"


def test_a_text_without_markup_is_escaped() -> None:
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title>a</title><id>x</id>'
        f'<link href="https://a.cn/1"/><content type="text">1 &lt; 2 AT&amp;T\n\n{LONG}</content></entry></feed>'
    )
    [entry] = read("rss", body.encode()).entries
    assert entry.content == f"<p>1 &lt; 2 AT&amp;T</p><p>{LONG}</p>"
