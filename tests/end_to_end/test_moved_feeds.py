"""Feeds that move, end, or are gzip files; sitemaps. Over real HTTP."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest

from archive.model.feed import FailureKind
from mocksite.server import MockSite
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.intervals import Pace, next_poll
from tests.archive.test_store import NOW
from tests.conftest import Home
from tests.end_to_end.test_feed_kinds import RSS, TEXT, configure, crawl, rss

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
NEW = "/new.xml"


@pytest.mark.parametrize(("status", "is_permanent"), [(301, True), (308, True), (302, False), (307, False)])
def test_a_feed_that_has_moved_permanently_is_read_and_named_once(
    home: Home, mocksite: MockSite, status: int, is_permanent: bool
) -> None:
    mocksite.site.pages[NEW] = rss(mocksite.site.stories[:2], "https://news.example", TEXT * 10)
    mocksite.fault("redirect", match=f"^{RSS}", to=NEW, status=status)
    configure(home, mocksite, "rss", RSS)
    first, second = home.run("crawl"), home.run("crawl")
    assert first.status == second.status == 0
    assert (f"feed-moved feed=it to={mocksite.url}{NEW}" in first.err) is is_permanent
    assert "feed-moved" not in second.err
    [feed] = home.run("status", "--json").json["feeds"]
    assert feed["state"] in ("ok", "stale")  # the invented articles are old
    assert (f"moved permanently to {mocksite.url}{NEW}" in feed["reason"]) is is_permanent
    assert ("moved permanently" in home.run("status").out.replace("\n", " ")) is is_permanent

    mocksite.clear_faults()
    mocksite.site.pages[RSS] = mocksite.site.pages[NEW]
    crawl(home)
    assert "moved permanently" not in home.run("status", "--json").json["feeds"][0]["reason"]


def test_a_feed_that_has_ended_says_so(home: Home, mocksite: MockSite) -> None:
    mocksite.fault("status", match=f"^{RSS}", status=410)
    configure(home, mocksite, "rss", RSS)
    outcome = home.run("crawl", "--json")
    assert (outcome.status, outcome.json["feeds"][0]["error"]) == (3, "status 410: the feed has ended")
    [feed] = home.run("status", "--json").json["feeds"]
    assert feed["state"] == "failing"
    assert "the feed has ended" in feed["reason"]
    assert "once a day" in feed["reason"]
    assert home.rows("SELECT error_kind FROM feeds") == [(FailureKind.ENDED,)]


@pytest.mark.parametrize("cron_next", [None, NOW + HOUR])
def test_a_feed_that_has_ended_is_polled_once_a_day(cron_next: object) -> None:
    pace = Pace(HOUR / 60, HOUR, HOUR / 12)
    due = next_poll(EMPTY, pace, NOW, last_poll=NOW, last_success=None, cron_next=cron_next, has_ended=True)  # type: ignore[arg-type]
    assert due == NOW + 24 * HOUR
    assert next_poll(EMPTY, pace, NOW, last_poll=None, last_success=None, has_ended=True) == NOW


def test_a_feed_in_a_gzip_file_is_read(home: Home, mocksite: MockSite) -> None:
    body = rss(mocksite.site.stories[:2], "https://news.example", TEXT * 10)
    mocksite.site.pages["/f.xml.gz"] = gzip.compress(body)
    configure(home, mocksite, "rss", "/f.xml.gz")
    assert crawl(home)["archived"] == 2


def test_a_gzip_file_that_is_a_bomb_is_refused(home: Home, mocksite: MockSite) -> None:
    mocksite.site.pages["/f.xml.gz"] = gzip.compress(b"<rss>" + bytes(20_000_000))
    configure(home, mocksite, "rss", "/f.xml.gz")
    outcome = home.run("crawl", "--json")
    assert "unpacks to more" in outcome.json["feeds"][0]["error"]


def test_the_articles_of_a_sitemap_are_archived_and_rebuilt(home: Home, mocksite: MockSite) -> None:
    paragraphs = "".join(f"<p>{n}、{TEXT}</p>" for n in "甲乙丙丁")
    page = f"<html><head><title>样例网</title></head><body><main><h1>题</h1>{paragraphs}</main></body></html>"
    mocksite.site.pages["/a.html"] = mocksite.site.pages["/b.html"] = page.encode()
    urls = "".join(f"<url><loc>{mocksite.url}/{name}.html</loc></url>" for name in "ab")
    mocksite.site.pages["/sitemap.xml"] = f"<urlset>{urls}</urlset>".encode()
    configure(home, mocksite, "sitemap", "/sitemap.xml")
    assert crawl(home)["archived"] == 2
    assert crawl(home)["archived"] == 0
    home.assert_whole()
