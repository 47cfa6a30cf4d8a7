"""Pages of other sites: each declared site has a page and the record that must result from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.extract.article import extract
from crawler.extract.other_sites.sites import ANYWHERE, SITES, Site, site_of
from crawler.markup.parser import parse_html
from crawler.urls import host

PAGES = Path(__file__).parents[1] / "pages" / "sites"
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)


def record_of(site: Site) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((PAGES / f"{site.name}.json").read_text(encoding="utf-8"))
    return record


def article_of(html: str, url: str) -> Article:
    entry = Entry("e42", url, "", None, None, None, None, None, foreign=True)
    return extract(Page(url, html.encode(), "text/html", FETCHED), entry)


def html_of(site: Site) -> str:
    return (PAGES / f"{site.name}.html").read_text(encoding="utf-8")


each_site = pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)


@each_site
def test_the_record_of_its_page(site: Site) -> None:
    expected = record_of(site)
    article = article_of(html_of(site), expected["url"])
    assert article.text.splitlines() == expected["text"]
    assert article.title == expected["title"]
    assert article.published == datetime.fromisoformat(expected["published"]).replace(tzinfo=UTC)
    assert article.precision.value == expected["precision"]
    assert article.media == expected["media"]
    assert list(article.authors) == expected["authors"]
    assert len(article.pictures) == expected["pictures"]


@each_site
def test_its_page_has_the_element_that_is_declared(site: Site) -> None:
    tree = parse_html(html_of(site))
    assert any(tree.css_first(selector) for selector in site.body)
    assert site_of(host(record_of(site)["url"])) == site


def test_every_page_belongs_to_a_site() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.html")) == sorted(site.name for site in SITES)


def test_names_and_hosts_are_declared_once() -> None:
    names = [site.name for site in SITES] + [name for site in SITES for name in site.hosts]
    assert len(names) == len(set(names))


def test_a_site_is_found_by_its_subdomains_and_the_longest_name_counts() -> None:
    found = [
        site_of(name) for name in ("mp.weixin.qq.com", "new.qq.com", "not163.com", "money.163.com", "example.com")
    ]
    assert [site.name if site else None for site in found] == ["wechat", "qq", None, "163", None]


@pytest.mark.parametrize(
    "site", [site for site in SITES if set(site.body) & set(ANYWHERE)], ids=lambda site: site.name
)
def test_its_article_is_found_under_another_address_too(site: Site) -> None:
    article = article_of(html_of(site), "https://www.example.com/a/1.html")
    assert [line for line in record_of(site)["text"] if line not in article.text] == []
