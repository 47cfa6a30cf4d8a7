"""Rules about addresses: identity, absolute form, host."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.urls import absolute, digest, docid, host, is_web
from tests.support.examples import examples

ARTICLE = "https://finance.sina.com.cn/stock/2026-09-29/doc-initmeav9622448.shtml"


@pytest.mark.parametrize(
    ("stated", "url", "expected"),
    [
        ("comos:nitmeav9622448", "https://a.cn/", "nitmeav9622448"),
        ("nitmeav9622448", "https://a.cn/", "nitmeav9622448"),
        (" comos:nitmeav9622448 ", "https://a.cn/", "nitmeav9622448"),
        ("comos:aaaa1", ARTICLE, "aaaa1"),  # the stated docid takes precedence over the URL
        (None, ARTICLE, "nitmeav9622448"),
        ("", ARTICLE.replace("https", "http"), "nitmeav9622448"),
        (12345, ARTICLE, "nitmeav9622448"),
        ("comos:", ARTICLE, "nitmeav9622448"),
        ("slide:1234", ARTICLE, "nitmeav9622448"),
        ("comos:../../x", ARTICLE, "nitmeav9622448"),
        ("a/b/c/d", ARTICLE, "nitmeav9622448"),
        ("comos:" + "a" * 41, ARTICLE, "nitmeav9622448"),
        ("comos:abcd\n../x", ARTICLE, "nitmeav9622448"),
        (None, "https://finance.sina.cn/usstock/2026-09-29/detail-initmeav9622448.d.html", "nitmeav9622448"),
        (None, "https://finance.sina.com.cn/a/DOC-INITMEAV9622448.SHTML", "nitmeav9622448"),
    ],
)
def test_a_docid_is_the_stated_one_else_that_of_the_address(stated: object, url: str, expected: str) -> None:
    assert docid(stated, url) == expected


def test_an_address_without_a_docid_is_its_hash_whatever_scheme_and_fragment() -> None:
    plain = docid(None, "https://ent.sina.com.cn/y/2009-11-09/13482762951.shtml")
    assert plain == digest("ent.sina.com.cn/y/2009-11-09/13482762951.shtml")
    assert len(plain) == 16
    assert docid("", "http://ent.sina.com.cn/y/2009-11-09/13482762951.shtml#p2") == plain
    assert docid("", "http://ent.sina.com.cn/y/2009-11-09/13482762951_2.shtml") != plain


@settings(max_examples=examples(200), deadline=None)
@given(stated=st.none() | st.text() | st.integers(), url=st.text(max_size=60))
def test_a_docid_never_contains_a_path(stated: object, url: str) -> None:
    found = docid(stated, url)
    assert found
    assert found.isalnum()


def test_a_docid_has_a_bounded_length() -> None:
    assert len(docid(None, f"https://finance.sina.com.cn/a/doc-i{'a' * 300}.shtml")) <= 40


def test_a_docid_of_an_address_is_ascii() -> None:
    assert docid(None, "https://finance.sina.com.cn/a/doc-inıſtest1.shtml").isascii()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Finance.Sina.com.cn:8443/a", "finance.sina.com.cn"),
        ("http://user:pw@a.cn/", "a.cn"),
        ("http://[::1]:80/", "::1"),
        ("/relative", ""),
        ("", ""),
        ("http://[broken", ""),
    ],
)
def test_host_is_the_lower_case_name_without_a_port(url: str, expected: str) -> None:
    assert host(url) == expected


@pytest.mark.parametrize(
    "url", ["http://a.cn", "https://a.cn/b?c#d", "HTTPS://A.CN/", "http://127.0.0.1:1/", "http://[::1]/"]
)
def test_is_web_takes_http_and_https(url: str) -> None:
    assert is_web(url)


@pytest.mark.parametrize(
    "url",
    ["", "a.cn", "//a.cn/", "/a", "ftp://a.cn/", "file:///etc/passwd", "javascript:x", "data:text/html,x", "http://",
     "http:///a", "http://:80/", "http://user@/", "http://a.cn:0/", "http://a.cn:99999/", "http://a.cn:x/",
     "http://[::1", "http://\u2100.cn/"],
)  # fmt: skip
def test_is_web_takes_nothing_else(url: str) -> None:
    assert not is_web(url)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("//b.cn/x", "https://b.cn/x"),
        ("/x", "https://a.cn/x"),
        ("x", "https://a.cn/d/x"),
        ("../x", "https://a.cn/x"),
        ("?q=1", "https://a.cn/d/p?q=1"),
        ("#f", "https://a.cn/d/p#f"),
        (" /x\t\n", "https://a.cn/x"),
        ("ht\ntp://b.cn/", "http://b.cn/"),
        ("tel:123", "tel:123"),
        ("http://[x", "http://[x"),
    ],
)
def test_absolute_is_the_link_as_seen_from_the_page(link: str, expected: str) -> None:
    assert absolute("https://a.cn/d/p", link) == expected


@settings(max_examples=examples(200), deadline=None)
@given(base=st.text(max_size=30), link=st.text(max_size=30))
def test_no_address_raises(base: str, link: str) -> None:
    absolute(base, link)
    host(link)
    is_web(link)
    digest(link)
