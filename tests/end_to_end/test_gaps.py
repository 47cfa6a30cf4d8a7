"""Outages longer than a poll reaches back: the gap is noticed, recorded with both ends, and closed by a backfill."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from mocksite.server import MockSite, RequestLogEntry
from mocksite.story import make_stories
from tests.conftest import Home
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

TWO_PAGES = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\npages = 2\n'
LONG, SHORT = 1200, 600  # articles that an outage misses
POLLED = 96  # those of them that the first poll after it reads: two pages that overlap
HISTORY = ("etime", "stime", "ctime", "date")
MINUTE = 60


def now() -> int:
    return int(time.time())


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class Outage:
    """A list of sixty articles, known to an archive, that has brought many since."""

    def __init__(self, home: Home, mocksite: MockSite, articles: int) -> None:
        self.home = home
        self.mocksite = mocksite
        home.configure(mocksite.endpoint, more=TWO_PAGES)
        assert home.run("crawl", "--json").json["archived"] == 60
        self.known = mocksite.site.stories[0].ctime
        self.missed = make_stories(articles, newest=now() - 900, every=MINUTE, lids=(1686,), seed=1)
        for story in self.missed:
            mocksite.site.add(story)
        mocksite.clear_hits()
        self.pages = 1.4 * (articles - POLLED) / 50  # maximum number of backfill requests: pages overlap

    @property
    def gap(self) -> tuple[str, str]:
        """What a poll of two pages leaves unread."""
        return iso(self.known), iso(self.missed[POLLED - 1].ctime)

    def is_backfill(self, hit: RequestLogEntry) -> bool:
        """True for a page that no poll requests."""
        if "/api/roll/get" not in hit.path:
            return False
        is_poll = re.search(r"num=50&page=1\b|num=48&page=2\b", hit.path)
        return "etime=" in hit.path or not is_poll

    def backfill_requests(self) -> int:
        """Number of requests of backfills."""
        return sum(map(self.is_backfill, self.mocksite.hits))

    def after_backfill_pages(self, pages: int) -> threading.Event:
        """Return an event that is set after this number of backfill requests."""
        come, left = threading.Event(), iter(range(pages, 0, -1))

        def fetch(hit: RequestLogEntry) -> None:
            if self.is_backfill(hit) and next(left, 0) == 1:
                come.set()

        self.mocksite.on_hit = fetch
        return come

    def gaps(self) -> list[tuple[str, str]]:
        return [(gap["from"], gap["to"]) for gap in self.home.run("status", "--json").json["gaps"]]

    def assert_nothing_missed(self) -> None:
        listed = {docid for (docid,) in self.home.rows("SELECT docid FROM entries")}
        assert {story.docid for story in self.mocksite.site.stories} == listed


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    with MockSite(make_stories(60, newest=now() - 3 * 86_400, every=MINUTE, lids=(1686,), seed=2), now) as running:
        yield running


@pytest.fixture
def outage(home: Home, mocksite: MockSite) -> Outage:
    return Outage(home, mocksite, SHORT)


def ignore_history(mocksite: MockSite) -> None:
    """As a site that does not know the history parameters."""
    heeding = mocksite.site.roll

    def roll(params: Mapping[str, str]) -> bytes:
        return heeding({name: value for name, value in params.items() if name not in HISTORY})

    mocksite.site.roll = roll


def test_a_gap_is_noticed_and_everything_in_it_archived(home: Home, mocksite: MockSite) -> None:
    """By the history parameters."""
    outage = Outage(home, mocksite, LONG)
    with Running(home) as daemon:
        line = daemon.wait_for("gap feed=feed1")
        daemon.wait_for("closed-gap feed=feed1")
        assert home.run("crawl", "--json").json["pending"] == 0  # ends when nothing is due any more
        assert outage.gaps() == []

    start, end = outage.gap
    assert f"from={start.replace('T', ' ')} to={end.replace('T', ' ')}" in line
    assert home.rows('SELECT feed, substr(start, 1, 19), substr("end", 1, 19) FROM gaps') == [
        ("feed1", start[:19], end[:19])
    ]
    assert len(home.files()) == 60 + LONG
    home.assert_whole()
    began = iso(outage.known + 8 * 3600)[:10]  # the record does, somewhere in this day of China
    days = [day for day in home.run("coverage", "--json").json if day["day"] > began]
    assert {day["complete"] for day in days[:-1]} == {1.0}
    assert days[-1]["open"] == [] or days[-1]["open"][0]["from"] > iso(now() - 120)
    assert outage.backfill_requests() < outage.pages


def test_a_gap_is_closed_by_page_numbers_where_the_list_knows_no_history(home: Home, outage: Outage) -> None:
    ignore_history(outage.mocksite)

    with Running(home) as daemon:
        daemon.wait_for("gap feed=feed1")
        daemon.wait_for("closed-gap feed=feed1")

    assert outage.gaps() == []
    outage.assert_nothing_missed()
    assert outage.backfill_requests() < outage.pages + 20


@pytest.mark.parametrize("heeds", [True, False])
def test_a_backfill_that_was_killed_continues(home: Home, mocksite: MockSite, heeds: bool) -> None:
    outage = Outage(home, mocksite, 1500)
    if not heeds:
        ignore_history(mocksite)
    halfway = outage.after_backfill_pages(20)
    with Running(home) as daemon:
        assert halfway.wait(60)
        daemon.process.kill()
        daemon.process.wait()
    [(start, end)] = outage.gaps()
    assert (start, end < outage.gap[1]) == (outage.gap[0], True)  # what was read of it is closed
    outage.mocksite.clear_hits()

    with Running(home) as daemon:
        daemon.wait_for("closed-gap feed=feed1")

    assert outage.gaps() == []
    outage.assert_nothing_missed()
    assert 10 < outage.backfill_requests() < outage.pages - 10


def test_a_list_that_does_not_reach_back_leaves_a_reported_gap_that_is_not_requested_again(
    home: Home, outage: Outage
) -> None:
    reach = outage.missed[500 - 1]
    for story in outage.mocksite.site.stories:
        if story.ctime < reach.ctime:
            outage.mocksite.site.delete(story.docid, now())

    with Running(home) as daemon:
        daemon.wait_for("gap-lost feed=feed1 ")
        backfill_requests = outage.backfill_requests()
        daemon.wait_for("polled feed=feed1", times=3)
        assert outage.backfill_requests() == backfill_requests
        status = home.run("status").out
    with Running(home) as daemon:
        daemon.wait_for("polled feed=feed1", times=3)
        assert outage.backfill_requests() == backfill_requests

    assert outage.gaps() == [(outage.gap[0], iso(reach.ctime))]
    assert f"the list ends at {iso(reach.ctime)}: it no longer has older articles" in status
    [gap] = home.run("status", "--json").json["gaps"]
    assert (gap["state"], gap["evidence"] in status) == ("lost", True)


def test_a_gap_that_a_crawl_noticed_is_closed_by_the_daemon(home: Home, outage: Outage) -> None:
    crawled = home.run("crawl", "--limit", "10")
    assert crawled.status == 0
    assert outage.gaps() == [outage.gap]
    assert outage.backfill_requests() == 0
    assert f"finarchive backfill feed1 --from {datetime.fromisoformat(outage.gap[0]):%Y}" in home.run("status").out

    with Running(home) as daemon:
        daemon.wait_for("closed-gap feed=feed1")

    assert outage.gaps() == []
    outage.assert_nothing_missed()


def test_a_reload_does_not_start_a_backfill_again(home: Home, outage: Outage) -> None:
    halfway = outage.after_backfill_pages(8)
    with Running(home) as daemon:
        assert halfway.wait(60)
        home.configure(outage.mocksite.endpoint, network='user_agent = "another"', more=TWO_PAGES)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded changed=network.user_agent", "closed-gap feed=feed1")

    agents = [hit.headers["user-agent"] for hit in outage.mocksite.hits if outage.is_backfill(hit)]
    assert agents[-1] == "another"
    assert len(agents) < outage.pages
    assert len({hit.path for hit in outage.mocksite.hits if outage.is_backfill(hit)}) >= len(agents) - 1
    outage.assert_nothing_missed()


def test_a_sweep_finds_what_entered_the_list_where_no_poll_reads(home: Home) -> None:
    stories = make_stories(300, newest=now() - 900, every=MINUTE, lids=(1686,))
    late = stories[200]
    with MockSite([story for story in stories if story is not late], now) as mocksite:
        home.configure(mocksite.endpoint, more='[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\nsweep = "5s"\n')
        assert home.run("crawl", "--json").json["archived"] == 299
        mocksite.site.add(late)
        with Running(home) as daemon:
            daemon.wait_for("polled feed=feed1", "swept feed=feed1", f"archived feed=feed1 docid={late.docid}")

    [feed] = home.run("status", "--json").json["feeds"]
    assert feed["last_sweep"] is not None
    assert home.rows("SELECT count(*) FROM lateness") == [(1,)]
