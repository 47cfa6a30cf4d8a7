"""Work delegated to the daemon that holds the archive: same results as without it, even if a client disconnects."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import Home, Outcome
from tests.end_to_end.test_daemon import HOURLY, add_stories, waiting_for
from tests.support import processes
from tests.support.control import CRAWL, RETRY, connect, files_open, send_to_daemon, settled
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

LIST = "/api/roll/get"


@pytest.fixture
def daemon(home: Home, mocksite: MockSite) -> Iterator[Running]:
    """A daemon that has archived the twelve articles and polls again in an hour."""
    home.configure(mocksite.endpoint, more=HOURLY)
    with Running(home) as running:
        running.wait_for("archived ", times=12)
        yield running


def start(home: Home, *arguments: str) -> subprocess.Popen[str]:
    return processes.popen(
        home.command(*arguments), cwd=home.folder, env=home.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(client: subprocess.Popen[str]) -> Outcome:
    out, err = client.communicate(timeout=30)
    return Outcome(client.returncode, out, err)


# The same results as without a daemon


def three_crawls(home: Home, mocksite: MockSite) -> list[Outcome]:
    """Of a list with two new articles, with two of which one is faulty, of a list that is gone; one in words."""
    add_stories(mocksite, 2)
    outcomes = [home.run("crawl", "--json")]
    mocksite.fault("status", status=500, match=f"doc-i{mocksite.site.stories[0].docid[:1]}", times=1)
    add_stories(mocksite, 2)
    outcomes.append(home.run("crawl", "--json"))
    mocksite.clear_faults()
    mocksite.fault("status", status=404, match=LIST)
    outcomes.append(home.run("crawl", "feed1", "--json"))
    mocksite.clear_faults()
    outcomes.append(home.run("crawl"))
    return outcomes


def test_a_crawl_through_the_daemon_reports_and_ends_like_a_local_one(
    home: Home, mocksite: MockSite, daemon: Running, tmp_path: Path
) -> None:
    theirs = three_crawls(home, mocksite)
    tmp_path.joinpath("alone").mkdir()
    alone = Home(tmp_path / "alone")
    with MockSite(make_stories(12, newest=mocksite.clock)) as another:
        alone.configure(another.endpoint, more=HOURLY)
        assert alone.run("crawl").status == 0
        ours = three_crawls(alone, another)

    assert [outcome.status for outcome in theirs] == [outcome.status for outcome in ours] == [0, 1, 3, 0]
    counted = ("archived", "revised", "failed", "pending")
    for there, here in zip(theirs[:2], ours[:2], strict=True):
        assert [there.json[name] for name in counted] == [here.json[name] for name in counted]
    for there, here in zip(theirs[:3], ours[:3], strict=True):
        assert list(there.json) == list(here.json)
        for feed, same in zip(there.json["feeds"], here.json["feeds"], strict=True):
            assert (list(feed), feed["listed"], feed["new"], feed["error"]) == (
                list(same), same["listed"], same["new"], same["error"],
            )  # fmt: skip
    assert "1 feed polled: 16 articles listed, 0 new" in theirs[3].out
    assert "1 feed polled: 16 articles listed, 0 new" in ours[3].out
    # Without a daemon, the next crawl tries the faulty article again; the daemon waits a minute.
    assert (len(home.files()), len(alone.files())) == (15, 16)
    home.assert_whole()


def test_limits_backfills_and_retries_are_handed_over_too(home: Home, mocksite: MockSite, daemon: Running) -> None:
    add_stories(mocksite, 3)
    limited = home.run("crawl", "--limit", "1", "--json")
    backfill_command = ["backfill", "feed1", "--from", "2026-09-01", "--to", "2026-09-29T00:30+08:00"]
    backfilled = home.run(*backfill_command, "--json")
    again = home.run(*backfill_command, "--json")
    released = home.run("retry", "--parked")
    announced = home.run(*backfill_command)

    assert (limited.status, backfilled.status, again.status, released.status, announced.status) == (0,) * 5
    assert limited.json["archived"] >= 1
    assert list(backfilled.json) == list(limited.json)
    assert backfilled.json["pending"] == 0
    assert (again.json["requests"], again.json["feeds"][0]["pages"]) == (0, 0)
    assert released.out == "Nothing waits for a later time.\n"
    assert "Reading 栏目1 (feed1) from 2026-09-01 00:00" in announced.out
    assert len(home.files()) == 15


def test_a_feed_that_only_the_new_configuration_has_is_refused(
    home: Home, mocksite: MockSite, daemon: Running
) -> None:
    assert home.run("crawl", "nobody").status == 2
    home.configure(mocksite.endpoint, mocksite.endpoint, more=HOURLY)

    for arguments in (["crawl", "feed1", "feed2"], ["backfill", "feed2", "--from", "2026-09-01"]):
        refused = home.run(*arguments)
        assert refused.status == 2
        assert "the daemon that holds the archive has no feed called feed2" in refused.err
        assert "it has: feed1" in refused.err
    assert home.run("crawl", "feed1").status == 0


# Who goes away


def test_disconnected_clients_leave_nothing_behind(home: Home, mocksite: MockSite, daemon: Running) -> None:
    send_to_daemon(home, RETRY)
    before = files_open(daemon)
    for _ in range(50):
        assert send_to_daemon(home, RETRY) == {"released": 0}
    for _ in range(50):
        with connect(home) as client:
            client.sendall(json.dumps(CRAWL).encode() + b"\n")
    with ThreadPoolExecutor(20) as many:
        results = list(many.map(lambda _: send_to_daemon(home, CRAWL), range(20)))

    assert {result["feeds"][0]["listed"] for result in results} == {12}
    assert settled(daemon, before) <= before
    assert "Traceback" not in "\n".join(daemon.log)


def test_twenty_crawls_at_once_poll_a_list_once(home: Home, mocksite: MockSite, daemon: Running) -> None:
    add_stories(mocksite, 1)
    mocksite.clear_hits()
    mocksite.fault("stall", match=LIST, times=1, seconds=2)  # while all of them come
    with ThreadPoolExecutor(20) as many:
        results = list(many.map(lambda _: send_to_daemon(home, CRAWL), range(20)))

    assert [result["feeds"][0]["new"] for result in results] == [1] * 20
    assert sum(LIST in hit.path for hit in mocksite.hits) <= 3
    assert len(home.files()) == 13


def test_a_killed_client_does_not_affect_the_daemon(home: Home, mocksite: MockSite, daemon: Running) -> None:
    before = files_open(daemon)
    add_stories(mocksite, 3)
    mocksite.fault("stall", match="doc-i", seconds=1)
    requested = waiting_for(mocksite, "doc-i")
    client = start(home, "crawl", "--json")
    assert requested.wait(30)
    client.kill()
    assert ended(client).status == -signal.SIGKILL
    daemon.wait_for("archived ", times=3)

    assert send_to_daemon(home, RETRY) == {"released": 0}
    assert len(home.files()) == 15
    # Its connections to the mock site stay open for the next request.
    assert settled(daemon, before + 8) <= before + 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_that_stops_is_reported(
    home: Home, mocksite: MockSite, daemon: Running, number: signal.Signals
) -> None:
    add_stories(mocksite, 3)
    mocksite.fault("stall", match="doc-i|etime=", seconds=4)
    requested = waiting_for(mocksite, "doc-i")
    clients = [start(home, "crawl", "--json")]
    assert requested.wait(30)
    requested = waiting_for(mocksite, "etime=")
    clients.append(start(home, "backfill", "feed1", "--from", "2026-09-28"))
    assert requested.wait(30)
    daemon.signal(number)
    outcomes = [ended(client) for client in clients]
    daemon.process.wait(30)

    assert [outcome.status for outcome in outcomes] == [130, 130]
    for outcome in outcomes:
        assert "run this again" in outcome.err
        assert "Traceback" not in outcome.err
    mocksite.clear_faults()
    assert home.run("crawl", "--json").status == 0
    assert len(home.files()) == 15
    home.assert_whole()
