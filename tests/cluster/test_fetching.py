"""A keeper with fetchers: the same archive as one process makes, and the same politeness."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.cluster.conftest import Cluster
from tests.support.many_hosts import running_site

NewCluster = Callable[..., Cluster]
pytestmark = pytest.mark.slow


def without_times(output: str) -> str:
    """Return what a command printed without how long it took."""
    return re.sub(r" in [0-9.]+ s", "", output)


def test_three_fetchers_give_the_same_files_as_one_process(new_cluster: NewCluster) -> None:
    with running_site(hosts=5, articles=60) as site:
        site.images = True
        site.statuses["/a/7.html"] = 404
        site.redirects["/a/9.html"] = site.address(10)
        site.paths_of[11] = "/forbidden/11.html"
        alone, cluster = new_cluster(site), new_cluster(site)
        alone.configure(site, 0.0, is_alone=True)
        for _ in range(3):
            cluster.start_fetcher()
        first, second = alone.run("-q", "crawl"), cluster.run("-q", "crawl")
        assert (second.returncode, without_times(second.stdout)) == (first.returncode, without_times(first.stdout))
        assert not any(visit.path == "/forbidden/11.html" for visits in site.visits.values() for visit in visits)
    assert len(cluster.files()) == 58
    assert cluster.images() == alone.images()
    assert len(cluster.images()) == 1  # all of them are equal
    assert cluster.files() == alone.files()
    assert alone.run("verify", "--deep").returncode == cluster.run("verify", "--deep").returncode == 0


def test_a_host_gets_one_request_at_a_time_and_the_delay_holds_for_all_fetchers(new_cluster: NewCluster) -> None:
    delay = 0.1
    with running_site(hosts=3, articles=90, latency=0.03) as site:
        cluster = new_cluster(site, delay=delay)
        for _ in range(4):
            cluster.start_fetcher(hosts=2)
        assert cluster.run("-q", "crawl").returncode == 0
        assert len(cluster.files()) == 90
        assert site.overlaps() == []
        assert site.distances()[0][0] >= delay


def test_a_host_that_refuses_is_left_alone_by_all_fetchers(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=40) as site:
        site.statuses["/a/0.html"] = 429
        site.headers["/a/0.html"] = {"Retry-After": "3600"}
        cluster = new_cluster(site, delay=0.02)
        for _ in range(3):
            cluster.start_fetcher()
        assert cluster.run("-q", "crawl").returncode == 1
        refused = [visit.path for visit in site.visits[site.host(0)]]
        assert refused[-1] == "/a/0.html"  # nothing after it
        assert len(site.visits[site.host(1)]) > 20
        status = cluster.run("cluster", "status")
        assert f"{site.host(0)}" in status.stdout
        assert re.search("backed off for (1h|59m)", status.stdout)
        assert "it answered 429" in status.stdout


IMPATIENT = """
import sys
from cluster import fetcher

fetcher.LONG_WAIT_SECONDS = 0.5
sys.argv = ["finarchive", "fetcher", "--hosts", "1"]
from cli.main import main
main()
"""


def test_a_host_with_a_long_delay_does_not_keep_others_waiting(new_cluster: NewCluster) -> None:
    delay = 2.0
    with running_site(hosts=5, articles=20) as site:
        cluster = new_cluster(site, delay=delay)
        cluster.start_code(IMPATIENT)
        assert cluster.run("-q", "crawl").returncode == 0
        firsts = [
            min(v.began for v in visits if v.path.startswith("/a/"))
            for visits in site.visits.values()
            if any(v.path.startswith("/a/") for v in visits)
        ]
        assert len(firsts) == 5
        assert max(firsts) - min(firsts) < 9  # of one host after the other, 24
        assert site.distances()[0][0] >= delay
