"""How a host is requested, measured at the host.

A pause is measured between two requests as the server sees them begin, so it comes out shorter than the one that
was kept when the first of them took longer on its way: a new connection, a machine with other things to do. ``SLACK``
is what that may be in a single pause; it does not add up, so a whole stretch of requests is held to nearly the exact
time.
"""

from __future__ import annotations

import math
import signal
import socket
import subprocess
from collections.abc import Callable
from itertools import pairwise

import pytest

from mocksite.server import MockSite, RequestLogEntry
from mocksite.story import Story, make_stories
from tests.conftest import NEWEST, Home
from tests.support import processes
from tests.support.daemon import Running

pytestmark = [pytest.mark.slow, pytest.mark.timing]

SLACK = 0.12  # seconds
EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'
HOURLY = '[schedule]\nmin = "1h"\nevery = "1h"\nmax = "1h"\n'


def set_network(home: Home, **settings: float | str) -> None:
    """Change what ``Home.configure`` wrote under [network]."""
    head, _, backoff = home.config.read_text().partition("[[feeds]]")
    other_lines = [line for line in head.splitlines() if line.partition(" ")[0] not in settings]
    lines = [
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in settings.items()
    ]
    place = other_lines.index("[network]") + 1
    home.config.write_text("\n".join([*other_lines[:place], *lines, *other_lines[place:]]) + f"\n[[feeds]]{backoff}")


def max_concurrent(hits: list[RequestLogEntry]) -> int:
    """How many requests were being answered at the same time, at most."""
    edges = sorted([(hit.began, 1) for hit in hits] + [(hit.ended, -1) for hit in hits])  # an end before a beginning
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def pauses(hits: list[RequestLogEntry]) -> list[float]:
    """Seconds between each two starts."""
    return [later - earlier for earlier, later in pairwise(sorted(hit.began for hit in hits))]


def assert_paced(hits: list[RequestLogEntry], delay: float) -> None:
    """Never less than ``delay`` between two of these requests."""
    delays = pauses(hits)
    assert delays, "there is nothing to measure"
    assert min(delays) >= delay - min(SLACK, 0.6 * delay), (
        f"{min(delays):.3f} s between two requests; all: {[round(p, 3) for p in delays]}"
    )
    assert sum(delays) >= delay * len(delays) - SLACK


def assert_backed_off(hits: list[RequestLogEntry], refusals: list[RequestLogEntry], seconds: float) -> None:
    """No request came within the back-off after each of these refusals."""
    for refusal in refusals:
        early = [hit.began - refusal.ended for hit in hits if 0 < hit.began - refusal.ended < seconds - 0.01]
        assert early == [], f"requested after {early} s, not {seconds}"


def stories(number: int, *lids: int) -> list[Story]:
    return make_stories(number, newest=NEWEST, lids=lids or (1686,))


# How many at once


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_without_a_delay_at_most_concurrency_requests_are_in_flight(home: Home, concurrency: int) -> None:
    with MockSite(stories(60)) as mocksite:
        mocksite.fault("stall", match="doc-i", seconds=0.03)
        home.configure(mocksite.endpoint, mocksite.endpoint)
        set_network(home, concurrency=concurrency)

        assert home.run("crawl", "--json").json["archived"] == 60
        hits = mocksite.hits

    assert max_concurrent(hits) == concurrency


def test_a_host_that_answers_slowly_gets_no_more_requests_at_once(home: Home) -> None:
    """Also when its answers take longer than the delay: the queue must not build up on the wire."""
    with MockSite(stories(12)) as mocksite:
        mocksite.fault("stall", match="doc-i", seconds=0.7)
        home.configure(mocksite.endpoint)
        set_network(home, concurrency=2, delay=0.1)

        assert home.run("crawl", "--json").json["archived"] == 12
        hits = mocksite.hits

    assert max_concurrent(hits) == 2
    assert_paced(hits, 0.1)


# What robots.txt says


def test_those_that_wait_for_robots_txt_together_all_keep_to_it(home: Home) -> None:
    with MockSite(stories(12)) as lists, MockSite(stories(12)) as articles:
        lists.site.base_url = articles.url.replace("127.0.0.1", "localhost")
        articles.site.robots_text = "User-agent: *\nDisallow: /\n"
        articles.fault("stall", match="robots.txt", seconds=0.3)
        home.configure(lists.endpoint)

        assert home.run("crawl", "--json").json["failed"] == 12
        hits = articles.hits

    assert [hit.path for hit in hits] == ["/robots.txt"]


