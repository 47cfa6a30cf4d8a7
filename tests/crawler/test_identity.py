"""Which items are one article, and what becomes of those that two lists have."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from crawler.listings import live
from crawler.listings import rss as rss_list
from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_feed_kinds import LIVE, RSS, TEXT, configure, crawl, item, rss, telegraph
from tests.end_to_end.test_feed_kinds_trouble import channel, feed_of, feeds_config

AT = datetime(2026, 9, 29, tzinfo=UTC)


def test_pages_of_two_other_sites_are_two_articles() -> None:
    def one(site: str) -> bytes:
        return channel(f"<item><title>{site}</title><link>https://{site}.example/detail-iphone15.html</link></item>")

    docids = {rss_list.read(one(site), "application/xml", feed_of("rss"), AT).entries[0].docid for site in ("a", "b")}
    assert len(docids) == 2


@pytest.mark.slow
def test_another_sites_feed_does_not_take_over_an_article_of_sinas_that_waits(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    mocksite.fault("status", match=story.path, status=503)
    column_page = f'<ul id="listcontent"><li><a href="{mocksite.url}{story.path}">题</a></li></ul>'
    mocksite.site.pages["/c.shtml"] = column_page.encode()
    elsewhere = mocksite.url.replace("127.0.0.1", "localhost")
    evil = f"<item><title>别的</title><link>{elsewhere}/x/doc-i{story.docid}.shtml</link></item>"
    mocksite.site.pages[RSS] = channel(evil)
    feeds_config(home, mocksite, ("col", "column", "/c.shtml"), ("evil", "rss", RSS))
    home.run("crawl", "col")
    home.run("crawl", "evil")
    [(url,)] = home.rows(f"SELECT url FROM entries WHERE docid = '{story.docid}'")
    assert url == mocksite.url + story.path


@pytest.mark.parametrize("stated", [False, 0, "0", "", None, [], {}, "false", 0.0])
def test_what_is_no_deletion_is_none(stated: object) -> None:
    response = {
        "result": {"status": {"code": 0}, "data": {"feed": {"list": [{**item(1, "文"), "is_delete": stated}]}}}
    }
    listing = live.read(json.dumps(response).encode(), "application/json", feed_of("live"), AT)
    assert not listing.entries[0].withdrawn


@pytest.mark.parametrize("command", [("search", "茅台"), ("show", "live1"), ("diff", "live1")])
def test_no_bidi_on_a_terminal(home: Home, mocksite: MockSite, command: tuple[str, ...]) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, "【茅\u202e台[red]】茅台\u2066\u2028\x9b31m正文"))
    crawl(home)
    telegraph(mocksite, item(1, "【茅\u202e台[red]】茅台\u2066\u2028\x9b31m正\u202e文二"))
    crawl(home)
    out = home.run(*command).out
    assert not [hex(ord(c)) for c in out if 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u2028"], out[:300]


def test_an_article_of_a_list_of_pages_and_of_a_feed_that_carries_it_is_never_empty(
    home: Home, mocksite: MockSite
) -> None:
    """Two feeds of another site: one lists pages, the other carries the text, http and https."""
    story = mocksite.site.stories[0]
    mocksite.site.pages["/a.xml"] = rss([story], mocksite.url)
    mocksite.site.pages["/b.xml"] = rss([story], mocksite.url.replace("http:", "https:"), TEXT * 10)
    feeds_config(home, mocksite, ("a", "rss", "/a.xml"), ("b", "rss", "/b.xml"))
    crawl(home)  # both are polled before any page is requested
    assert [text for (text,) in home.rows("SELECT text FROM texts")] != [""]


def test_a_pending_page_and_a_feed_with_its_text_make_no_empty_article(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    mocksite.site.pages["/a.xml"] = rss([story], mocksite.url)
    mocksite.site.pages["/b.xml"] = rss([story], mocksite.url.replace("http:", "https:"), TEXT * 10)
    feeds_config(home, mocksite, ("a", "rss", "/a.xml"), ("b", "rss", "/b.xml"))
    mocksite.fault("status", match=story.path, status=503)
    home.run("crawl", "a")
    mocksite.clear_faults()
    home.run("crawl", "b")
    assert [text for (text,) in home.rows("SELECT text FROM texts")] != [""]


@pytest.mark.slow
def test_a_crawl_ends_when_the_hours_rechecks_are_spent(home: Home, mocksite: MockSite) -> None:
    """With the default budget of 600."""
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    crawl(home)
    home.execute(
        """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
           INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up)
           SELECT 'live1', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-10 minutes'), 'same', 1, 1, 0, 0 FROM n"""
    )
    telegraph(mocksite, item(1, f"【降准】{TEXT}更正。"))
    assert home.run("crawl", "--json", timeout=20).json["revised"] == 1
