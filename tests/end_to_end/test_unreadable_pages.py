"""A page that its parser process does not survive, live, after a crash and in a rebuild."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_kill import REPOSITORY, die_at
from tests.support import processes

pytestmark = pytest.mark.slow

PAGE = b"<html><body><p>" + b"x" * (32 << 20) + b"</p></body></html>"
REASON = "reading it takes more than 256 MiB of memory"


@pytest.fixture
def bad(home: Home, mocksite: MockSite) -> Home:
    """A site with twelve articles. The page of one has more text than the memory of a parser process can hold."""
    home.configure(mocksite.endpoint, network=f"max_body = {len(PAGE)}")
    path = mocksite.site.address("nreplica0000003").removeprefix(mocksite.url)
    mocksite.site.pages[path] = PAGE
    return home


def assert_costs_only_itself(home: Home) -> None:
    assert home.rows("SELECT count(*) FROM revisions") == [(11,)]
    assert home.rows("SELECT docid, failure_kind, failure FROM entries WHERE failure_kind IS NOT NULL") == [
        ("nreplica0000003", "unreadable", REASON)
    ]
    deep = home.run("verify", "--deep", timeout=120)
    assert deep.status == 0, deep.out


def test_the_other_articles_are_archived(bad: Home) -> None:
    outcome = bad.run("crawl", "--json")

    assert (outcome.status, outcome.json["archived"], outcome.json["failed"]) == (1, 11, 1), outcome.err
    assert REASON in bad.run("status").out
    assert_costs_only_itself(bad)


@pytest.mark.long
def test_recovery_and_rebuild_pass_over_it(bad: Home) -> None:
    assert die_at(bad, "before the paths", 1) == -9
    assert bad.rows("SELECT count(*) FROM revisions") == [(0,)]

    recovered = bad.run("crawl", "--json")
    assert "recovered records=" in recovered.err
    assert_costs_only_itself(bad)
    rebuilt = bad.run("rebuild", timeout=120)
    assert rebuilt.status == 0, rebuilt.out
    assert_costs_only_itself(bad)


@pytest.mark.timing
def test_a_page_that_is_being_parsed_does_not_delay_the_end_of_a_crawl(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    pages = threading.Semaphore(0)
    mocksite.on_hit = lambda hit: pages.release() if "doc-i" in hit.path else None
    process = processes.popen(
        [sys.executable, "-m", "tests.support.slow_parser", "nreplica0000003", "-q", "crawl"],
        cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(12):
        assert pages.acquire(timeout=60)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert time.monotonic() - began < 10

    assert home.run("crawl", "--json").json["pending"] == 0
    assert home.rows("SELECT count(*) FROM revisions") == [(12,)]
    assert home.run("verify", "--deep", timeout=120).status == 0
