"""Titles of sites whose pages state two: the one that is declared for the site is the article's."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from json import dumps

import pytest

from archive.model.article import Page
from archive.model.feed import Entry
from crawler.extract.article import extract
from crawler.extract.other_sites.sites import SITES, site_of
from crawler.extract.other_sites.title_sources import HEADLINE_HOSTS, OG_TITLE_HOSTS

READERS = "Why the harbour of Sampleton freezes every tenth winter"
SEARCH = "Sampleton harbour: frozen port explained"
OG_SITE, HEADLINE_SITE, OTHER_SITE = "www.stern.de", "www.waz.de", "www.example.com"
TEXT = "".join(
    f"<p>Ships waited for {days} days outside the harbour, and the town sent bread and coal over the ice.</p>"
    for days in ("three", "four", "five")
)


def title_of(
    host: str, *, og: str = "", headline: str = "", heading: str = "", page_title: str = "", site_name: str = ""
) -> str:
    """Return the title of a page with these statements; it has none that is empty."""
    head = f"<title>{escape(page_title)}</title>" if page_title else ""
    for name, content in (("og:title", og), ("og:site_name", site_name)):
        head += f'<meta property="{name}" content="{escape(content)}">' if content else ""
    if headline:
        node = dumps({"@type": "NewsArticle", "headline": headline})
        head += f'<script type="application/ld+json">{node}</script>'
    h1 = f"<h1>{escape(heading)}</h1>" if heading else ""
    html = f"<html><head>{head}</head><body>{h1}<div>{TEXT}</div></body></html>"
    url = f"https://{host}/news/42.html"
    entry = Entry("e42", url, "", None, None, None, None, None, foreign=True)
    return extract(Page(url, html.encode(), "text/html", datetime(2026, 10, 1, tzinfo=UTC)), entry).title


def test_og_title_is_the_title_where_it_is_declared_whatever_the_heading_is() -> None:
    assert title_of(OG_SITE, og=READERS, headline=SEARCH, heading=SEARCH, page_title=SEARCH) == READERS
    assert title_of(OTHER_SITE, og=READERS, headline=SEARCH, heading=SEARCH, page_title=SEARCH) == SEARCH


def test_the_headline_is_the_title_where_it_is_declared_whatever_the_heading_is() -> None:
    assert title_of(HEADLINE_SITE, og=SEARCH, headline=READERS, heading=SEARCH, page_title=SEARCH) == READERS
    assert title_of(OTHER_SITE, og=SEARCH, headline=READERS, heading=SEARCH, page_title=SEARCH) == SEARCH


@pytest.mark.parametrize("host", ["stern.de", "www.stern.de", "mobile.stern.de", "a.b.stern.de", "WWW.Stern.de"])
def test_subdomains_belong_to_a_host(host: str) -> None:
    assert title_of(host, og=READERS, headline=SEARCH, heading=SEARCH, page_title=SEARCH) == READERS


@pytest.mark.parametrize("host", ["western.de", "my-stern.de", "stern.de.example.com", "stern.example.com", "de"])
def test_a_host_with_a_similar_name_is_another_site(host: str) -> None:
    assert title_of(host, og=READERS, headline=SEARCH, heading=SEARCH, page_title=SEARCH) == SEARCH


def test_a_declared_host_may_be_a_part_of_a_site() -> None:
    for host, title in (("timesofindia.indiatimes.com", READERS), ("economictimes.indiatimes.com", SEARCH)):
        assert title_of(host, og=SEARCH, headline=READERS, heading=SEARCH, page_title=SEARCH) == title


@pytest.mark.parametrize(
    ("host", "stated"), [(OG_SITE, {"headline": SEARCH}), (HEADLINE_SITE, {"og": SEARCH}), (OG_SITE, {})]
)
def test_a_page_without_the_declared_statement_has_the_title_of_any_page(host: str, stated: dict[str, str]) -> None:
    assert title_of(host, heading=SEARCH, page_title=SEARCH, **stated) == SEARCH


@pytest.mark.parametrize("name", ["Sampleton Star", "stern", "sampleton  STAR!"])
def test_a_declared_statement_that_is_the_sites_name_is_no_title(name: str) -> None:
    site = "Sampleton Star"
    assert title_of(OG_SITE, og=name, headline=SEARCH, heading=SEARCH, page_title=SEARCH, site_name=site) == SEARCH


@pytest.mark.parametrize("end", [" | Sampleton Star", " - Sampleton Star", " | Stern"])
def test_the_sites_name_is_cut_off(end: str) -> None:
    title = title_of(
        OG_SITE, og=READERS + end, headline=SEARCH, heading=SEARCH, page_title=SEARCH, site_name="Sampleton Star"
    )
    assert title == READERS


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("The harbour (", 'The harbour ("the pit") freezes every tenth winter'),
        ("The mayor speaks of the ice, and of…", "The mayor speaks of the ice, and of all that it costs the town"),
    ],
)
def test_a_declared_statement_that_is_cut_is_completed(cut: str, whole: str) -> None:
    assert title_of(OG_SITE, og=cut, headline=SEARCH, heading=whole, page_title=SEARCH) == whole


def test_a_statement_in_quotes_keeps_them() -> None:
    title = '"Ice is no excuse": mayor of Sampleton'
    assert title_of(OG_SITE, og=title, headline=SEARCH, heading=SEARCH, page_title=SEARCH) == title


def test_a_host_is_declared_once_in_lower_case_without_www() -> None:
    hosts = (*OG_TITLE_HOSTS, *HEADLINE_HOSTS)
    assert len(set(hosts)) == len(hosts)
    assert [host for host in hosts if host != host.lower() or host.startswith("www") or "." not in host] == []


def test_a_host_is_not_below_another_one_and_not_of_a_site_with_declared_elements() -> None:
    hosts = (*OG_TITLE_HOSTS, *HEADLINE_HOSTS)
    assert [(host, other) for host in hosts for other in hosts if host.endswith(f".{other}")] == []
    declared = [name for site in SITES for name in site.hosts]
    assert [host for host in hosts if site_of(host) or any(name.endswith(f".{host}") for name in declared)] == []
