"""Parser processes, with items that crash them, occupy them or fill their memory."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.model.article import Article
from archive.model.feed import Failure, FailureKind, Listing
from archive.model.fetch import RawResponse
from config.model import Feed
from crawler.errors import ParserUnavailableError
from crawler.parsing.articles import parse_articles
from crawler.parsing.listings import parse_listing
from crawler.parsing.pool import Died, ParserPool
from crawler.parsing.process import CHUNK
from tests.support.fetches import make_fetch
from tests.support.parser_tasks import MEBIBYTE, acts, grandchild

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def by_item(results: Iterator[str | Died]) -> list[str]:
    return [each.reason if isinstance(each, Died) else each.split()[0] for each in results]


@pytest.fixture(autouse=True)
def tasks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests are not installed, and parser processes do not import from the current folder."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def pool() -> Iterator[ParserPool]:
    with ParserPool(1, cpu_seconds=0.3, memory_bytes=512 * MEBIBYTE) as pool:
        yield pool


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("crash", "it crashes the parser (SIGSEGV)"),
        ("loop", "reading it takes more than 0.3 s of CPU time"),
        ("fill", "reading it takes more than 512 MiB of memory"),
        ("killed", "it crashes the parser (SIGKILL)"),
        ("exit", "its parser process ended with status 3"),
    ],
)
def test_an_item_that_ends_its_process_costs_only_itself(pool: ParserPool, item: str, reason: str) -> None:
    assert by_item(pool.run(acts, ["a", item, "b", "c"])) == ["a", reason, "b", "c"]


def test_a_process_is_used_again(pool: ParserPool) -> None:
    first, second = pool.run(acts, ["a", "b"])
    [third] = pool.run(acts, ["a"])
    assert first == third
    assert str(second).split()[2] == str(first).split()[2]


def test_more_results_than_are_sent_together_arrive_in_order(pool: ParserPool) -> None:
    items = [f"item{number}" for number in range(200)]
    items[150] = "crash"
    got = by_item(pool.run(acts, items))
    assert got[:150] + got[151:] == items[:150] + items[151:]


def test_an_exception_of_a_task_is_raised_after_its_results(pool: ParserPool) -> None:
    got = []
    with pytest.raises(ValueError, match="raise"):
        got.extend(pool.run(acts, ["a", "raise", "b"]))
    assert by_item(pool.run(acts, ["c"])) == ["c"]


def test_log_lines_of_a_process_are_logged_here(pool: ParserPool, caplog: pytest.LogCaptureFixture) -> None:
    list(pool.run(acts, ["warn"]))
    assert caplog.messages == ["about warn"]


def test_a_process_that_somebody_kills_between_two_tasks_is_replaced(pool: ParserPool) -> None:
    [first] = pool.run(acts, ["a"])
    os.kill(int(str(first).split()[2]), signal.SIGKILL)
    assert by_item(pool.run(acts, ["a", "b"])) == ["a", "b"]


def processes_of_two_tasks(patience: float, first: str) -> set[str]:
    """Run two tasks at a time, and return the processes that ran them.

    :param first: what the first one does; the second begins while it is busy
    """
    with ParserPool(2, cpu_seconds=100, patience=patience) as pool:
        results = pool.run(acts, ["a"] * CHUNK + [first])  # after the first results, the process goes on
        begun = [next(results)]
        ended: list[object] = []
        second = threading.Thread(target=lambda: ended.extend(pool.run(acts, ["b"])))
        second.start()
        if patience:
            begun += results
        second.join(10)
        assert ended
        return {str(each).split()[2] for each in (*begun[:1], *ended)}


def test_a_second_process_is_started_only_if_the_first_one_stays_busy() -> None:
    assert len(processes_of_two_tasks(60, "a")) == 1
    assert len(processes_of_two_tasks(0, "loop")) == 2


def test_closing_ends_what_is_being_parsed() -> None:
    pool = ParserPool(1, cpu_seconds=100)
    begun, errors = threading.Event(), []

    def parse() -> None:
        try:
            begun.set()
            list(pool.run(acts, ["loop"]))
        except ParserUnavailableError as error:
            errors.append(error)

    thread = threading.Thread(target=parse)
    thread.start()
    begun.wait()
    pool.close()
    thread.join(5)
    assert not thread.is_alive()
    assert errors
    with pytest.raises(ParserUnavailableError):
        list(pool.run(acts, ["a"]))


def test_signals_of_a_service_manager_do_not_end_a_process(pool: ParserPool) -> None:
    [first] = pool.run(acts, ["a"])
    number = int(str(first).split()[2])
    for kind in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(number, kind)
    assert list(pool.run(acts, ["a"])) == [first]


def test_a_process_ends_when_its_parent_is_killed() -> None:
    with ParserPool(1) as outer:
        [message] = outer.run(grandchild)
        parent, child = map(int, str(message).split())
        watched = os.pidfd_open(child)
        os.kill(parent, signal.SIGKILL)
        assert select.select([watched], [], [], 10)[0]
        os.close(watched)


def test_a_process_that_cannot_be_started_is_said(pool: ParserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ParserUnavailableError, match="no parser process can be started: No such file"):
        list(pool.run(acts, ["a"]))


def test_an_article_that_cannot_be_parsed_costs_only_itself(pool: ParserPool) -> None:
    page = b'<html><body><div class="article" id="artibody"><p>text</p>%s</div></body></html>'
    fetch = make_fetch("a", NOW)
    fetches = [
        replace(fetch, response=RawResponse(fetch.pending.entry.url, 200, (), page % more))
        for more in (b"", b"<p>x</p>" * 1_000_000, b"")
    ]
    first, failure, last = parse_articles(pool, fetches, 1000)
    assert isinstance(first, Article)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNREADABLE
    assert failure.reason.startswith("reading it takes more than")
    assert isinstance(last, Article)


def test_a_list_is_parsed_or_the_reason_is_returned(pool: ParserPool) -> None:
    feed = Feed(id="china", kind="roll", categories=("a", "b"), endpoint="https://a.cn/list", lid=1)
    assert isinstance(parse_listing(pool, feed, b'{"result":{"data":[]}}', "", NOW), Listing)
    failure = parse_listing(pool, feed, b"<html>", "", NOW)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNREADABLE


def test_many_large_pages_are_not_sent_to_a_process_together() -> None:
    comment = b"<!--" + b"x" * 8 * MEBIBYTE + b"-->"
    page = b'<html><body><div class="article" id="artibody"><p>text</p></div>' + comment + b"</body></html>"
    fetch = make_fetch("a", NOW)
    fetches = [
        replace(fetch, response=RawResponse(fetch.pending.entry.url, 200, (), page + b" " * number))
        for number in range(12)
    ]
    with ParserPool(1, memory_bytes=128 * MEBIBYTE) as small:
        assert all(isinstance(each, Article) for each in parse_articles(small, fetches, 16 * MEBIBYTE))
