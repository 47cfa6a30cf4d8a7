"""Sites at their worst: what must neither stop a crawl, nor keep it from ending, nor make it lose an article."""

from __future__ import annotations

import json
import time

import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.end_to_end.test_kill import REPOSITORY, dying
from tests.support import processes

pytestmark = pytest.mark.slow


def listed(mocksite: MockSite) -> dict[str, bytes]:
    """The response of the mock site's list, to be changed and set as its response."""
    return {"1686": mocksite.site.roll({"lid": "1686", "num": "50"})}


def test_an_address_that_cannot_be_requested_is_a_failure_and_the_others_continue(
    home: Home, mocksite: MockSite
) -> None:
    (response,) = listed(mocksite).values()
    address = mocksite.site.address("nreplica0000003")
    bad = b"http://u:c\\\\@127.0.0.1/x"
    mocksite.site.rolls["1686"] = response.replace(address.replace("/", "\\/").encode(), bad).replace(
        address.encode(), bad
    )
    home.configure(mocksite.endpoint)

    outcome = home.run("crawl", "--json")

    assert (outcome.status, outcome.json["archived"], outcome.json["failed"]) == (1, 11, 1), outcome.err
    assert "cannot be requested" in home.run("status").out
    assert "Traceback" not in outcome.err


def test_a_redirect_to_a_backed_off_host_fails_and_is_not_requested_repeatedly(home: Home) -> None:
    with MockSite(make_stories(3, newest=NEWEST)) as first, MockSite([]) as second:
        # The same machine under another name is another host.
        elsewhere = second.url.replace("127.0.0.1", "localhost")
        first.fault("redirect", match="doc-i", to=f"{elsewhere}/x.shtml")
        second.fault("status", match="x.shtml", status=429, retry_after=3600)
        home.configure(first.endpoint, network="obey_robots = false")
        home.config.write_text(home.config.read_text().replace("concurrency = 8", "concurrency = 1"))

        outcome = home.run("crawl", "--json", timeout=30)

        assert (outcome.status, outcome.json["failed"]) == (1, 3)
        assert outcome.json["requests"] < 15
        assert sum("x.shtml" in hit.path for hit in second.hits) <= 2