def test_nothing_is_fetched_from_a_host_until_its_robots_txt_can_be_had(home: Home) -> None:
    with MockSite(stories(6)) as lists, MockSite(stories(6)) as articles:
        lists.site.base_url = articles.url.replace("127.0.0.1", "localhost")
        articles.site.robots_text = "User-agent: *\nAllow: /\n"  # the body of an error is no rule
        articles.fault("status", match="robots.txt", status=503)
        home.configure(lists.endpoint)

        assert home.run("crawl", "--json").json["archived"] == 0
        assert {hit.path for hit in articles.hits} == {"/robots.txt"}
        assert home.rows("SELECT DISTINCT status FROM entries") == [("pending",)]

        articles.clear_faults()
        home.execute("DELETE FROM rests")  # the back-off has ended
        home.run("retry")
        assert home.run("crawl", "--json").json["pending"] == 0
        assert len(home.files()) == 6


# How far apart


def test_the_daemon_keeps_to_both_over_polls_articles_and_a_backfill_together(home: Home) -> None:
    with MockSite(stories(20, 1686, 1687, 1690) + make_stories(40, newest=NEWEST - 86400, seed=1)) as mocksite:
        mocksite.fault("stall", match="doc-i.*[37].shtml", seconds=0.9)
        mocksite.fault("stall", match="page=2", seconds=0.5)
        home.configure(*[mocksite.endpoint] * 3, more=EVERY_SECOND)
        home.config.write_text(
            home.config.read_text().replace("lid = 1686", "lid = 1687", 1).replace("1686", "1690", 1)
        )
        set_network(home, concurrency=2, delay=0.2)
        with Running(home) as daemon:
            daemon.wait_for("archived ")
            process = processes.popen(
                home.command("-q", "backfill", "feed3", "--from", "2026-09-27", "--to", "2026-09-29"),
                cwd=home.folder, env=home.env, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            daemon.wait_for("archived ", times=19)
            assert process.wait(60) == 0
            assert daemon.stop() == 0
        hits = mocksite.hits

    assert {hit.path.partition("lid=")[2][:4] for hit in hits} >= {"1686", "1687", "1690"}
    assert any("etime=" in hit.path for hit in hits), "the backfill sent no request"
    requested = {"roll" if "roll" in hit.path else "doc" if "doc-i" in hit.path else hit.path for hit in hits}
    assert requested == {"roll", "doc", "/robots.txt"}
    assert max_concurrent(hits) <= 2
    assert_paced(hits, 0.2)


def test_redirects_keep_to_the_delay_of_the_host_they_lead_to(home: Home) -> None:
    """A mock site that also receives requests of the test."""
    with MockSite(stories(12)) as first, MockSite(make_stories(12, newest=NEWEST, lids=[1686], seed=1)) as second:
        elsewhere = second.url.replace("127.0.0.1", "localhost")  # under another name it is another host
        second.site.base_url = elsewhere
        first.fault("redirect", match="doc-i.*[0-6].shtml", to=f"{elsewhere}/x.shtml")
        first.fault("redirect", match="doc-i", to=f"{first.url}/y.shtml")
        home.configure(first.endpoint, second.endpoint.replace("127.0.0.1", "localhost"))
        set_network(home, concurrency=3, delay=0.2)

        home.run("crawl")
        there, here = second.hits, first.hits

    assert sum(hit.path == "/x.shtml" for hit in there) > 6
    assert sum("doc-i" in hit.path for hit in there) == 12
    assert {"/y.shtml", "/robots.txt"} < {hit.path for hit in here}
    assert_paced(here, 0.2)
    assert_paced(there, 0.2)


def test_another_delay_applies_from_the_reload_on(home: Home) -> None:
    with MockSite(stories(40)) as mocksite:
        home.configure(mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, delay=0.1, concurrency=2)
        with Running(home) as daemon:
            daemon.wait_for("archived ", times=5)
            set_network(home, delay=0.6, concurrency=2)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("reloaded changed=network.delay")
            mocksite.clear_hits()
            daemon.wait_for("archived ", times=8)
        hits = mocksite.hits

    assert_paced(hits, 0.6)


def test_a_reload_sends_no_request_before_the_delay_is_over(home: Home) -> None:
    """The next spider observes the delays of the one before it."""
    with MockSite(stories(1)) as mocksite:
        home.configure(mocksite.endpoint, more=HOURLY)
        set_network(home, delay=2.5, concurrency=2)
        with Running(home) as daemon:
            daemon.wait_for("archived ")
            set_network(home, user_agent="another reader")
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("reloaded changed=network.user_agent")
            home.run("crawl")
        hits = mocksite.hits

    assert "another reader" in [hit.headers["user-agent"] for hit in hits]
    assert_paced(hits, 2.5)


# A host that is backed off


@pytest.mark.parametrize("status", [403, 429])
def test_backoffs_double_while_a_host_refuses_everything_and_end_when_it_recovers(home: Home, status: int) -> None:
    with MockSite(stories(12)) as mocksite:
        mocksite.fault("status", match="doc-i|roll", status=status, times=3)
        home.configure(mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, rest="1s", concurrency=1)
        with Running(home) as daemon:
            daemon.wait_for("archived ", times=12)
        hits, log = mocksite.hits, daemon.log

    refusals = [hit for hit in hits if hit.status == status]
    assert [int(line.partition("seconds=")[2].split()[0]) for line in log if "resting " in line] == [1, 2, 4]
    for refusal, seconds in zip(refusals, (1, 2, 4), strict=True):
        assert_backed_off(hits, [refusal], seconds)
    assert any("answers-again" in line for line in log)
    home.assert_whole()


@pytest.mark.parametrize("status", [429, 503])
def test_no_request_is_sent_before_the_time_that_a_host_requested(home: Home, status: int) -> None:
    with MockSite(stories(30)) as mocksite:
        mocksite.fault("status", match="doc-i", status=status, retry_after=3, skip=5, times=1)
        mocksite.fault("status", match="doc-i", status=status, retry_after=2, skip=10, times=1)
        home.configure(mocksite.endpoint, mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, rest="1s", concurrency=1)
        with Running(home) as daemon:
            daemon.wait_for("archived ", times=28)  # the two that were refused are for later
        hits = mocksite.hits

    first, second = (hit for hit in hits if hit.status == status)
    assert_backed_off(hits, [first], 3)
    assert_backed_off(hits, [second], 2)
    assert home.rows("SELECT sum(attempts) FROM entries") == [(2,)]  # of the two that were refused


@pytest.mark.parametrize("path", ["robots.txt", "doc-i", "roll"])
def test_a_host_that_is_down_until_a_time_gets_nothing_in_the_next_run_either(home: Home, path: str) -> None:
    with MockSite(stories(3)) as mocksite:
        home.configure(mocksite.endpoint)
        set_network(home, concurrency=1)
        mocksite.fault("status", match=path, status=503, retry_after=600)
        home.run("crawl")
        requests = len(mocksite.hits)
        home.run("crawl")
        assert len(mocksite.hits) == requests
    assert home.rows("SELECT stated, kind, reason FROM rests") == [(1, "temporary", "it answered 503")]


def test_a_retry_after_outlives_a_kill(home: Home) -> None:
    with MockSite(stories(12)) as mocksite:
        mocksite.fault("status", match="doc-i", status=429, retry_after=12, skip=3, times=1)
        home.configure(mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, concurrency=1)
        with Running(home) as daemon:
            daemon.wait_for("resting ")
            daemon.process.kill()
            daemon.process.wait()
        with Running(home) as daemon:
            daemon.wait_for("archived ")
        hits = mocksite.hits

    (refusal,) = (hit for hit in hits if hit.status == 429)
    assert_backed_off(hits, [refusal], 12)
    assert max(hit.began for hit in hits) > refusal.ended + 12


# A host that cannot be reached


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "elsewhere",
    [lambda port: f"http://localhost:{port}", lambda port: "http://nowhere.invalid"],
    ids=["refuses", "no name"],
)
def test_an_unreachable_host_costs_few_attempts(home: Home, elsewhere: Callable[[int], str]) -> None:
    with MockSite(stories(40)) as mocksite:
        mocksite.site.base_url = elsewhere(free_port())
        home.configure(mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, rest="1s", concurrency=2)
        with Running(home) as daemon:
            daemon.wait_for("resting host=(localhost|nowhere)", times=3)
        failed = [line for line in daemon.log if " failed " in line or " parked " in line]

    assert home.rows("SELECT count(*) FROM entries WHERE status = 'pending'") == [(40,)]
    # Five until the back-off, two in flight, and one after each back-off.
    assert 5 <= len(failed) <= 5 + 2 + 2 * 2
    assert home.rows("SELECT sum(attempts), max(attempts) FROM entries") == [(len(failed), 1)]


def test_a_recovered_host_is_noticed_without_a_command(home: Home) -> None:
    port = free_port()
    with MockSite(stories(40)) as mocksite:
        mocksite.site.base_url = f"http://localhost:{port}"
        home.configure(mocksite.endpoint, more=EVERY_SECOND)
        set_network(home, rest="1s", concurrency=2)
        with Running(home) as daemon:
            daemon.wait_for("resting host=localhost", times=2)
            with MockSite(stories(40), port=port) as back:
                daemon.wait_for("answers-again host=localhost")
                daemon.wait_for("archived ", times=20)  # those that were tried are for later
                assert daemon.stop() == 0
                hits = back.hits

    assert max_concurrent(hits) <= 2
    assert math.isfinite(max(hit.ended for hit in hits))
