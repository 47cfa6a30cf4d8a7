"""``finarchive run``, as a process: it polls, archives, obeys signals, and outlives what goes wrong."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from mocksite.server import MockSite, RequestLogEntry
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.daemon import Running

REPOSITORY = Path(__file__).parents[2]
HOURLY = '[schedule]\nmin = "1h"\nevery = "1h"\nmax = "1h"\n'
EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'


def add_stories(mocksite: MockSite, number: int) -> None:
    """Publish a number of further articles, newer than the existing ones."""
    for story in make_stories(number, newest=mocksite.clock + 600, seed=len(mocksite.site.stories)):
        mocksite.site.add(story)
    mocksite.clock += 1200


def waiting_for(mocksite: MockSite, part: str, times: int = 1) -> threading.Event:
    """Return an event that is set after this number of requests whose URL contains a text."""
    come, left = threading.Event(), iter(range(times, 0, -1))

    def fetch(hit: RequestLogEntry) -> None:
        if part in hit.path and next(left, 0) == 1:
            come.set()

    mocksite.on_hit = fetch
    return come


def test_it_polls_and_archives_and_ends_with_0_at_sigterm(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)

    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        assert daemon.stop() == 0

    home.assert_whole()
    assert len(home.files()) == 12
    assert [notice.partition("\n")[0] for notice in daemon.notified] == ["READY=1", "STOPPING=1"]
    assert not (home.root / ".finarchive" / "daemon.sock").exists()


def test_it_listens_on_no_port_unless_configured(home: Home, mocksite: MockSite) -> None:
    """Scrapy would: a console over telnet, and a port that runs code."""
    home.configure(mocksite.endpoint, more=HOURLY)

    with Running(home) as daemon:
        daemon.wait_for("archived ")
        process = Path(f"/proc/{daemon.process.pid}")
        sockets = {str(each.readlink()) for each in (process / "fd").iterdir()}
        rows = [
            line.split() for name in ("tcp", "tcp6") for line in (process / "net" / name).read_text().splitlines()
        ]
        listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]

    assert listening == []


def test_it_finds_what_is_published_while_it_runs(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)

    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        add_stories(mocksite, 3)
        daemon.wait_for("archived ", times=3)

    assert len(home.files()) == 15


@pytest.mark.slow
def test_a_quiet_poll_costs_one_request(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)

    with Running(home) as daemon:
        daemon.wait_for("polled .*new=0", times=2)
        mocksite.clear_hits()
        daemon.wait_for("polled .*pages=1 ", times=2)

    assert {hit.path.partition("&page=")[2] for hit in mocksite.hits} == {"1"}


def test_a_restart_does_not_poll_before_the_feed_is_due(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
    mocksite.clear_hits()

    with Running(home) as daemon:
        assert home.run("retry", "--json").json == {"released": 0}  # it has been through its loop

    assert mocksite.hits == []


@pytest.mark.timing
@pytest.mark.slow
def test_sigterm_lets_requests_in_flight_finish(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    home.config.write_text(home.config.read_text().replace("concurrency = 8", "concurrency = 1"))
    mocksite.fault("stall", match="doc-i", times=1, seconds=2)
    requested = waiting_for(mocksite, "doc-i")

    with Running(home) as daemon:
        assert requested.wait(30)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 10

    assert len(home.files()) == 1
    home.assert_whole()


@pytest.mark.slow
def test_sigterm_does_not_wait_for_stalled_requests(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    home.config.write_text(home.config.read_text().replace("timeout = 10.0", "timeout = 60.0"))
    mocksite.fault("stall", match="doc-i", skip=3)
    requested = waiting_for(mocksite, "doc-i", times=8)

    with Running(home) as daemon:
        assert requested.wait(30)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 11

    assert len(home.files()) == 3
    home.assert_whole()


@pytest.mark.slow
def test_a_second_daemon_says_who_holds_the_archive(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)

    with Running(home) as daemon:
        second = home.run("run")
        assert "the daemon runs" in home.run("status").out

    assert second.status == 5
    assert f"process {daemon.process.pid} (finarchive run" in second.err
    assert "no daemon runs" in home.run("status").out


@pytest.mark.slow
def test_a_killed_daemon_does_not_prevent_the_next_start(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    with Running(home) as daemon:
        daemon.process.kill()
        daemon.process.wait()
    assert (home.root / ".finarchive" / "daemon.sock").exists()

    assert (
        home.run("crawl", "--json").json["archived"] + len(daemon.log) > 0
    )  # no daemon answers there: it works itself
    with Running(home):
        assert home.run("crawl", "--json").status == 0

    assert len(home.files()) == 12


# The configuration


def test_sighup_takes_up_a_feed_that_was_added(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)

    with Running(home) as daemon:
        daemon.wait_for("polled feed=feed1")
        home.configure(mocksite.endpoint, mocksite.endpoint, more=HOURLY)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("polled feed=feed2", "READY=1")
        assert daemon.stop() == 0

    assert [notice[:7] for notice in daemon.notified] == ["READY=1", "RELOADI", "READY=1", "STOPPIN"]


def test_sighup_before_it_is_ready_is_obeyed_once_it_is(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)
    locked = home.root / ".finarchive" / "lock"
    daemon = Running(home).start()
    try:
        while not locked.exists():
            assert daemon.process.poll() is None
        home.configure(mocksite.endpoint, mocksite.endpoint, more=HOURLY)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded changed=feeds", "polled feed=feed2")
        assert daemon.stop() == 0
    finally:
        daemon.__exit__(None, None, None)


@pytest.mark.slow
def test_sighup_takes_up_network_settings(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)

    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        home.configure(mocksite.endpoint, network='user_agent = "another"', more=EVERY_SECOND)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded changed=network.user_agent")
        mocksite.clear_hits()
        add_stories(mocksite, 1)
        daemon.wait_for("archived ")

    assert {hit.headers["user-agent"] for hit in mocksite.hits} == {"another"}


@pytest.mark.slow
def test_a_configuration_with_mistakes_is_refused_and_the_old_one_stays_in_force(
    home: Home, mocksite: MockSite
) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)
    good = home.config.read_text()

    with Running(home) as daemon:
        home.config.write_text(good.replace('min = "1s"', 'min = "soon"').replace("delay = 0", "delay = -1"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("configuration-kept")
        daemon.wait_for("polled ", times=2)
        assert daemon.stop() == 0

    refused = [line for line in daemon.log if "configuration-refused" in line]
    assert len(refused) == 2
    assert "finarchive.toml:2: network.delay" in refused[0]
    assert "finarchive.toml:8: schedule.min" in refused[1]


@pytest.mark.slow
def test_a_configuration_that_is_gone_is_refused(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)

    with Running(home) as daemon:
        home.config.unlink()
        daemon.signal(signal.SIGHUP)
        assert "does not exist" in daemon.wait_for("configuration-refused")
        daemon.wait_for("polled feed=feed1", times=2)


@pytest.mark.slow
def test_what_cannot_change_while_it_runs_is_refused_as_a_whole(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)

    with Running(home) as daemon:
        home.configure(mocksite.endpoint, mocksite.endpoint, more=f'[archive]\nroot = "elsewhere"\n{EVERY_SECOND}')
        daemon.signal(signal.SIGHUP)
        assert "archive.root" in daemon.wait_for("configuration-kept")
        daemon.wait_for("polled feed=feed1", times=2)

    assert not any("feed2" in line for line in daemon.log)
    assert not (home.folder / "elsewhere").exists()


# What goes wrong


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_port_in_use_is_a_clear_error(home: Home, mocksite: MockSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        home.configure(mocksite.endpoint, more=f"[health]\nport = {port}\n")

        outcome = home.run("run")

    assert outcome.status == 2
    assert str(port) in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.slow
def test_the_watchdog_is_fed(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=HOURLY)

    with Running(home, WATCHDOG_USEC="4000000") as daemon:
        daemon.wait_for("WATCHDOG=1", times=2)


@pytest.fixture
def jumping(home: Home, tmp_path: Path) -> tuple[Running, Callable[[int], None]]:
    """A daemon whose clock can be set, and the way to set it: by seconds from the true time."""
    jump = tmp_path / "jump"
    jump.write_text("0")
    command = [sys.executable, "-m", "bench.fast_clock", "1", "0", "0", str(jump), "run"]

    def set_clock(seconds: int) -> None:
        jump.with_suffix(".new").write_text(str(seconds))
        jump.with_suffix(".new").rename(jump)

    return Running(home, command=command, PYTHONPATH=str(REPOSITORY)), set_clock


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_by_hours_stops_nothing(
    home: Home, mocksite: MockSite, jumping: tuple[Running, Callable[[int], None]], hours: int
) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)
    running, set_clock = jumping

    with running as daemon:
        daemon.wait_for("archived ", times=12)
        set_clock(hours * 3600)
        log_line = daemon.wait_for("clock-set")
        assert abs(int(log_line.rpartition("seconds=")[2]) - hours * 3600) < 30
        daemon.wait_for("polled ", times=3)
        add_stories(mocksite, 2)
        daemon.wait_for("archived ", times=2)
        set_clock(0)
        daemon.wait_for("clock-set")
        add_stories(mocksite, 2)
        daemon.wait_for("archived ", times=2)
        assert daemon.stop() == 0

    home.assert_whole()
    assert len(home.files()) == 16


@pytest.mark.slow
def test_a_cron_expression_replaces_the_arrival_rate(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND)
    home.config.write_text(home.config.read_text() + 'cron = "*/5 * * * *"\n')
    command = [sys.executable, "-m", "bench.fast_clock", "150", str(time.time()), str(NEWEST), "run"]

    with Running(home, command=command, PYTHONPATH=str(REPOSITORY)) as daemon:
        daemon.wait_for("polled ", times=2)
        [(polled,)] = home.rows("SELECT last_poll FROM feeds")

    assert datetime.fromisoformat(polled).minute % 5 in (0, 1)  # two minutes there are less than a second here
