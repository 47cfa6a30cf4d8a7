"""Addresses of one page have one canonical form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.canonical_url import canonical_form
from crawler.urls import address_digest, former_digest

PAGE = "https://news.example/a/1?b=2&id=7"


@pytest.mark.parametrize(
    "other",
    [
        "http://news.example/a/1?b=2&id=7",
        "https://NEWS.Example/a/1?b=2&id=7",
        "https://news.example:443/a/1?b=2&id=7",
        "http://news.example:80/a/1?b=2&id=7",
        "https://news.example/a/1?id=7&b=2",
        "https://news.example/x/../a/./1?b=2&id=7",
        "https://news.example/%61/1?b=2&id=7",
        "https://news.example/a/1?b=2&id=7#top",
        "https://news.example/a/1?b=2&utm_source=rss&id=7&UTM_Medium=feed",
        "https://news.example/a/1?spm=a2.1&b=2&id=7&from=timeline&isappinstalled=0",
        "https://news.example/a/1;jsessionid=AB12?b=2&id=7",
        " https://news.example/a/1?b=2&id=7\n",
    ],
)
def test_addresses_of_one_page_have_one_form(other: str) -> None:
    assert canonical_form(other) == canonical_form(PAGE)
    assert address_digest(other) == address_digest(PAGE)


@pytest.mark.parametrize(
    "other",
    [
        "https://news.example/a/1?b=2&id=8",
        "https://news.example/A/1?b=2&id=7",
        "https://m.news.example/a/1?b=2&id=7",
        "https://news.example:8443/a/1?b=2&id=7",
        "https://news.example/a/1?b=2&id=7&from=2026",
        "https://news.example/a/1/?b=2&id=7",
        "https://news.example/a/1?b=2&id=7#!/3",
        "https://news.example/a%2F1?b=2&id=7",
    ],
)
def test_addresses_of_other_pages_have_another_form(other: str) -> None:
    assert canonical_form(other) != canonical_form(PAGE)


def test_chinese_and_encoded_addresses_are_the_same() -> None:
    assert canonical_form("http://例子.cn/新闻?q=央行") == canonical_form(
        "http://xn--fsqu00a.cn/%e6%96%b0%e9%97%bb?q=%E5%A4%AE%E8%A1%8C"
    )


def test_a_plain_address_keeps_the_digest_that_archives_know_it_by() -> None:
    for url in ("https://news.example/2026/1.html", "http://a.cn/x?id=1", "https://f.example/feed#!0123"):
        assert address_digest(url) == former_digest(url)


@given(st.text(max_size=80) | st.builds("http://a.cn/{}?{}".format, st.text(max_size=20), st.text(max_size=30)))
def test_any_text_has_a_form_and_the_form_is_its_own(text: str) -> None:
    form = canonical_form(text)
    assert canonical_form(f"http://{form}") in (form, canonical_form(f"http://{canonical_form(f'http://{form}')}"))
