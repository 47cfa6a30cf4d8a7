"""`crawl` with each fault of a site: its report, and the result of a second run."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from cli.output.status import MAX_REASONS
from mocksite.faults import FaultName
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home, Outcome

pytestmark = pytest.mark.slow

Crawl = Callable[..., Outcome]
ARTICLE = r"doc-inreplica0000003"
LIST = r"/api/roll/get"
FINE = {"archived": 12, "revised": 0, "failed": 0, "pending": 0}


def numbers(outcome: Outcome) -> dict[str, int]:
    return {name: outcome.json[name] for name in FINE}


# fault, its parameters, what status says of the article
ARTICLE_FAULTS = [
    ("status", {"status": 500}, "status 500"),
    ("status", {"status": 404}, "status 404: no such page"),
    ("status", {"status": 410}, "status 410: no such page"),
    ("status", {"status": 204}, "status 204: no page"),
    ("reset", {}, "127.0.0.1"),
    ("close", {}, "127.0.0.1"),
    ("truncate", {}, "ended in the middle"),
    ("truncate-chunked", {}, "ended in the middle"),
    ("truncate-silent", {}, "the page ends before its end tag"),
    ("empty", {}, "the page is empty"),
    ("html", {}, "no article element on the page"),
    ("soft-404", {}, "页面没有找到"),
    ("bad-gzip", {}, "content coding"),
    ("redirect-loop", {}, "too many redirects"),
    ("redirect", {"to": "file:///etc/passwd"}, "a redirect to file:///etc/passwd"),
    ("redirect", {"to": "ftp://127.0.0.1/x"}, "a redirect to ftp://127.0.0.1/x"),
]


def assert_stay_pending_and_are_archived_later(home: Home, mocksite: MockSite, reasons: dict[str, str]) -> None:
    """A crawl archives the other articles, and another one archives these when their faults are over.

    :param reasons: docid -> a part of its reason
    """
    others = len(mocksite.site.stories) - len(reasons)

    first = home.run("crawl", "--json")

    failed = len(reasons)
    assert numbers(first) == {"archived": others, "revised": 0, "failed": failed, "pending": failed}
    assert first.status == 1
    assert first.json["feeds"][0]["error"] is None
    failures = dict(home.rows("SELECT docid, failure FROM entries WHERE failure IS NOT NULL"))
    assert {docid for docid, reason in reasons.items() if reason in failures[docid]} == failures.keys()
    shown = home.run("status").out
    assert sum(reason in shown for reason in reasons.values()) >= min(len(reasons), MAX_REASONS)
    home.assert_whole()

    mocksite.clear_faults()
    second = home.run("crawl", "--json")

    assert numbers(second) == {"archived": failed, "revised": 0, "failed": 0, "pending": 0}
    assert second.status == 0
    assert len(home.files()) == len(mocksite.site.stories)
    home.assert_whole()


def test_faulty_articles_stay_pending_with_their_reasons_and_a_second_run_archives_them(home: Home) -> None:
    """Each article has another fault, and one has none."""
    with MockSite(make_stories(len(ARTICLE_FAULTS) + 1, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        docids = [story.docid for story in mocksite.site.stories]
        for docid, (name, parameters, _) in zip(docids, ARTICLE_FAULTS, strict=False):
            mocksite.fault(name, match=f"doc-i{docid}", **parameters)
        reasons = dict(zip(docids, [reason for *_, reason in ARTICLE_FAULTS], strict=False))
        assert_stay_pending_and_are_archived_later(home, mocksite, reasons)


def test_an_article_whose_host_refuses_it_without_a_wait_stays_pending_and_is_archived_later(
    home: Home, mocksite: MockSite
) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("status", match=ARTICLE, status=418, retry_after="0")
    assert_stay_pending_and_are_archived_later(
        home, mocksite, {"nreplica0000003": "status 418: the host refuses requests"}
    )


@pytest.mark.parametrize(
    ("name", "bound", "reason"),
    [
        ("huge", {"FINARCHIVE_NETWORK_MAX_BODY": "1000000"}, "larger than network.max_body"),
        ("bomb", {"FINARCHIVE_NETWORK_MAX_BODY": "1000000"}, "unpacks to more than network.max_body"),
        ("drip", {"FINARCHIVE_NETWORK_TIMEOUT": "3.0"}, "no whole answer within network.timeout"),
        ("stall", {"FINARCHIVE_NETWORK_TIMEOUT": "3.0"}, "no whole answer within network.timeout"),
    ],
)
def test_an_answer_over_the_size_limit_is_cut_off(
    home: Home, mocksite: MockSite, name: str, bound: dict[str, str], reason: str
) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault(name, match=ARTICLE)

    first = home.run("crawl", "--json", **bound)

    assert numbers(first) == {"archived": 11, "revised": 0, "failed": 1, "pending": 1}
    assert first.status == 1
    assert reason in home.run("status").out

    mocksite.clear_faults()
    assert numbers(home.run("crawl", "--json"))["archived"] == 1


@pytest.mark.parametrize("name", ["charset", "gbk"])
def test_a_wrong_charset_is_detected(home: Home, mocksite: MockSite, crawl: Crawl, name: str) -> None:
    crawl()
    right = {path.name: path.read_bytes() for path in home.files()}
    (home.root / ".finarchive" / "index.db").unlink()
    mocksite.fault(name, match=r"doc-i")

    again = crawl()

    assert again.status == 0
    assert {path.name: path.read_bytes() for path in home.files()} == right


# fault on the list, its parameters, the error in words
LIST_FAULTS = [
    ("status", {"status": 500}, "status 500"),
    ("status", {"status": 404}, "status 404"),
    ("reset", {}, "127.0.0.1"),
    ("truncate", {}, "ended in the middle"),
    ("empty", {}, "the answer is empty"),
    ("html", {}, "the answer is HTML, not JSON"),
    ("not-json", {}, "the answer is not JSON"),
    ("empty-list", {}, "the list is empty"),
    ("error-list", {}, "the answer reports error 11"),
    ("redirect-loop", {}, "too many redirects"),
]


def assert_are_errors_and_recover(home: Home, mocksite: MockSite, state: str, errors: list[str]) -> None:
    """A crawl archives nothing and tells each feed's error; another one recovers when the faults are over."""
    first = home.run("crawl", "--json")

    assert first.status == 3
    shown = [feed["error"] for feed in first.json["feeds"]]
    assert [error for error, told in zip(errors, shown, strict=True) if error not in told] == []
    assert numbers(first) == {"archived": 0, "revised": 0, "failed": 0, "pending": 0}
    feeds = home.run("status", "--json").json["feeds"]
    assert {feed["state"] for feed in feeds} == {state}
    assert [error for error, feed in zip(errors, feeds, strict=True) if error not in feed["reason"]] == []

    mocksite.clear_faults()
    second = home.run("crawl", "--json")

    assert second.status == 0
    assert numbers(second) == FINE
    home.assert_whole()


