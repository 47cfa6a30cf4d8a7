"""``finarchive doctor``: what it checks, and that it reads the lists as a crawl does."""

from __future__ import annotations

import json
import re
import sys

import pytest

from mocksite.server import MockSite
from tests.cli.test_main import Crawl
from tests.conftest import Home
from tests.support import processes

FEED = '[[feeds]]\nid = "{}"\nkind = "{}"\ncategories = ["a"]\nendpoint = "{}"\n'


def test_doctor_finds_a_healthy_archive_healthy(home: Home, crawl: Crawl) -> None:
    crawl()

    outcome = home.run("doctor", "--json")

    assert [check["name"] for check in outcome.json if not check["ok"]] == []
    assert outcome.status == 0


def test_doctor_tries_a_hard_link(home: Home, crawl: Crawl) -> None:
    crawl()
    before = sorted(path.name for path in home.root.iterdir())

    checks = {check["name"]: check for check in home.run("doctor", "--json").json}

    assert "the file system has hard links" in str(checks["links"])
    assert sorted(path.name for path in home.root.iterdir()) == before


def test_doctor_reports_problems(home: Home) -> None:
    home.configure("http://nowhere.invalid/api/roll/get")

    outcome = home.run("doctor")

    assert outcome.status == 3
    assert "✗ feed" in outcome.out
    home.config.write_text("[archive]\nrot = 1\n")
    assert home.run("doctor").status == 2


def feeds(home: Home, mocksite: MockSite, *paths: str, kind: str = "rss", network: str = "") -> None:
    """Configure feeds with these paths as ids."""
    tables = "".join(FEED.format(path.partition("?")[0], kind, f"{mocksite.url}/{path}") for path in paths)
    home.config.write_text(f"[network]\ndelay = 0\nallow_private = true\n{network}\n{tables}", encoding="utf-8")


def told(home: Home, *arguments: str) -> dict[str, str]:
    """What the doctor says of each feed, by its id."""
    texts = [check["told"] for check in home.run("doctor", "--json", *arguments).json if check["name"] == "feed"]
    found = [re.fullmatch(r".* \((.*?)\): (.*)", text) for text in texts]
    return {match[1]: match[2] for match in found if match}


RSS = b"<rss><channel><item><title>a</title><link>http://127.0.0.1/a</link></item></channel></rss>"


def test_each_list_is_read_and_nothing_is_archived(home: Home, mocksite: MockSite) -> None:
    mocksite.site.pages.update({"/good": RSS, "/page": b"<html></html>", "/moved": RSS})
    mocksite.fault("redirect", match="/moved", to="/good", status=301)
    feeds(home, mocksite, "good", "page", "gone", "moved")
    said = told(home)
    assert said["good"] == "1 article listed"
    assert said["page"].startswith("the answer is neither RSS nor Atom")
    assert said["page"].endswith("or turn it off: finarchive feeds disable page")
    assert said["gone"].startswith("status 404: no such page; correct its endpoint")
    assert said["moved"].endswith(f"it has moved permanently to {mocksite.url}/good: change its endpoint")
    assert mocksite.hits[0].path == "/robots.txt"
    assert home.run("doctor").status == 1, "some lists work"
    assert not home.root.exists()


@pytest.mark.slow
def test_lists_are_read_with_all_rules_of_a_crawl(home: Home, mocksite: MockSite) -> None:
    mocksite.site.pages.update({"/a": RSS, "/robots.txt": b"User-agent: *\nDisallow: /a\n"})
    feeds(home, mocksite, "a")
    assert "robots.txt forbids it" in told(home)["a"]
    feeds(home, mocksite, "a", network="obey_robots = false")
    assert told(home)["a"] == "1 article listed"
    assert mocksite.hits[-1].headers["user-agent"].startswith("finarchive/")
    refused = home.run("doctor", FINARCHIVE_NETWORK_ALLOW_PRIVATE="false")
    assert (refused.status, "allow_private is false" in refused.out) == (3, True)


def test_offline_no_list_is_read(home: Home, mocksite: MockSite) -> None:
    feeds(home, mocksite, "a")
    done = home.run("doctor", "--offline")
    assert (done.status, "--offline" in done.out, mocksite.hits) == (0, True, [])


@pytest.mark.slow
def test_secrets_in_addresses_are_shown_nowhere(home: Home, mocksite: MockSite) -> None:
    mocksite.site.pages["/a"] = RSS
    mocksite.fault("redirect", match="/b\\?", to="/a?sid=hunter2", status=301)
    feeds(home, mocksite, "a?token=hunter2&x=1", "b?api_key=hunter2", "c?key=hunter2")
    for command in ("crawl", "doctor", "doctor --json", "feeds", "feeds --json", "status", "status --json"):
        done = home.run("-v", *command.split())
        assert "hunter2" not in done.out + done.err, command
    assert "token=***&x=1" in home.run("feeds", "--json").out
    assert mocksite.hits[-1].path.endswith("hunter2"), "requests have them"
    unknown = home.run("add", f"{mocksite.url}/none?token=hunter2")
    assert (unknown.status, "hunter2" in unknown.err) == (1, False)


@pytest.mark.slow
def test_lists_that_take_too_long_are_left_out(home: Home, mocksite: MockSite) -> None:
    mocksite.site.pages.update({"/fast": RSS, "/slow": RSS})
    mocksite.fault("stall", match="/slow")
    feeds(home, mocksite, "fast", "slow", network="timeout = 12.0")
    code = (
        "import json; from datetime import UTC, datetime; from pathlib import Path; from config.load import load\n"
        "from scheduler.probe import poll_lists\n"
        f"settings = load(Path({str(home.config)!r}), {{}})\n"
        "print(json.dumps(list(poll_lists(settings, settings.feeds, lambda: datetime.now(UTC), 6.0))))"
    )
    done = processes.run(
        [sys.executable, "-c", code], cwd=home.folder, env=home.env, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == ["fast"], done.stderr
