"""Lists that die in each way a list can: what ``status`` says of them, that the others do not suffer, and that they
come back by themselves."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import Struct, field

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import Home
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'
WELL, OLD = 1686, 1600  # lids
DAY = 86_400


class FailingFeed(Struct, frozen=True):
    """A way for a list to fail.

    A back-off applies to all lists of a host, so each refusing list has another name for the same machine.
    """

    lid: int
    fault: str
    state: str
    reason: str  # a part of it
    host: str = "127.0.0.1"
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.fault}-{self.lid}"


FAILING_FEEDS = [
    FailingFeed(1, "empty-list", "failing", "the list is empty"),
    FailingFeed(2, "html", "failing", "the answer is HTML, not JSON"),
    FailingFeed(3, "error-list", "failing", "the answer reports error 11: system busy"),
    FailingFeed(4, "not-json", "failing", "the answer is not JSON"),
    FailingFeed(5, "redirect-loop", "failing", "too many redirects"),
    FailingFeed(404, "status", "failing", "status 404: no such page", more={"status": 404}),
    FailingFeed(500, "status", "failing", "status 500", more={"status": 500}),
    FailingFeed(6, "stall", "failing", "took too long"),
    FailingFeed(7, "reset", "failing", "ended in the middle"),
    FailingFeed(403, "status", "blocked", "status 403: the host refuses requests", "localhost", {"status": 403}),
    FailingFeed(429, "status", "blocked", "status 429: the host refuses requests", "127.1", {"status": 429}),
    FailingFeed(456, "status", "blocked", "status 456: the host refuses requests", "127.0.1", {"status": 456}),
]


def now() -> int:
    return int(time.time())


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    """A mock site with the real time: each list has twelve articles of today, except for an old one."""
    lids = (WELL, *(case.lid for case in FAILING_FEEDS))
    stories = make_stories(12, newest=now() - 900, lids=lids)
    stories += make_stories(12, newest=now() - 60 * DAY, lids=(OLD,), seed=1)
    with MockSite(stories, now) as running:
        yield running


def write_feeds(home: Home, feeds: dict[str, str], *, network: str = "", schedule: str = EVERY_SECOND) -> None:
    """Configure these feeds: id -> kind, or host and port, and the number of the list."""
    reported = "".join(f'[[feeds]]\nid = "{name}"\ncategories = ["{name}"]\n{feed}\n' for name, feed in feeds.items())
    home.config.write_text(
        '[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\ntimeout = 1.0\nrest = "1s"\n'
        f"{network}\n{schedule}{reported}",
        encoding="utf-8",
    )


def roll(mocksite: MockSite, lid: int, host: str = "127.0.0.1") -> str:
    port = urlsplit(mocksite.url).port
    return f'kind = "roll"\nlid = {lid}\nendpoint = "http://{host}:{port}/api/roll/get"'


def start_faults(mocksite: MockSite) -> None:
    for case in FAILING_FEEDS:
        mocksite.fault(case.fault, match=rf"lid={case.lid}&", **case.more)


def states(home: Home) -> dict[str, dict[str, Any]]:
    return {feed["id"]: feed for feed in home.run("status", "--json").json["feeds"]}


def lid_of(path: str) -> int:
    return int(parse_qs(urlsplit(path).query).get("lid", ["0"])[0])


def longest_wait(mocksite: MockSite, lid: int) -> float:
    """The longest time between two requests for a list, in seconds."""
    times = [hit.began for hit in mocksite.hits if lid_of(hit.path) == lid]
    return max(after - before for before, after in pairwise(times))


def racing(speed: int) -> list[str]:
    """The command of a daemon whose clock runs ``speed`` times as fast from now on."""
    return [sys.executable, "-m", "bench.fast_clock", str(speed), str(time.time()), str(time.time()), "run"]


def test_every_kind_of_feed_failure_is_reported_affects_no_other_feed_and_recovers(
    home: Home, mocksite: MockSite
) -> None:
    write_feeds(
        home,
        {"well": roll(mocksite, WELL)} | {case.id: roll(mocksite, case.lid, case.host) for case in FAILING_FEEDS},
    )

    with Running(home) as daemon:
        daemon.wait_for(*(f"polled feed={case.id} " for case in FAILING_FEEDS), "archived ")
        assert {feed["state"] for feed in states(home).values()} == {"ok"}

        mocksite.clear_hits()
        began = time.time()
        start_faults(mocksite)
        daemon.wait_for(*(f"poll-failed feed={case.id} " for case in FAILING_FEEDS))
        reported = states(home)
        mocksite.clear_faults()
        daemon.wait_for(*(f"polled feed={case.id} " for case in FAILING_FEEDS))
        assert {feed["state"] for feed in states(home).values()} == {"ok"}
        assert longest_wait(mocksite, WELL) < 3

    assert {name: feed["state"] for name, feed in reported.items()} == {"well": "ok"} | {
        i.id: i.state for i in FAILING_FEEDS
    }
    for case in FAILING_FEEDS:
        assert case.reason in reported[case.id]["reason"]
        since = time.mktime(time.strptime(reported[case.id]["since"], "%Y-%m-%dT%H:%M:%S+00:00")) - time.timezone
        assert began - 2 <= since <= time.time()


def test_a_crawl_reports_the_same_state_for_every_failing_feed(home: Home, mocksite: MockSite) -> None:
    write_feeds(
        home,
        {"well": roll(mocksite, WELL)} | {case.id: roll(mocksite, case.lid, case.host) for case in FAILING_FEEDS},
    )
    start_faults(mocksite)

    first = home.run("crawl", "--json")
    reported = states(home)
    mocksite.clear_faults()
    second = home.run("crawl", "--json")

    assert (first.status, first.json["archived"]) == (1, 12)
    errors = {feed["id"]: feed["error"] for feed in first.json["feeds"]}
    assert errors.pop("well") is None
    assert all(case.reason in errors[case.id] for case in FAILING_FEEDS)
    assert {name: feed["state"] for name, feed in reported.items()} == {"well": "ok"} | {
        i.id: i.state for i in FAILING_FEEDS
    }
    assert (second.status, second.json["archived"]) == (0, 0)
    assert {feed["state"] for feed in states(home).values()} == {"ok"}


def test_a_list_that_answers_with_old_articles_is_stale_until_it_brings_new_ones(
    home: Home, mocksite: MockSite
) -> None:
    write_feeds(home, {"well": roll(mocksite, WELL), "old": roll(mocksite, OLD)})

    with Running(home) as daemon:
        daemon.wait_for("polled feed=old ", "polled feed=well ")
        reported = states(home)
        for story in make_stories(3, newest=now() - 900, lids=(OLD,), seed=2):
            mocksite.site.add(story)
        daemon.wait_for("polled feed=old .*new=[1-3]$")
        after = states(home)

    assert reported["well"]["state"] == "ok"
    assert reported["old"]["state"] == "stale"
    assert "its newest article was 60 days old" in reported["old"]["reason"]
    assert reported["old"]["since"] == reported["old"]["newest"]
    assert after["old"]["state"] == "ok"


def test_an_unreachable_host_is_backed_off_and_recovers(home: Home, mocksite: MockSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    away = f'kind = "roll"\nlid = {WELL}\nendpoint = "http://127.0.1:{port}/api/roll/get"'
    nowhere = f'kind = "roll"\nlid = {WELL}\nendpoint = "http://no-such-host.invalid/api/roll/get"'
    write_feeds(home, {"well": roll(mocksite, WELL), "away": away, "nowhere": nowhere})

    with Running(home, command=racing(8), PYTHONPATH=str(REPOSITORY)) as daemon:
        daemon.wait_for("poll-failed feed=nowhere ", times=2)
        daemon.wait_for("resting host=127.0.1 ")
        reported = states(home)
        with MockSite(make_stories(3, newest=now() - 900, lids=(WELL,), seed=3), now, port=port):
            daemon.wait_for("answers-again host=127.0.1")
            daemon.wait_for("polled feed=away ")
            after = states(home)
            daemon.stop()

    assert {name: feed["state"] for name, feed in reported.items()} == {
        "well": "ok",
        "away": "failing",
        "nowhere": "failing",
    }
    assert "127.0.1 refused the connection" in reported["away"]["reason"]
    assert "127.0.1 is backed off until " in reported["away"]["reason"]
    assert "the name no-such-host.invalid could not be resolved: is there a network?" in reported["nowhere"]["reason"]
    assert (after["well"]["state"], after["away"]["state"]) == ("ok", "ok")


def test_requests_we_refuse_to_send_are_reported_and_affect_nothing_else(home: Home, mocksite: MockSite) -> None:
    """A robots.txt that forbids the list."""
    port = urlsplit(mocksite.url).port
    robots = f"http://127.1:{port}/robots.txt"
    mocksite.site.pages[robots] = b"User-agent: *\nDisallow: /api\n"
    feeds = {"well": roll(mocksite, WELL), "forbidden": roll(mocksite, 1, "127.1")}
    write_feeds(home, feeds)

    with Running(home) as daemon:
        daemon.wait_for("poll-failed feed=forbidden ", "archived feed=well ")
        reported = states(home)
        daemon.wait_for("polled feed=well .*new=0", times=2)
        # The rules of a robots.txt hold for a day; a reload with another network setting fetches them again.
        del mocksite.site.pages[robots]
        write_feeds(home, feeds, network='user_agent = "another"')
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("polled feed=forbidden ")
        after = states(home)

    assert {name: feed["state"] for name, feed in reported.items()} == {"well": "ok", "forbidden": "failing"}
    assert "the host's robots.txt forbids it" in reported["forbidden"]["reason"]
    assert reported["forbidden"]["since"]
    assert (after["well"]["state"], after["forbidden"]["state"]) == ("ok", "ok")


def test_a_time_out_sets_a_list_back_less_than_a_404(home: Home, mocksite: MockSite) -> None:
    """By the daemon's clock, which runs four times as fast: a second and eight."""
    write_feeds(home, {"slow": roll(mocksite, 6), "gone": roll(mocksite, 404)})
    with Running(home, command=racing(4), PYTHONPATH=str(REPOSITORY)) as daemon:
        daemon.wait_for("polled feed=slow .*new=0", "polled feed=gone .*new=0")
        mocksite.fault("stall", match="lid=6&", times=1)
        mocksite.fault("status", status=404, match="lid=404&", times=1)
        daemon.wait_for("poll-failed feed=slow ", "poll-failed feed=gone ")
        daemon.wait_for("polled feed=slow ", "polled feed=gone ")

    failed, following = {}, {}
    for lid, outcome in ((6, 200), (404, 404)):
        hits = [hit for hit in mocksite.hits if lid_of(hit.path) == lid]
        failed[lid] = max(hits, key=lambda hit: (hit.status == outcome, hit.ended - hit.began))
        following[lid] = next(hit for hit in hits if hit.began > failed[lid].began)
    assert 4 * (following[6].began - failed[6].ended) < 5
    # A busy machine notes the end of an answer late. A 404 ends as soon as it begins.
    assert 7 < 4 * (following[404].began - failed[404].began) < 15
