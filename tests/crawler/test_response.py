"""A response becomes an article, or a failure with a reason."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from archive.model.article import Article, TextSource
from archive.model.feed import Entry, Failure, FailureKind
from archive.model.fetch import Fetch, RawResponse
from crawler.extract.response import parse_fetch
from tests.support.fetches import make_fetch

AT = datetime(2026, 9, 29, tzinfo=UTC)
URL = "https://finance.sina.com.cn/stock/2026-09-29/doc-inabcdef0000001.shtml"
PAGE = (
    '<html><head><meta charset="utf-8"></head><body><h1 class="main-title">题</h1>'
    '<div id="artibody"><p>　　正文。</p>'
    '<p class="article-editor">责任编辑：周晓岚 </p></div></body></html>'
).encode()
MAX_BYTES = 100_000


def fetch(body: bytes = PAGE, status: int = 200, url: str = URL, **headers: str) -> Fetch:
    """A fetch of an article with this response."""
    base = make_fetch("nabcdef0000001", AT)
    entry = replace(base.pending.entry, url=URL, title="")
    stated = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return replace(base, pending=replace(base.pending, entry=entry), response=RawResponse(url, status, stated, body))


def failure(answered: Fetch) -> tuple[FailureKind, str]:
    result = parse_fetch(answered, MAX_BYTES)
    assert isinstance(result, Failure)
    assert result.subject == "nabcdef0000001"
    return result.kind, result.reason


def bare(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", PAGE),
        ("gzip", gzip.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", bare(PAGE)),
        ("X-GZIP", gzip.compress(PAGE)),
    ],
)
def test_a_page_is_parsed_in_any_content_coding(coding: str, body: bytes) -> None:
    article = parse_fetch(fetch(body, content_encoding=coding), MAX_BYTES)
    assert isinstance(article, Article)
    assert (article.title, article.text, article.editor) == ("题", "正文。", "周晓岚")


@pytest.mark.parametrize(
    ("answered", "kind", "words"),
    [
        (fetch(status=404), FailureKind.GONE, "status 404"),
        (fetch(status=503), FailureKind.TEMPORARY, "status 503"),
        (fetch(status=403), FailureKind.BLOCKED, "refuses requests"),
        (fetch(status=302, location="ftp://x/"), FailureKind.UNREADABLE, "ftp://x/"),
        (fetch("<html>页面没有找到</html>".encode()), FailureKind.GONE, "页面没有找到"),
        (fetch("<html><meta charset=gb2312>页面没有找到</html>".encode("gbk")), FailureKind.GONE, "页面没有找到"),
        (fetch(url="https://finance.sina.com.cn/"), FailureKind.GONE, "front page"),
        (fetch(url="https://finance.sina.com.cn/stock/"), FailureKind.GONE, "front page"),
        (fetch(b"<html><title>x</title></html>"), FailureKind.UNREADABLE, "no article element"),
        (fetch(gzip.compress(b"x" * (MAX_BYTES + 1)), content_encoding="gzip"), FailureKind.REFUSED, "max_body"),
        (fetch(b"no gzip", content_encoding="gzip"), FailureKind.TEMPORARY, "content coding"),
        (fetch(gzip.compress(PAGE)[:-9], content_encoding="gzip"), FailureKind.TEMPORARY, "in the middle"),
        (fetch(b"x", content_encoding="br"), FailureKind.UNREADABLE, "'br', which was not asked for"),
    ],
)
def test_what_is_no_article_is_distinguished(answered: Fetch, kind: FailureKind, words: str) -> None:
    result, reason = failure(answered)
    assert result is kind
    assert words in reason


def without_length(answered: Fetch) -> Fetch:
    assert answered.response is not None
    return replace(answered, response=replace(answered.response, stated_length=False))


def test_a_page_without_its_end_is_marked() -> None:
    cut, no_html = fetch(PAGE[:-20]), fetch(PAGE.replace(b"<html>", b"").replace(b"</html>", b""))
    answers = (fetch(), cut, no_html, without_length(fetch()), without_length(cut), without_length(no_html))
    assert [parse_fetch(each, MAX_BYTES).is_cut for each in answers] == [False, True, False, False, True, True]
    assert [parse_fetch(replace(each, rule=2), MAX_BYTES).is_cut for each in answers] == [False] * 6
    no_article = fetch(b"<html><title>x</title>")
    assert parse_fetch(no_article, MAX_BYTES) == replace(
        parse_fetch(fetch(b"<html><title>x</title></html>"), MAX_BYTES), is_cut=True
    )


def test_older_fetches_are_read_as_they_were() -> None:
    cut = replace(without_length(fetch(PAGE[:-20])), rule=2)
    assert failure(cut) == (FailureKind.TEMPORARY, "the page ends in the middle")
    place = PAGE.index("正文".encode())
    first, second = gzip.compress(PAGE[:place]), gzip.compress(PAGE[place:])
    for rule, text in ((2, ""), (3, "正文。")):
        article = parse_fetch(replace(fetch(first + second, content_encoding="gzip"), rule=rule), MAX_BYTES)
        assert isinstance(article, Article)
        assert article.text == text
    torn = gzip.compress(PAGE)[:-20]
    assert isinstance(parse_fetch(replace(fetch(torn, content_encoding="gzip"), rule=2), MAX_BYTES), Article)
    assert failure(fetch(torn, content_encoding="gzip"))[0] is FailureKind.TEMPORARY


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_a_page_in_a_coding_that_was_not_asked_for_is_a_failure_with_its_name(coding: str) -> None:
    kind, reason = failure(fetch(content_encoding=coding))
    assert kind is FailureKind.UNREADABLE
    assert coding.rpartition(" ")[2] in reason


def test_two_lines_of_codings_are_undone_in_turn() -> None:
    answered = fetch(gzip.compress(zlib.compress(PAGE)))
    assert answered.response
    headers = (("Content-Encoding", "DEFLATE"), ("content-encoding", " Gzip "))
    result = parse_fetch(replace(answered, response=replace(answered.response, headers=headers)), MAX_BYTES)
    assert isinstance(result, Article)
    assert result.text == "正文。"


def test_an_address_that_is_none_costs_its_image_or_link_only() -> None:
    body = PAGE.replace(
        "正文。".encode(), '正文。<img src="http://[bad.png"><a href="//[x">一</a><img src=//a.cn/b.png>'.encode()
    )
    article = parse_fetch(fetch(body, content_type="text/html"), MAX_BYTES)
    assert isinstance(article, Article)
    assert article.text == "正文。一"
    assert article.pictures[-1].url == "https://a.cn/b.png"


def test_what_kept_an_answer_from_coming_is_passed_on() -> None:
    refused = Failure("nabcdef0000001", FailureKind.TEMPORARY, "reset")
    assert parse_fetch(replace(fetch(), response=None, failure=refused), MAX_BYTES) is refused


def test_a_text_in_the_listing_needs_no_response() -> None:
    base = replace(fetch(), response=None)
    entry = replace(
        base.pending.entry, title="快讯", content="<p>央行今日开展逆回购。</p>", symbols=("sh600519",), published=AT
    )
    carried = replace(base, pending=replace(base.pending, entry=entry))
    article = parse_fetch(carried, MAX_BYTES)
    assert isinstance(article, Article)
    assert (article.title, article.text, article.symbols) == ("快讯", "央行今日开展逆回购。", ("sh600519",))
    gone = replace(carried, pending=replace(carried.pending, entry=replace(entry, withdrawn=True)))
    assert failure(gone) == (FailureKind.GONE, "the listing says that it was deleted")
    assert isinstance(entry, Entry)


# The text in the feed beside that of the page


def listed(text: str, page: str, *, is_excerpt: bool = False) -> Article | Failure:
    base = fetch(PAGE.replace("　　正文。".encode(), page.encode()))
    entry = replace(base.pending.entry, listed_text=f"<p>{text}</p>", is_excerpt=is_excerpt)
    return parse_fetch(replace(base, pending=replace(base.pending, entry=entry)), MAX_BYTES)


@pytest.mark.parametrize(
    ("page", "source"),
    [
        ("请先登录。", TextSource.FEED),
        ("央行宣布降准。" * 5, TextSource.PAGE),
        ("央行宣布降准。" * 30, TextSource.PAGE),
    ],
)
def test_a_page_with_far_less_text_than_the_feed_is_not_the_article(page: str, source: TextSource) -> None:
    article = listed("央行宣布降准。" * 8, page)
    assert isinstance(article, Article)
    assert article.text_from is source
    assert (article.text_note is None) == (source is TextSource.PAGE)


def test_a_teaser_never_stands_for_a_page() -> None:
    article = listed("央行宣布降准。" * 8, "请先登录。", is_excerpt=True)
    assert isinstance(article, Article)
    assert (article.text, article.text_from) == ("请先登录。", TextSource.PAGE)
