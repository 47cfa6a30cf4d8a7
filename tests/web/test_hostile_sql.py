"""The reader while one client sends SQL that does not end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.web_server import Serving, served_home
from tests.web.test_queries import LARGE, MANY_STEPS, ONE_STEP

__all__ = ["served_home"]

READERS = 50
PAGES = 4  # of each reader
SECONDS = 4.0  # in which a reader opens one page
MAX_SECONDS = 2.0  # before, pages waited for minutes; a margin, because other tests load the machine too


@pytest.fixture(scope="module")
def archive(served_home: Home) -> Home:
    with MockSite(make_stories(20, newest=NEWEST)) as mocksite:
        served_home.configure(mocksite.endpoint)
        assert served_home.run("crawl", "--json").json["archived"] == 20
    return served_home


@contextmanager
def hostile(address: str) -> Iterator[None]:
    """Send SQL that does not end from four connections at once until the block ends."""
    is_over = threading.Event()

    def send(sql: str) -> None:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            while not is_over.is_set():
                with suppress(httpx.HTTPError):
                    client.get("/index.json", params={"sql": sql})

    threads = [threading.Thread(target=send, args=(sql,)) for sql in (ONE_STEP, ONE_STEP, MANY_STEPS, LARGE)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def read_pages(address: str) -> float:
    """Let fifty readers open pages; return the 95 % quantile of the seconds that a page takes."""
    durations: list[float] = []
    start = time.monotonic()

    def read(number: int) -> None:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            for page in range(PAGES):
                time.sleep(max(0.0, start + SECONDS * (page + number / READERS) - time.monotonic()))
                began = time.monotonic()
                assert client.get(("/", "/search?q=样例", "/feeds")[page % 3]).status_code == 200
                durations.append(time.monotonic() - began)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(durations) == READERS * PAGES
    return sorted(durations)[int(len(durations) * 0.95)]


@pytest.mark.slow
@pytest.mark.timing
def test_fifty_readers_are_answered_while_one_client_sends_sql_that_does_not_end(archive: Home) -> None:
    with Serving(archive) as serving:
        serving.get("/")
        with hostile(serving.address):
            beside = read_pages(serving.address)

    print(f"95 % of pages take {beside:.3f} s")
    assert beside < MAX_SECONDS


@pytest.mark.slow
def test_sigterm_ends_the_reader_within_five_seconds_whatever_runs(archive: Home) -> None:
    with Serving(archive) as serving, hostile(serving.address):
        serving.get("/")
        time.sleep(0.5)  # some queries run
        began = time.monotonic()
        serving.process.terminate()
        assert serving.process.wait(30) == 0
        assert time.monotonic() - began < 5
