"""Two keepers: one leads, the other follows the mirror and takes over."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.cluster.conftest import Cluster
from tests.cluster.test_stops import value, wait_for
from tests.support.many_hosts import Site, running_site

NewCluster = Callable[..., Cluster]
pytestmark = pytest.mark.slow
TAKEOVER_SECONDS = 60


def pair(new_cluster: NewCluster, site: Site) -> tuple[Cluster, Cluster]:
    """Two machines with one cluster and one mirror."""
    one, other = new_cluster(site), new_cluster(site)
    other.dsn = one.dsn
    more = f'[schedule]\nmin = "1s"\nevery = "1s"\nmax = "2s"\n[journal]\nmirror = "file://{one.folder}/mirror"\n'
    for cluster in (one, other):
        cluster.configure(site, 0.01, more=more)
    return one, other


def wait_for_articles(cluster: Cluster, number: int) -> None:
    """Wait until an archive or a replica has so many articles."""
    wait_for(
        lambda: len(cluster.files()) == number, TAKEOVER_SECONDS, f"{number} articles:\n{cluster.logs()[-2000:]}"
    )


def start(cluster: Cluster, what: str) -> subprocess.Popen[str]:
    """Start a keeper, and wait until it leads or waits."""
    process = cluster.start("run")
    wait_for(lambda: what in cluster.logs() or process.poll() is not None, 30, f"the keeper is not {what}")
    return process


def test_a_standby_takes_over_and_the_former_leader_follows(new_cluster: NewCluster) -> None:
    with running_site(hosts=3, articles=30) as site:
        one, other = pair(new_cluster, site)
        one.start_fetcher()
        first = start(one, "leading")
        wait_for_articles(one, 30)
        second = start(other, "standby")
        wait_for_articles(other, 30)  # it follows
        assert other.run("crawl").returncode == 2  # a replica, and no place to write
        began = time.monotonic()
        first.kill()
        first.wait()
        site.articles = 50
        wait_for_articles(other, 50)
        assert time.monotonic() - began < TAKEOVER_SECONDS
        assert "took-over" in other.logs()

        third = start(one, "standby")  # the first machine is back
        wait_for_articles(one, 50)
        second.terminate()
        assert second.wait(30) == 0
        site.articles = 60
        wait_for_articles(one, 60)  # at once, because the other one has resigned
        assert value(one, "SELECT epoch FROM cluster") >= 4  # type: ignore[operator]
        third.terminate()
        assert third.wait(30) == 0

        assert one.run("verify", "--deep").returncode == 0
        assert len(one.files()) == 60
        assert one.run("verify", "--against", f"file://{one.folder}/mirror").returncode == 0
        assert sorted(site.paths()) == sorted({f"/a/{number}.html" for number in range(60)})


def test_what_a_stopped_leader_writes_after_the_takeover_does_not_count(new_cluster: NewCluster) -> None:
    with running_site(hosts=3, articles=40, latency=0.05) as site:
        one, other = pair(new_cluster, site)
        one.start_fetcher()
        first, second = start(one, "leading"), start(other, "standby")
        wait_for(lambda: len(other.files()) > 10, 30, "it does not follow")
        first.send_signal(signal.SIGSTOP)
        wait_for(lambda: "took-over" in other.logs(), TAKEOVER_SECONDS, "nobody took over")
        wait_for_articles(other, 40)
        first.send_signal(signal.SIGCONT)
        assert first.wait(30) == 5
        assert "this one stops, because nothing that it writes would count" in one.logs()
        refused = one.run("-q", "crawl")  # it has pages that were never mirrored, and must not mirror them now
        assert (refused.returncode, "leads the cluster" in refused.stderr) == (5, True)
        site.articles = 50
        wait_for_articles(other, 50)
        second.terminate()
        assert second.wait(30) == 0
        assert other.run("verify", "--deep").returncode == 0
        # Nothing of the first one is in the mirror after the takeover.
        assert other.run("verify", "--against", f"file://{one.folder}/mirror").returncode == 0


WITHOUT_EPOCH = """
import sys
from cluster.leadership import Leadership

async def check(self, connection):
    return None

Leadership.check = check
sys.argv = ["finarchive", "run"]
from cli.main import main
main()
"""


@pytest.mark.long
def test_without_the_check_of_the_epoch_a_stopped_leader_would_go_on(new_cluster: NewCluster) -> None:
    """The control of the test above: it is the check that ends the process."""
    with running_site(hosts=3, articles=40, latency=0.05) as site:
        one, other = pair(new_cluster, site)
        one.start_fetcher()
        first = one.start_code(WITHOUT_EPOCH)
        wait_for(lambda: "leading" in one.logs(), 30, "it does not lead")
        start(other, "standby")
        wait_for(lambda: len(other.files()) > 10, 30, "it does not follow")
        first.send_signal(signal.SIGSTOP)
        wait_for(lambda: "took-over" in other.logs(), TAKEOVER_SECONDS, "nobody took over")
        first.send_signal(signal.SIGCONT)
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(10)


def test_a_second_daemon_of_the_same_folder_does_not_disturb_the_first(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=10) as site:
        one, _ = pair(new_cluster, site)
        one.start_fetcher()
        first = start(one, "leading")
        status = one.run("cluster", "status", "--json")
        assert status.stdout, status.stderr
        assert json.loads(status.stdout)["mirror"]["place"].endswith("/mirror")
        again = one.run("run")
        assert (again.returncode, "is in use by process" in again.stderr) == (5, True)
        wait_for_articles(one, 10)
        assert first.poll() is None
        first.terminate()
        assert first.wait(30) == 0


def test_a_replica_without_a_mirror_is_refused(new_cluster: NewCluster) -> None:
    with running_site(hosts=2, articles=3) as site:
        one, other = pair(new_cluster, site)
        one.start_fetcher()
        assert one.run("-q", "crawl").returncode == 0
        assert other.run("follow", "--once", f"file://{one.folder}/mirror").returncode == 0
        other.configure(site, 0.01)
        done = other.run("run")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "is a replica, which only finarchive follow" in done.stderr
