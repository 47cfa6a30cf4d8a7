"""``finarchive run`` when clocks, disks and lists are not what they should be: it goes on, and misses nothing."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.end_to_end.test_daemon import EVERY_SECOND, HOURLY, REPOSITORY, add_stories, waiting_for
from tests.support.daemon import Running

pytestmark = pytest.mark.slow


def with_clock(home: Home, days: int) -> Running:
    """A daemon whose clock is wrong by a number of days."""
    jump = home.folder / "jump"
    jump.write_text(str(days * 86400))
    command = [sys.executable, "-m", "bench.fast_clock", "1", "0", "0", str(jump), "run"]
    return Running(home, command=command, PYTHONPATH=str(REPOSITORY))


def test_an_article_dated_years_ahead_hides_no_gap(home: Home) -> None:
    stories = make_stories(30, newest=NEWEST, lids=[1686])
    stories[-1] = replace(stories[-1], ctime=NEWEST + 4 * 365 * 86400, intime=NEWEST)
    with MockSite(stories) as mocksite:
        home.configure(mocksite.endpoint, more="[schedule]\npages = 1\n")
        home.run("crawl", "--limit", "0")
        for story in make_stories(200, newest=NEWEST + 86400, seed=77, lids=[1686]):
            mocksite.site.add(story)
        mocksite.clock = NEWEST + 2 * 86400

        home.run("crawl", "--limit", "0")

    assert len(home.run("status", "--json").json["gaps"]) == 1


def test_a_list_that_is_changed_during_a_poll_begins_a_known_span(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, network="obey_robots = false", more=EVERY_SECOND)

    with Running(home) as daemon:
        daemon.wait_for("polled .*pages=1 ", times=2)
        mocksite.fault("stall", match="page=1$", times=1, seconds=2)
        stalled = waiting_for(mocksite, "page=1")
        assert stalled.wait(30)
        elsewhere = mocksite.endpoint.replace("127.0.0.1", "localhost")
        home.configure(elsewhere, network="obey_robots = false", more=EVERY_SECOND)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("another-list")
        daemon.wait_for("polled ", times=3)

    [(caught_up, listed)] = home.rows("SELECT ground, (SELECT sum(ground) FROM listings) FROM feeds")
    assert caught_up is not None
    assert listed == 12


def test_a_poll_that_could_not_register_its_list_is_not_compared_with_the_old_record(
    home: Home, mocksite: MockSite
) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    home.run("crawl")
    home.configure(mocksite.endpoint.replace("127.0.0.1", "localhost"), more=HOURLY)

    with Running(home) as daemon:
        other = sqlite3.connect(home.root / ".finarchive" / "index.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        refused = home.run("crawl", "--json")
        other.execute("ROLLBACK")
        other.close()
        assert home.run("crawl", "--json").status == 0
        daemon.wait_for("another-list")

    assert refused.status == 3
    assert "locked by another program" in refused.json["feeds"][0]["error"]

    [(caught_up,)] = home.rows("SELECT ground FROM feeds")
    assert caught_up is not None


def leave_a_gap(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND + "pages = 1\n")
    home.run("crawl", "--limit", "0")
    for story in make_stories(200, newest=NEWEST + 86400, seed=77, lids=[1686]):
        mocksite.site.add(story)
    mocksite.clock = NEWEST + 2 * 86400
    home.run("crawl", "--limit", "0")


def test_a_clock_years_behind_the_gaps_stops_nothing(home: Home, mocksite: MockSite) -> None:
    leave_a_gap(home, mocksite)
    before = home.rows("SELECT count(*) FROM gaps WHERE closed IS NULL")

    with with_clock(home, -3650) as daemon:
        daemon.wait_for("polled ", "archived ", times=3)
        assert daemon.stop() == 0

    assert before == [(1,)]


def test_what_was_put_off_under_a_clock_years_ahead_is_not_put_off_for_years(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    mocksite.fault("status", match="doc-i", status=404)
    with with_clock(home, 365) as daemon:
        daemon.wait_for("failed ", times=12)
    [before] = home.rows("SELECT min(due) > datetime('now', '+300 days'), count(*) FROM entries")

    with Running(home):
        home.run("crawl", "--limit", "0")  # it has been through its loop

    assert before == (1, 12)
    assert home.rows("SELECT count(*) FROM entries WHERE due > datetime('now', '+2 days')") == [(0,)]
    assert home.rows("SELECT count(*) FROM entries WHERE tried > datetime('now', '+1 days')") == [(0,)]


@pytest.fixture
def blocked(home: Home, mocksite: MockSite) -> Callable[[], None]:
    """Put a file in the place of the first feed's folder; return a function that removes it."""
    home.configure(mocksite.endpoint, mocksite.endpoint, more=EVERY_SECOND)
    home.config.write_text(home.config.read_text().replace("lid = 1686", "lid = 1687", 1))
    folder = home.root / "金融" / "新浪财经" / "栏目1"
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    return folder.unlink


def test_a_path_that_cannot_be_written_keeps_no_other_article_from_the_disk(
    home: Home, mocksite: MockSite, blocked: Callable[[], None]
) -> None:
    with Running(home) as daemon:
        daemon.wait_for("archived feed=feed2")
        assert "cannot be written" in daemon.wait_for("failed feed=feed1")
        home.configure(mocksite.endpoint, mocksite.endpoint, network="obey_robots = false", more=EVERY_SECOND)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded")
        add_stories(mocksite, 2)
        daemon.wait_for("polled .*new=[1-9]")
        assert daemon.stop() == 0


def test_a_fetch_whose_file_cannot_be_written_is_written_later_and_is_in_the_journal_once(
    home: Home, mocksite: MockSite, blocked: Callable[[], None]
) -> None:
    with Running(home) as daemon:
        daemon.wait_for("archived feed=feed2", "failed feed=feed1.*cannot be written")
        assert daemon.stop() == 0
    [problem] = home.run("verify", "--deep", "--json").json["problems"]
    assert (problem["kind"], problem["path"]) == ("extra", "金融/新浪财经/栏目1")
    with Running(home) as daemon:
        assert any("held docid=" in line and "cannot be written" in line for line in daemon.log)
        blocked()
        daemon.wait_for("archived feed=feed1")
        daemon.wait_for("polled ", times=2)
        home.run("crawl", "--json")  # waits until nothing is due
        assert daemon.stop() == 0
    home.run("crawl", "--json")

    home.assert_whole()
    assert home.run("verify", "--deep").status == 0
    assert home.rows("SELECT outcome, count(*), count(DISTINCT docid) FROM observations GROUP BY 1") == [
        ("first", 12, 12)
    ]


def test_sigterm_while_an_article_cannot_be_committed_ends_with_0(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    mocksite.fault("stall", match="doc-i", seconds=2)
    requested = waiting_for(mocksite, "doc-i", times=8)
    with Running(home) as daemon:
        assert requested.wait(30)
        other = sqlite3.connect(home.root / ".finarchive" / "index.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        daemon.wait_for("disk-refuses")
        assert daemon.stop() == 0
        other.close()

    assert any("not-written" in line for line in daemon.log)
    assert home.files() == []