def test_faulty_lists_are_errors_of_their_feeds_and_a_second_run_recovers(home: Home, mocksite: MockSite) -> None:
    """The list of each feed has another fault."""
    home.configure(*(f"{mocksite.endpoint}?fault={number}x" for number in range(len(LIST_FAULTS))))
    for number, (name, parameters, _) in enumerate(LIST_FAULTS):
        mocksite.fault(name, match=f"fault={number}x", **parameters)
    assert_are_errors_and_recover(home, mocksite, "failing", [error for *_, error in LIST_FAULTS])


def test_a_list_whose_host_refuses_it_is_blocked_and_a_second_run_recovers(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("status", match=LIST, status=456, retry_after="0")
    assert_are_errors_and_recover(home, mocksite, "blocked", ["status 456: the host refuses requests"])


def test_a_list_that_fails_does_not_keep_others_from_being_read(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint + "?broken=1", mocksite.endpoint)
    mocksite.fault("status", match="broken", status=503)

    outcome = home.run("crawl", "--json")

    assert [feed["error"] for feed in outcome.json["feeds"]] == ["status 503", None]
    assert outcome.json["archived"] == 12
    assert outcome.status == 1


def test_one_broken_item_is_a_failure_and_the_others_go_on(home: Home, mocksite: MockSite, crawl: Crawl) -> None:
    mocksite.fault("broken-item", match=LIST)

    first = crawl()

    assert numbers(first) == {"archived": 11, "revised": 0, "failed": 1, "pending": 0}
    assert first.status == 1
    assert home.run("status", "--json").json["parked"] == 1
    assert "item 3 of list feed1: no usable address" in home.run("status").out

    second = crawl()  # still listed: known, and not counted again
    assert (second.status, second.json["failed"]) == (0, 0)

    mocksite.clear_faults()
    assert numbers(crawl())["archived"] == 1
    assert len(home.files()) == 12


def test_an_article_that_never_comes_back_is_parked_with_its_reason(
    home: Home, mocksite: MockSite, crawl: Crawl
) -> None:
    mocksite.fault("status", match=ARTICLE, status=404)

    crawl()
    with sqlite3.connect(home.root / ".finarchive" / "index.db") as index:
        index.execute("UPDATE entries SET first_seen = '2026-01-01T00:00:00.000+00:00'")  # long ago
    for _ in range(3):
        home.run("retry")  # what waits is due now
        crawl()

    status = home.run("status", "--json").json
    assert (status["parked"], status["pending"]) == (1, 0)
    assert "1 × status 404: no such page" in home.run("status").out
    mocksite.clear_hits()
    assert crawl().status == 0
    assert not [hit for hit in mocksite.hits if "doc-i" in hit.path]

    mocksite.clear_faults()
    home.run("retry", "--parked")
    assert crawl().json["archived"] == 1


def test_what_failed_is_not_tried_again_before_its_time(home: Home, mocksite: MockSite, crawl: Crawl) -> None:
    mocksite.fault("status", match=ARTICLE, status=500)
    crawl()
    crawl()  # the first retry is due at once, the second after a minute

    mocksite.clear_hits()
    third = crawl()

    assert not [hit for hit in mocksite.hits if "doc-i" in hit.path]
    assert (third.status, third.json["pending"]) == (0, 1)


def test_a_host_that_refuses_is_backed_off_and_requested_again(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, network='rest = "1s"')
    home.config.write_text(home.config.read_text().replace("concurrency = 8", "concurrency = 1"))
    mocksite.fault("status", match=r"doc-i", status=429, skip=3, times=1)

    outcome = home.run("crawl", "--json")

    assert numbers(outcome) == {"archived": 11, "revised": 0, "failed": 1, "pending": 1}
    refused = next(hit for hit in mocksite.hits if hit.status == 429)
    later = [hit.began - refused.ended for hit in mocksite.hits if hit.began > refused.ended]
    # What was on the wire when the refusal came is past recall; nothing is sent in the second after it.
    assert not [gap for gap in later if 0.25 < gap < 0.95], later
    assert max(later) > 0.95


def test_a_retry_after_holds_across_runs(home: Home, mocksite: MockSite, crawl: Crawl) -> None:
    mocksite.fault("status", match=r"doc-i", status=403, retry_after="600")

    began = time.monotonic()
    first = crawl()

    assert time.monotonic() - began < 30
    assert first.status == 1
    assert first.json["pending"] == 12
    assert "is backed off" in home.run("crawl").out

    mocksite.clear_faults()
    mocksite.clear_hits()
    second = crawl()
    assert second.status == 3  # the list is on the same host
    assert "is backed off until" in second.json["feeds"][0]["error"]
    assert {hit.path for hit in mocksite.hits} <= {"/robots.txt"}


def test_robots_txt_is_obeyed_unless_configured_otherwise(home: Home, mocksite: MockSite) -> None:
    mocksite.site.robots_text = "User-agent: *\nDisallow: /stock/\n"
    home.configure(mocksite.endpoint)

    obeyed = home.run("crawl", "--json")

    assert obeyed.json["failed"] > 0
    assert obeyed.status == 1
    assert not [hit for hit in mocksite.hits if hit.path.startswith("/stock/")]
    assert "robots.txt forbids it" in home.run("status").out

    home.configure(mocksite.endpoint, network="obey_robots = false")
    assert home.run("crawl", "--json").json["pending"] == 0
    assert len(home.files()) == 12


def test_every_fault_of_the_mock_site_is_tried() -> None:
    files = (Path(__file__), Path(__file__).with_name("test_crawl_trouble.py"))
    here = "".join(file.read_text(encoding="utf-8") for file in files)
    assert [name for name in get_args(FaultName) if f'"{name}"' not in here] == []
