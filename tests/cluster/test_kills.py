"""Fetchers, keeper and PostgreSQL are killed at random: nothing is lost, nothing is double, and hosts are spared."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Sequence

import psycopg
import pytest

from tests.cluster.conftest import Cluster
from tests.support.many_hosts import Site, running_site
from tests.support.postgres import Postgres

NewCluster = Callable[..., Cluster]
FETCHERS = 3


def has_ended(process: subprocess.Popen[str], seconds: float) -> bool:
    """Wait for a process, and return whether it has ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_one(victim: str, cluster: Cluster, postgres: Postgres, fetchers: list[subprocess.Popen[str]]) -> None:
    """Kill PostgreSQL or the oldest fetcher, and start it again."""
    if victim == "postgres":
        postgres.kill()
        postgres.start()
    elif victim == "fetcher":
        oldest = fetchers.pop(0)
        oldest.kill()
        oldest.wait()
        fetchers.append(cluster.start_fetcher(hosts=16))


def crawl_with_kills(cluster: Cluster, postgres: Postgres, site: Site, victims: Sequence[str]) -> int:
    """Crawl until everything is archived; return the number of kills.

    :param victims: are killed one after the other, as the site answers more and more requests
    """
    fetchers = [cluster.start_fetcher(hosts=16) for _ in range(FETCHERS)]
    keeper = cluster.start("-q", "crawl")
    done, deadline = 0, time.monotonic() + 60 + 30 * len(victims)
    while time.monotonic() < deadline:
        if has_ended(keeper, 0.1):
            if keeper.returncode == 0:
                return done
            keeper = cluster.start("-q", "crawl")
        elif done < len(victims) and len(site.paths()) > done * site.articles // (len(victims) + 1):
            if victims[done] == "keeper":
                keeper.kill()
            else:
                kill_one(victims[done], cluster, postgres, fetchers)
            done += 1
    raise AssertionError(f"not done after {done} kills:\n{cluster.logs()[-5000:]}")


def assert_all_is_well(cluster: Cluster, site: Site, delay: float) -> None:
    """Each article is there once, the archive verifies, and no host was asked twice at a time or too soon."""
    assert len(cluster.files()) == site.articles
    verified = cluster.run("verify", "--deep")
    assert verified.returncode == 0, verified.stdout
    assert site.overlaps() == []
    assert site.distances()[0][0] >= delay


@pytest.mark.slow
def test_kills_lose_nothing(new_cluster: NewCluster, postgres: Postgres) -> None:
    delay = 0.05
    with running_site(hosts=8, articles=400, latency=0.02) as site:
        cluster = new_cluster(site, delay=delay)
        victims = ["fetcher", "keeper", "postgres", "fetcher", "keeper", "fetcher"]
        assert crawl_with_kills(cluster, postgres, site, victims) == len(victims)
        assert_all_is_well(cluster, site, delay)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_200_kills_over_5000_articles_lose_nothing(new_cluster: NewCluster, postgres: Postgres) -> None:
    delay = 0.2
    with running_site(hosts=40, articles=5000, latency=0.1) as site:
        cluster = new_cluster(site, delay=delay)
        victims = random.Random(2).choices(["fetcher", "keeper", "postgres"], weights=[3, 1, 1], k=200)
        kills = crawl_with_kills(cluster, postgres, site, victims)
        print(f"{kills} kills, {len(site.paths())} requests for {site.articles} articles")
        assert_all_is_well(cluster, site, delay)


# Ways to break what keeps two fetchers from one host.
BROKEN = {
    "no lock of Procrastinate, and no lease": """
        CREATE FUNCTION without_lock() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.lock := NULL; NEW.queueing_lock := NULL; RETURN NEW; END $$;
        CREATE TRIGGER without_lock BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION without_lock();
        CREATE OR REPLACE FUNCTION claim_host(p_host text, p_job bigint, p_lease interval)
            RETURNS TABLE (wait double precision, state jsonb, backed_off double precision, token uuid)
            LANGUAGE sql AS $$ SELECT 0::float8, NULL::jsonb, 0::float8, gen_random_uuid() $$;
        CREATE OR REPLACE FUNCTION take_request(p_host text, p_token uuid, p_lease interval, p_priority integer)
            RETURNS TABLE (id bigint, url text, request json, wait double precision) LANGUAGE sql AS $$
            UPDATE requests SET state = 'sent' WHERE id = (
                SELECT id FROM requests WHERE host = p_host AND state = 'queued' LIMIT 1 FOR UPDATE SKIP LOCKED
            ) RETURNING id, url, request, 0::float8 $$;
        CREATE OR REPLACE FUNCTION deliver(
            p_host text, p_token uuid, p_request bigint, p_outcome json, p_body bytea, p_state jsonb,
            p_backed_off interval
        ) RETURNS text LANGUAGE sql AS $$
            UPDATE requests SET state = 'done', outcome = p_outcome, body = p_body, completed = clock_timestamp()
                WHERE id = p_request;
            SELECT 'stored'::text $$;
    """,
}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("what", BROKEN)
def test_the_checks_of_these_tests_find_a_broken_cluster(new_cluster: NewCluster, what: str) -> None:
    with running_site(hosts=1, articles=200, latency=0.05) as site:
        cluster = new_cluster(site)
        with psycopg.connect(cluster.dsn, options="-c search_path=finarchive", autocommit=True) as connection:
            connection.execute(BROKEN[what])
            fetchers = [cluster.start_fetcher() for _ in range(FETCHERS)]
            deadline = time.monotonic() + 60
            while connection.execute("SELECT count(*) FROM fetchers").fetchone() != (FETCHERS,):
                assert time.monotonic() < deadline, cluster.logs()
                assert not has_ended(fetchers[0], 0.1), cluster.logs()
        keeper = cluster.start("-q", "crawl")
        while not (site.overlaps() or has_ended(keeper, 0.2)):
            assert time.monotonic() < deadline, cluster.logs()
        assert site.overlaps()
