"""Processes that are stopped, not killed: they wake up and find that others have taken over."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from cluster.leases import LEASE
from tests.cluster.conftest import Cluster
from tests.support.many_hosts import running_site
from tests.support.postgres import Postgres

NewCluster = Callable[..., Cluster]
pytestmark = pytest.mark.slow


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    """Stop a process until the block ends."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def value(cluster: Cluster, query: str) -> object:
    """The result of a query."""
    with psycopg.connect(cluster.dsn, options="-c search_path=finarchive") as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def test_the_hosts_of_a_stopped_fetcher_are_taken_over_and_its_responses_are_not_accepted(
    new_cluster: NewCluster,
) -> None:
    delay = 0.05
    with running_site(hosts=1, articles=40, latency=0.02) as site:
        cluster = new_cluster(site, delay=delay)
        first = cluster.start_fetcher()
        keeper = cluster.start("-q", "crawl")
        wait_for(lambda: len(site.paths()) >= 5, 30, "no article was requested")
        with stopped(first):
            began, second = time.monotonic(), cluster.start_fetcher()
            number = len(site.paths())
            wait_for(lambda: len(site.paths()) > number + 1, 30, "nobody has taken over")
            assert LEASE.total_seconds() - 5 < time.monotonic() - began < 30
        assert keeper.wait(60) == 0
        second.terminate()
        assert second.wait(20) == 0
        assert len(cluster.files()) == 40
        assert (site.overlaps(), len(site.paths()) - 40) in [([], 0), ([], 1)]  # one was in flight
        assert site.distances()[0][0] >= delay


def test_another_archive_cannot_use_the_cluster(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=5) as site:
        one, other = new_cluster(site), new_cluster(site)
        other.dsn = one.dsn
        other.configure(site, 0.0)
        one.start_fetcher()
        assert one.run("-q", "crawl").returncode == 0
        done = other.run("-q", "crawl")
        assert done.returncode == 2
        assert "the cluster belongs to another archive" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_fetchers_go_on_while_the_keeper_is_away_and_nothing_is_requested_twice(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=60, latency=0.01) as site:
        cluster = new_cluster(site, delay=0.1)
        keeper = cluster.start("-q", "crawl")
        wait_for(lambda: value(cluster, "SELECT count(*) FROM requests WHERE state = 'queued'"), 30, "no requests")
        fetcher = cluster.start_fetcher()
        wait_for(lambda: len(site.paths()) > 3, 30, "no article was requested")
        keeper.kill()
        keeper.wait()
        requested = len(site.paths())
        queued = value(cluster, "SELECT count(*) FROM requests WHERE state = 'queued'")
        wait_for(lambda: not value(cluster, "SELECT 1 FROM requests WHERE state IN ('queued', 'sent')"), 60, "queued")
        assert queued
        assert len(site.paths()) >= requested + queued
        assert cluster.run("-q", "crawl").returncode == 0
        assert len(cluster.files()) == 60
        assert len(site.paths()) == len(set(site.paths())) == 60
        assert fetcher.poll() is None


def test_a_stopped_fetcher_ends_at_once(new_cluster: NewCluster) -> None:
    with running_site(hosts=1, articles=1) as site:
        cluster = new_cluster(site)
        fetcher = cluster.start_fetcher()
        wait_for(lambda: value(cluster, "SELECT count(*) FROM procrastinate_workers"), 30, "it has not begun")
        fetcher.terminate()
        assert fetcher.wait(15) == 0
        assert value(cluster, "SELECT count(*) FROM procrastinate_workers") == 0


def test_postgresql_may_be_away_for_longer_than_any_lease(new_cluster: NewCluster, postgres: Postgres) -> None:
    with running_site(hosts=3, articles=90, latency=0.02) as site:
        cluster = new_cluster(site, delay=0.05)
        cluster.start_fetcher()
        keeper = cluster.start("-q", "crawl")
        wait_for(lambda: len(site.paths()) > 10, 30, "no article was requested")
        postgres.stop()
        time.sleep(LEASE.total_seconds() + 5)  # the time that passes is what is tested
        postgres.start()
        assert keeper.wait(90) == 0
        assert len(cluster.files()) == 90
        assert cluster.logs().count("postgresql-away") == 2  # once for each process
        assert site.overlaps() == []
        assert cluster.run("verify").returncode == 0


def test_fetchers_pause_while_too_much_waits_for_the_keeper(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=100) as site:
        site.padding = 50_000
        cluster = new_cluster(site, delay=0.1)
        more = "[cluster]\nmax_waiting = 1048576\n"
        config = cluster.folder / "finarchive.toml"
        config.write_text(config.read_text("utf-8").replace("[cluster]\n", more), "utf-8")
        keeper = cluster.start("-q", "crawl")
        wait_for(lambda: value(cluster, "SELECT count(*) FROM requests WHERE state = 'queued'"), 30, "no requests")
        cluster.start_fetcher()
        wait_for(lambda: value(cluster, "SELECT count(*) > 60 FROM requests WHERE subject IS NOT NULL"), 30, "few")
        keeper.kill()
        keeper.wait()
        wait_for(lambda: "paused responses=" in cluster.logs(), 60, "it does not pause")
        waiting = len(site.paths())
        assert waiting < 90
        status = cluster.run("cluster", "status")
        assert status.returncode == 4
        assert "fetchers pause until it has taken some" in status.stdout
        assert cluster.run("-q", "crawl").returncode == 0
        assert len(cluster.files()) == 100
        assert "resumed responses=" in cluster.logs()
