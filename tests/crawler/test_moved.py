"""Another article's page at the address of an article is recognised, and the article's own page never is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from archive.model.article import Article
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from crawler.extract.response import parse_fetch
from crawler.urls import address_digest, docid_of_page
from tests.support.fetches import make_fetch

AT = datetime(2026, 9, 29, tzinfo=UTC)
OWN, OTHER = "nabcdef0000001", "nuvwxyz0000002"
SITE = "https://finance.sina.com.cn"
URL = f"{SITE}/stock/2026-09-29/doc-i{OWN}.shtml"
ELSE = f"{SITE}/stock/2026-09-29/doc-i{OTHER}.shtml"
TOPIC = f"{SITE}/zt_d/topic/"


def publishid(value: str) -> str:
    return f'<meta name="publishid" content="{value}">'


def og(url: str) -> str:
    return f'<meta property="og:url" content="{url}"/>'


def canonical(url: str) -> str:
    return f'<link rel="canonical" href="{url}">'


def read(
    head: str, url: str = URL, listed: str = URL, docid: str = OWN, *, foreign: bool = False, rule: int = 2
) -> str | None:
    """The docid that the page moves to; None if it is an article."""
    page = (
        f'<html><head><meta charset="utf-8">{head}</head><body><h1 class="main-title">题</h1>'
        '<div id="artibody"><p>正文。</p></div></body></html>'
    ).encode()
    base = make_fetch(docid, AT)
    entry = replace(base.pending.entry, url=listed, foreign=foreign)
    fetch = replace(
        base, pending=replace(base.pending, entry=entry), response=RawResponse(url, 200, (), page), rule=rule
    )
    result = parse_fetch(fetch, 100_000)
    if isinstance(result, Failure):
        assert (result.kind, result.subject) == (FailureKind.GONE, docid)
        assert result.moved_to
        assert result.moved_to in result.reason
        return result.moved_to
    assert isinstance(result, Article)
    return None


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ("", ELSE),
        ("", ELSE.replace("https", "http")),
        ("", f"https://finance.sina.cn/usstock/2026-09-29/detail-i{OTHER}.d.html?from=wap"),
        ("", f"{SITE}/x/doc-i{OTHER}_2.shtml"),
        ("", ELSE.upper().replace("HTTPS://FINANCE.SINA.COM.CN", SITE)),
        (publishid(OTHER), URL),
        (publishid(OTHER), ELSE),
        (publishid(OTHER.upper()), URL),
        (publishid(f"comos:{OTHER}"), URL),
        (publishid(f" comos-{OTHER} "), URL),
        (publishid(f"{OTHER},nthird0000003"), URL),
        (publishid(OTHER) + og(URL), URL),
        (og(ELSE), URL),
        (og(ELSE.removeprefix("https:")), URL),
        (canonical(ELSE), URL),
        (canonical("/stock/2026-09-29/doc-i" + OTHER + ".shtml"), URL),
        (publishid("28,3,2762951") + og(ELSE), URL),
        (publishid("") + canonical(ELSE), URL),
    ],
)
def test_a_page_that_names_another_document_is_moved(head: str, url: str) -> None:
    assert read(head, url) == OTHER


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ("", URL),
        ("", URL.replace("https", "http")),
        ("", f"https://finance.sina.cn/x/detail-i{OWN}.d.html"),
        ("", f"https://cj.sina.com.cn/articles/view/doc-i{OWN}.shtml"),
        ("", URL.replace(".shtml", "_2.shtml")),
        ("", f"https://login.sina.com.cn/signup/signin.php?url={ELSE}"),
        ("", TOPIC),
        ("", f"https://app.finance.sina.com.cn/news/open.php?url={ELSE}"),
        ("", "https://example.com/x/doc-inuvwxyz0000002.shtml"),
        (publishid(OWN), URL),
        (publishid(OWN.upper()), URL),
        (publishid(f"comos:{OWN}"), URL),
        (publishid(f"i{OWN}"), URL),
        (publishid(f"comos-{OWN}"), ELSE),
        (publishid(OWN) + og(ELSE) + canonical(ELSE), URL),
        (publishid(f"{OTHER},{OWN}"), URL),
        (publishid(OTHER) + publishid(OWN), URL),
        (publishid("28,3,2762951"), URL),
        (publishid("video"), URL),
        (publishid(""), URL),
        (og(TOPIC) + canonical(TOPIC), URL),
        (og(URL) + canonical(ELSE), URL),
        (og(ELSE) + canonical(URL), URL),
        (og("https://example.com/doc-inuvwxyz0000002.shtml"), URL),
        (og("http://[bad/doc-inuvwxyz0000002.shtml"), URL),
        (og(URL), ELSE),
    ],
)
def test_the_articles_own_page_is_not(head: str, url: str) -> None:
    assert read(head, url) is None


def test_only_docids_of_sina_are_compared() -> None:
    old = f"{SITE}/stock/20091109/13481234567.shtml"
    assert read(publishid(OTHER), old, old, address_digest(old)) is None
    assert read(publishid(OTHER), URL, URL, address_digest(URL), foreign=True) is None
    assert read(publishid(f"{OTHER}"), URL, old, OWN) == OTHER, "the list states a docid that the address lacks"
    assert read(publishid(OWN), URL, ELSE, OWN) is None, "the address has another docid than the list states"
    assert read(publishid(OTHER), ELSE, ELSE, OWN) is None


def test_a_fetch_of_an_older_journal_is_read_as_it_was() -> None:
    assert read(publishid(OTHER), ELSE, rule=1) is None


def test_a_docid_that_begins_with_i_is_itself() -> None:
    url = f"{SITE}/c/2019-11-25/doc-iihnzahi3275702.shtml"
    assert docid_of_page(url) == "ihnzahi3275702"
    assert read(publishid("ihnzahi3275702"), url, url, "ihnzahi3275702") is None