def test_a_truncated_compressed_page_is_not_accepted(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("cut-gzip", match="doc-inreplica0000003")

    outcome = home.run("crawl", "--json")

    assert (outcome.status, outcome.json["archived"], outcome.json["failed"]) == (1, 11, 1)
    assert "ends in the middle of its content coding" in home.run("status").out
    mocksite.clear_faults()
    assert home.run("crawl", "--json").json["archived"] == 1


def test_an_empty_page_before_the_end_of_the_list_is_requested_again(home: Home) -> None:
    with MockSite(make_stories(200, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        mocksite.fault("empty-page", match="page=3", times=1)

        assert home.run("crawl", "--json", "--limit", "0").json["feeds"][0]["listed"] == 200


def test_a_list_that_stays_empty_before_its_end_is_read_again_by_the_next_poll(home: Home) -> None:
    with MockSite(make_stories(200, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        mocksite.fault("empty-page", match="page=3")
        first = home.run("crawl", "--json", "--limit", "0").json["feeds"][0]
        assert (first["listed"], first["error"]) == (96, "the list shows nothing after article 96, but states more")
        mocksite.clear_faults()

        assert home.run("crawl", "--json", "--limit", "0").json["feeds"][0]["new"] == 104


def test_status_and_coverage_agree_about_a_list_that_is_cut_off(home: Home) -> None:
    """Its third page is always empty, although it states 200 articles."""
    with MockSite(make_stories(200, newest=int(time.time()) - 600)) as mocksite:
        home.configure(mocksite.endpoint)
        mocksite.fault("empty-page", match="page=3")
        home.run("crawl", "--json", "--limit", "0")
        [feed] = home.run("status", "--json").json["feeds"]
        assert (feed["state"], home.run("coverage", "--json").json[-1]["complete"]) == ("failing", 0.0)

        assert home.run("crawl", "--json", "--limit", "0").json["feeds"][0]["error"] is None

    [feed] = home.run("status", "--json").json["feeds"]
    assert feed["state"] == "ok"
    assert home.run("coverage", "--json").json[-1]["complete"] > 0


def test_an_old_article_pinned_to_a_list_does_not_hide_a_gap(home: Home) -> None:
    stories = make_stories(400, newest=NEWEST)
    with MockSite(stories[300:]) as mocksite:
        home.configure(mocksite.endpoint, more="[schedule]\npages = 3")
        home.run("crawl", "--limit", "0")
        for story in stories[:300]:
            mocksite.site.add(story)
        mocksite.clock = NEWEST + 1000
        page = json.loads(mocksite.site.roll({"lid": "1686", "num": "50"}))
        old = json.loads(mocksite.site.roll({"lid": "1686", "num": "50", "page": "7"}))
        page["result"]["data"].insert(0, old["result"]["data"][10])
        mocksite.site.pages["/api/roll/get?pageid=1&lid=1686&num=50&page=1"] = json.dumps(page).encode()
        home.config.write_text(home.config.read_text().replace("lid = 1686", "lid = 1686\npageid = 1"))

        home.run("crawl", "--limit", "0")

    assert len(home.run("status", "--json").json["gaps"]) == 1


def test_an_article_is_written_where_an_interrupted_run_meant_to_however_the_feeds_are_by_then(home: Home) -> None:
    with MockSite(make_stories(12, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        env = home.env | {"PYTHONPATH": str(REPOSITORY)}
        processes.run(dying("before the rows", 2, "-"), cwd=home.folder, env=env, capture_output=True)
        assert len(home.files()) > len(home.rows("SELECT 1 FROM revisions"))
        home.config.write_text(home.config.read_text().replace("栏目1", "另一栏目"))

        assert home.run("crawl", "--json").status == 0

    home.assert_whole()
    assert len(home.files()) == 12


def test_a_later_url_of_a_pending_article_is_used(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    response = listed(mocksite)["1686"]
    mocksite.site.rolls["1686"] = response.replace(b"doc-inreplica0000003", b"moved-inreplica0000003")
    assert home.run("crawl", "--json").json["failed"] == 1
    del mocksite.site.rolls["1686"]

    assert home.run("crawl", "--json").json["archived"] == 1


def test_a_backoff_is_not_success_because_there_is_a_limit(home: Home) -> None:
    with MockSite(make_stories(5, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        mocksite.fault("status", match="doc-i", status=429, retry_after=3600)

        outcome = home.run("crawl", "--json", "--limit", "5")

        assert (outcome.status, outcome.json["archived"]) == (1, 0)


def test_what_waits_is_fetched_even_when_all_feeds_are_off(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.run("crawl", "--limit", "7")
    home.config.write_text(home.config.read_text() + "enabled = false\n")

    outcome = home.run("crawl", "--json")

    assert (outcome.status, outcome.json["archived"], outcome.json["feeds"]) == (0, 5, [])


@pytest.mark.parametrize("name", ["reset", "stall", "close"])
def test_an_unavailable_robots_txt_allows_nothing(home: Home, mocksite: MockSite, name: str) -> None:
    mocksite.fault(name, match="robots.txt")
    home.configure(mocksite.endpoint)
    home.config.write_text(home.config.read_text().replace("timeout = 10.0", "timeout = 1.0"))

    assert home.run("crawl", "--json").status == 3
    assert {hit.path for hit in mocksite.hits} == {"/robots.txt"}

    mocksite.clear_faults()
    assert home.run("crawl", "--json").json["archived"] == 12


def test_what_a_site_says_cannot_steer_the_terminal(home: Home, mocksite: MockSite) -> None:
    mocksite.site.rolls["1686"] = b'{"result": {"status": {"code": 7, "msg": "\\u001b]0;x\\u0007\\u009b31m"}}}'
    home.configure(mocksite.endpoint)

    shown = home.run("crawl").out + home.run("status").out

    assert "the answer reports error 7" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_backoffs_double_from_run_to_run_though_robots_txt_answers(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("status", match="robots.txt", status=404)
    mocksite.fault("status", match="roll", status=429)

    for _ in range(3):
        assert home.run("crawl", "--json").status == 3

    assert home.rows("SELECT strikes FROM rests") == [(3,)]


@pytest.mark.slow
def test_a_crawl_ends_when_the_host_of_pending_articles_is_unreachable(home: Home) -> None:
    with MockSite(make_stories(60, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        home.run("crawl", "--limit", "0")

    outcome = home.run("crawl", "--json", timeout=60)  # it waits for one short back-off

    assert outcome.status == 3
    assert outcome.json["pending"] == 60


@pytest.mark.slow
def test_a_crawl_of_two_hosts_ends_when_one_is_backed_off(home: Home, mocksite: MockSite) -> None:
    with MockSite(make_stories(20, newest=NEWEST, seed=2)) as other:
        home.configure(mocksite.endpoint, other.endpoint.replace("127.0.0.1", "localhost"))
        other.site.base_url = other.url.replace("127.0.0.1", "localhost")
        other.fault("status", match="doc-i", status=429, retry_after=3600)

        outcome = home.run("crawl", "--json", timeout=60)

    assert (outcome.status, outcome.json["archived"]) == (1, 12)
    assert outcome.json["pending"] == 20
