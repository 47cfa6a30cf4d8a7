"""The main job, end to end: real processes, real HTTP, real files."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from archive.files import post
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home, Outcome
from tests.support import processes

Crawl = Callable[..., Outcome]


def article_hits(mocksite: MockSite) -> list[str]:
    return [hit.path for hit in mocksite.hits if "doc-i" in hit.path]


def test_every_listed_article_becomes_a_file_that_loads(home: Home, mocksite: MockSite, crawl: Crawl) -> None:
    outcome = crawl()

    assert outcome.status == 0
    assert outcome.json == {
        "feeds": [{"id": "feed1", "pages": 1, "listed": 12, "new": 12, "error": None}],
        "archived": 12,
        "revised": 0,
        "failed": 0,
        "pending": 0,
        "requests": 14,  # robots.txt, the list, twelve articles
    }
    home.assert_whole()
    titles = {post.load(path.read_bytes())[0]["title"] for path in home.files()}
    assert titles == {story.title for story in mocksite.site.stories}
    assert {path.parent.relative_to(home.root).as_posix() for path in home.files()} == {
        "金融/新浪财经/栏目1/2026/09/29"  # from 16:00 UTC on it is the next day in China
    }


def test_a_second_crawl_with_nothing_new_fetches_no_article(home: Home, mocksite: MockSite, crawl: Crawl) -> None:
    crawl()
    before = {path: path.stat().st_mtime_ns for path in home.files()}
    mocksite.clear_hits()

    outcome = crawl()

    assert (outcome.status, outcome.json["archived"]) == (0, 0)
    assert outcome.json["feeds"][0] == {"id": "feed1", "pages": 1, "listed": 12, "new": 0, "error": None}
    assert not article_hits(mocksite)
    assert {path: path.stat().st_mtime_ns for path in home.files()} == before


@pytest.mark.slow
def test_articles_are_fetched_while_lists_are_being_read(home: Home) -> None:
    """The second page of each list comes late; articles of the first pages do not wait for it."""
    with MockSite(make_stories(80, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint, mocksite.endpoint)
        mocksite.fault("stall", match="page=2", seconds=2.0)

        done = home.run("crawl", "--json")

    assert (done.status, done.json["archived"], done.json["pending"]) == (0, 80, 0)
    assert [feed["listed"] for feed in done.json["feeds"]] == [80, 80]
    assert done.json["feeds"][0]["new"] + done.json["feeds"][1]["new"] == 80
    read = min(hit.ended for hit in mocksite.hits if "page=2" in hit.path)
    assert any("doc-i" in hit.path and hit.began < read for hit in mocksite.hits)
    home.assert_whole()


@pytest.mark.slow
def test_an_article_that_arrives_below_known_ones_is_found(home: Home) -> None:
    stories = make_stories(130, newest=NEWEST)
    late = stories[60]
    with MockSite([story for story in stories if story is not late]) as mocksite:
        home.configure(mocksite.endpoint)
        assert home.run("crawl", "--json").json["archived"] == 129
        mocksite.site.add(late)  # sixty known articles are above it: on the second page
        mocksite.clear_hits()

        outcome = home.run("crawl", "--json")

        assert outcome.json["archived"] == 1
        assert [late.docid in path for path in article_hits(mocksite)] == [True]


def test_a_poll_stops_two_pages_into_known_articles(home: Home) -> None:
    with MockSite(make_stories(400, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        home.run("crawl", "--limit", "0")
        mocksite.clear_hits()

        outcome = home.run("crawl", "--json", "--limit", "0")

        assert outcome.json["feeds"][0]["pages"] == 2
        assert outcome.json["pending"] == 400


@pytest.mark.slow
def test_a_poll_that_broke_off_is_read_again_to_its_end(home: Home) -> None:
    with MockSite(make_stories(200, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        mocksite.fault("status", match="page=4", status=502)
        first = home.run("crawl", "--json").json
        assert (first["feeds"][0]["error"], first["archived"]) == ("status 502", 141)
        mocksite.clear_faults()

        assert home.run("crawl", "--json").json["archived"] == 59


def test_a_poll_at_its_page_limit_leaves_a_gap(home: Home) -> None:
    stories = make_stories(400, newest=NEWEST)
    with MockSite(stories[300:]) as mocksite:
        home.configure(mocksite.endpoint, more="[schedule]\npages = 3")
        home.run("crawl", "--limit", "0")
        for story in stories[:300]:
            mocksite.site.add(story)
        mocksite.clock = NEWEST + 500

        home.run("crawl", "--limit", "0")

    (gap,) = home.run("status", "--json").json["gaps"]
    assert gap["feed"] == "feed1"
    assert gap["from"] < gap["to"]
    assert "may be missing" in home.run("status").out


def test_an_article_in_two_lists_is_one_file_under_the_first_configured(home: Home, mocksite: MockSite) -> None:
    # Both lists name lid 1686: the first feed claims every article, whichever list answers first.
    home.configure(mocksite.endpoint + "?slow=1", mocksite.endpoint)
    mocksite.fault("stall", match="slow=1", seconds=0.3)

    outcome = home.run("crawl", "--json")

    assert outcome.json["archived"] == 12
    assert {path.relative_to(home.root).parts[2] for path in home.files()} == {"栏目1"}
    assert home.rows("SELECT feed, count(*) FROM listings GROUP BY feed") == [("feed1", 12), ("feed2", 12)]


def test_a_limit_leaves_other_articles_pending(home: Home, crawl: Crawl) -> None:
    outcome = crawl("--limit", "5")

    assert outcome.status == 0
    assert (outcome.json["archived"], outcome.json["pending"]) == (5, 7)
    assert crawl().json["archived"] == 7


def test_only_the_named_feeds_are_polled(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, mocksite.endpoint + "?other=1")

    outcome = home.run("crawl", "feed2", "--json")

    assert [feed["id"] for feed in outcome.json["feeds"]] == ["feed2"]
    assert not [hit for hit in mocksite.hits if "roll/get?lid" in hit.path]


@pytest.mark.slow
@pytest.mark.timing
def test_requests_to_a_host_keep_their_distance_and_number(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    text = home.config.read_text().replace("delay = 0", "delay = 0.1").replace("concurrency = 8", "concurrency = 2")
    home.config.write_text(text)
    mocksite.fault("stall", match="doc-i", seconds=0.25)  # longer than the delay: two are under way at once

    # A forked process copies pages of memory at its first requests, which shifts the times that are measured.
    assert home.run("crawl", "--json", forked=False).json["archived"] == 12

    # The first request of a process, for robots.txt, is late: what sends it is loaded then.
    hits = mocksite.hits[1:]
    # Sent at least so far apart; on their way they may close up a little.
    assert min(later.began - earlier.began for earlier, later in pairwise(hits)) > 0.08
    at_once = [sum(1 for hit in hits if hit.began <= moment.began < hit.ended) for moment in hits]
    assert max(at_once) == 2


def test_requests_have_a_user_agent_and_a_referer(mocksite: MockSite, crawl: Crawl) -> None:
    crawl()

    for hit in mocksite.hits:
        assert hit.headers["user-agent"].startswith("finarchive/")
        assert hit.headers["referer"] or hit.path == "/robots.txt"
        assert "cookie" not in hit.headers


def test_private_addresses_are_refused_by_default(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.config.write_text(home.config.read_text().replace("allow_private = true", "allow_private = false"))

    outcome = home.run("crawl", "--json")

    assert outcome.status == 3
    assert outcome.json["feeds"][0]["error"] == (
        "127.0.0.1 has the private address 127.0.0.1, and network.allow_private is false"
    )
    assert not mocksite.hits


def test_the_sample_comes_out_byte_for_byte_through_a_proxy(home: Home, shared: Path) -> None:
    with MockSite([]) as mocksite:
        mocksite.site.rolls["1686"] = (shared / "sample" / "roll.json").read_bytes()
        address = "http://finance.sina.com.cn/jjxw/2022-03-23/doc-imcwiwss7730811.shtml"
        mocksite.site.pages[address] = (shared / "sample" / "article.html").read_bytes()
        home.configure("http://feed.mix.sina.com.cn/api/roll/get")
        text = home.config.read_text().replace("栏目1", "新浪财经－国內").replace("allow_private = true", "")
        home.config.write_text(text)

        outcome = home.run("crawl", "--json", http_proxy=mocksite.url)

    assert outcome.status == 0, outcome.err
    (file,) = home.files()
    assert file.read_bytes() == (shared / "sample" / "sample.md").read_bytes()
    assert file.relative_to(home.root).as_posix() == (
        "金融/新浪财经/新浪财经－国內/2022/03/23/"
        "扛起特殊责任拿出特殊担当坚决打赢疫情防控大仗硬仗！上海市委常委会部署疫情防控重点工作_mcwiwss7730811.md"
    )


def test_a_proxy_gets_no_requests_for_private_addresses(home: Home, mocksite: MockSite) -> None:
    home.configure("http://127.0.0.1:9/api/roll/get", "http://localhost:9/api/roll/get")
    home.config.write_text(home.config.read_text().replace("allow_private = true", ""))

    outcome = home.run("crawl", "--json", http_proxy=mocksite.url)

    assert outcome.status == 3
    assert all("is a private name or address" in feed["error"] for feed in outcome.json["feeds"])
    assert not mocksite.hits


def test_ctrl_c_keeps_what_was_archived_and_says_130(home: Home) -> None:
    with MockSite(make_stories(60, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        home.config.write_text(home.config.read_text().replace("concurrency = 8", "concurrency = 1"))
        mocksite.fault("stall", match="doc-i", seconds=0.05)
        process = processes.popen(
            home.command("crawl"),
            cwd=home.folder,
            env=home.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        left = iter(range(10, 0, -1))
        mocksite.on_hit = lambda hit: process.send_signal(signal.SIGINT) if next(left, None) == 1 else None
        out, err = process.communicate(timeout=30)

        assert process.returncode == 130
        assert "Interrupted: archived articles are safe" in out
        assert "Traceback" not in err
        home.assert_whole()
        before = len(home.files())
        assert 0 < before < 60
        mocksite.clear_faults()
        mocksite.on_hit = lambda hit: None
        assert home.run("crawl", "--json").json["archived"] == 60 - before
