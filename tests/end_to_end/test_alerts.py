"""Alerts, by real processes to a real service on loopback: bounded, neither repeated nor lost, never in the way."""

from __future__ import annotations

import re
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mocksite.server import MockSite
from mocksite.story import make_stories
from scheduler.alerts.message import MAX_ARTICLES
from tests.cli.test_main import assert_refused
from tests.conftest import Home, Outcome
from tests.support.alert_service import Service
from tests.support.daemon import Running
from tests.support.processes import REPOSITORY

HOURLY = '[schedule]\nmin = "1h"\nevery = "1h"\nmax = "1h"\n'
EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    """Twelve articles of the last hours: older ones are not announced."""
    with MockSite(make_stories(12, newest=int(time.time()) - 600)) as running:
        yield running


def alert(service: Service, query: str = "feed:feed1", *more: str, name: str = "all") -> str:
    return "\n".join(["[[alerts]]", f'name = "{name}"', f"query = '{query}'", f'urls = ["{service.url}"]', *more, ""])


def add(mocksite: MockSite, number: int, *, old: bool = False) -> None:
    """Publish a number of further articles, dated now or long ago."""
    newest = int(time.time()) - (10 * 86400 if old else 300)
    for story in make_stories(number, newest=newest, seed=1000 + len(mocksite.site.stories)):
        mocksite.site.add(replace(story, docid=f"ntold{len(mocksite.site.stories):07d}", intime=int(time.time())))
    mocksite.clock = int(time.time())


def let_send(home: Home) -> None:
    """Move the alerts' records an hour into the past."""
    home.execute("UPDATE alerts SET due = NULL, sent = NULL")


def crawled(home: Home) -> Outcome:
    outcome = home.run("-v", "crawl", "--json")
    assert outcome.status == 0, outcome.err
    assert "hush" not in outcome.err
    return outcome


# One-off crawls


@pytest.mark.slow
def test_a_crawl_announces_new_articles_once_at_its_end(home: Home, mocksite: MockSite, service: Service) -> None:
    home.configure(mocksite.endpoint, more=alert(service))

    first = crawled(home)

    assert first.json["archived"] == 12
    [received] = service.messages()
    assert received["title"] == "all: 12 articles"
    assert received["message"].count(mocksite.url) == MAX_ARTICLES
    assert received["message"].endswith("and 2 more: finarchive alerts, finarchive search")
    assert "alerted alert=all address=1 articles=12" in first.err
    let_send(home)
    crawled(home)
    assert service.messages() == []
    add(mocksite, 1)
    crawled(home)
    [received] = service.messages()
    assert received["title"].startswith("all: ")
    assert "1 articles" not in received["title"]


@pytest.mark.slow
def test_a_long_crawl_announces_everything_at_its_end(home: Home, mocksite: MockSite, service: Service) -> None:
    home.configure(mocksite.endpoint, network="", more=alert(service))
    home.config.write_text(
        home.config.read_text().replace("delay = 0\nconcurrency = 8", "delay = 0.5\nconcurrency = 1")
    )
    crawled(home)
    assert [received["title"] for received in service.messages()] == ["all: 12 articles"]


@pytest.mark.slow
def test_an_alert_on_an_archive_that_is_there_says_nothing_about_the_past(
    home: Home, mocksite: MockSite, service: Service
) -> None:
    home.configure(mocksite.endpoint)
    crawled(home)
    home.configure(mocksite.endpoint, more=alert(service))
    crawled(home)
    assert service.messages() == []
    add(mocksite, 2)
    crawled(home)
    assert [received["title"] for received in service.messages()] == ["all: 2 articles"]


@pytest.mark.slow
def test_what_was_published_long_ago_is_no_news(home: Home, mocksite: MockSite, service: Service) -> None:
    home.configure(mocksite.endpoint, more=alert(service))
    crawled(home)
    let_send(home)
    service.messages()
    add(mocksite, 3, old=True)
    assert crawled(home).json["archived"] == 3
    assert service.messages() == []
    assert home.run("alerts", "--json").json[0]["waiting"] == 0


@pytest.mark.slow
def test_a_service_that_is_down_costs_no_article_and_gets_the_message_later(
    home: Home, mocksite: MockSite, service: Service
) -> None:
    home.configure(mocksite.endpoint, more=alert(service))
    service.status = 503

    outcome = crawled(home)

    assert (outcome.json["archived"], outcome.json["failed"]) == (12, 0)
    assert (
        "alert-failed alert=all address=1 attempt=1 reason='the json service did not accept it (error 503)'"
        in outcome.err
    )
    [row] = home.run("alerts", "--json").json
    assert row.keys() == {"name", "query", "address", "service", "waiting", "sent", "attempts", "failure", "due"}
    assert (row["name"], row["service"], row["waiting"], row["attempts"], row["sent"]) == ("all", "json", 12, 1, None)
    assert "error 503" in home.run("alerts").out
    service.status = 200
    crawled(home)
    assert service.messages() == []  # it is not yet time to try again
    let_send(home)
    crawled(home)
    assert [received["title"] for received in service.messages()] == ["all: 12 articles"]


@pytest.mark.slow
def test_the_rate_is_kept_and_what_is_over_it_comes_in_one_message(
    home: Home, mocksite: MockSite, service: Service
) -> None:
    home.configure(mocksite.endpoint, more=alert(service, "feed:feed1", "at_most = 1"))
    crawled(home)
    service.messages()
    for _ in range(2):
        add(mocksite, 2)
        crawled(home)
    assert service.messages() == []
    assert home.run("alerts", "--json").json[0]["waiting"] == 4
    let_send(home)
    crawled(home)
    assert [received["title"] for received in service.messages()] == ["all: 4 articles"]


@pytest.mark.slow
def test_each_address_has_its_own_account(home: Home, mocksite: MockSite, service: Service) -> None:
    with Service() as broken:
        broken.status = 500
        home.configure(mocksite.endpoint, more='[[alerts]]\nname = "both"\nquery = "feed:feed1"\n')
        env = {"FINARCHIVE_ALERT_BOTH_URLS": f"{broken.url} {service.url}"}
        assert home.run("crawl", "--json", **env).status == 0
        assert len(service.messages()) == 1
        broken.status = 200
        let_send(home)
        assert home.run("crawl", "--json", **env).status == 0
        assert (len(broken.messages()), service.messages()) == (1, [])


@pytest.mark.slow
def test_only_what_a_query_finds_is_sent(home: Home, mocksite: MockSite, service: Service) -> None:
    word = next(iter(mocksite.site.stories)).title[:2]
    home.configure(
        mocksite.endpoint,
        more=alert(service, f"{word} NOT feed:elsewhere") + alert(service, "没有这样的词", name="none"),
    )
    crawled(home)
    found = home.run("search", word, "--limit", "100", "--json").json
    [received] = service.messages()
    assert received["title"] in (f"all: {len(found)} articles", f"all: {found[0]['title']}")


@pytest.mark.slow
def test_a_rebuild_repeats_nothing_and_loses_nothing(home: Home, mocksite: MockSite, service: Service) -> None:
    home.configure(mocksite.endpoint, more=alert(service, "feed:feed1", "at_most = 1"))
    crawled(home)
    add(mocksite, 2)
    crawled(home)
    assert len(service.messages()) == 1
    assert home.run("rebuild", "--json").status == 0
    assert home.run("alerts", "--json").json[0]["waiting"] == 2
    let_send(home)
    crawled(home)
    assert [received["title"] for received in service.messages()] == ["all: 2 articles"]


@pytest.mark.slow
def test_alerts_unknown_to_the_index_start_over(home: Home, mocksite: MockSite, service: Service) -> None:
    home.configure(mocksite.endpoint, more=alert(service))
    crawled(home)
    home.execute("DELETE FROM alerts")
    service.messages()
    crawled(home)
    assert service.messages() == []


# The command


def test_a_test_message_goes_to_all_addresses_and_says_what_fails(home: Home, service: Service) -> None:
    home.configure("http://127.0.0.1:9/", more=alert(service))
    outcome = home.run("alerts", "--test", "all")
    assert (outcome.status, outcome.out) == (0, "all, address 1: sent\n")
    assert [received["title"] for received in service.messages()] == ["all: a test"]
    service.status = 401
    outcome = home.run("alerts", "--test", "all", "--json")
    assert outcome.status == 1
    assert outcome.json == [{"address": 1, "failure": "the json service did not accept it (error 401)"}]
    assert_refused(home.run("alerts", "--test", "al"), 2, "no alert is called al", "all")


@pytest.mark.slow
def test_an_alert_without_addresses_here_does_not_prevent_reading(home: Home, service: Service) -> None:
    home.configure("http://127.0.0.1:9/", more='[[alerts]]\nname = "all"\nquery = "x"\n')
    home.begin()
    assert home.run("status").status == 0
    [shown] = home.run("alerts", "--json").json
    assert (shown["name"], shown["address"], shown["service"], shown["waiting"]) == ("all", None, None, 0)
    assert "no addresses here: set urls, or FINARCHIVE_ALERT_ALL_URLS" in " ".join(home.run("alerts").out.split())
    assert_refused(home.run("alerts", "--test", "all"), 2, "has no addresses here", "FINARCHIVE_ALERT_ALL_URLS")
    assert "alert-nowhere alert=all" in home.run("crawl").err
    assert home.run("alerts", "--test", "all", FINARCHIVE_ALERT_ALL_URLS=service.url).status == 0


def test_without_alerts_it_says_so(home: Home) -> None:
    home.configure("http://127.0.0.1:9/")
    home.begin()
    assert home.run("alerts", "--json").json == []
    assert "No alert is configured" in home.run("alerts").out


def test_mistakes_are_reported_by_line_and_addresses_never(home: Home) -> None:
    home.configure(
        "http://127.0.0.1:9/", more='[[alerts]]\nname = "a"\nquery = "color:red"\nurls = ["tgram:/hush"]\n'
    )
    lines = home.config.read_text(encoding="utf-8").splitlines()
    outcome = home.run("crawl")
    assert outcome.status == 2
    query, urls = lines.index('query = "color:red"') + 1, lines.index('urls = ["tgram:/hush"]') + 1
    assert f"finarchive.toml:{query}: alerts[a].query: cannot be understood: unknown field color:" in outcome.err
    assert f"finarchive.toml:{urls}: alerts[a].urls: must be an address that apprise knows" in outcome.err
    assert "hush" not in outcome.err


@pytest.mark.slow
def test_the_doctor_knows_addresses_that_are_none(home: Home, service: Service) -> None:
    home.configure(
        "http://127.0.0.1:9/", more=alert(service) + '[[alerts]]\nname = "b"\nquery = "x"\nurls = ["nosuch://hush"]\n'
    )
    outcome = home.run("doctor", "--json")
    alerts = [check for check in outcome.json if check["name"] == "alert"]
    assert [check["ok"] for check in alerts] == [True, False]
    assert alerts[1]["told"] == "b, address 1: apprise knows no such address"
    assert "hush" not in outcome.out
    assert service.messages() == []


# The daemon


def hasty_daemon(home: Home, began: str) -> Running:
    """The daemon on a clock that is ten times as fast, because it waits for some seconds before each message.

    :param began: when both clocks showed the same, in Unix seconds
    """
    command = [sys.executable, "-m", "bench.fast_clock", "10", began, began, "run"]
    return Running(home, command=command, PYTHONPATH=str(REPOSITORY))


def wait_for_alerts(daemon: Running, articles: int) -> None:
    """Wait until so many articles are announced: on a busy machine not always in one message."""
    while articles > 0:
        articles -= int(daemon.wait_for("alerted ").rpartition("articles=")[2])


def articles_in(message: dict[str, Any]) -> int:
    """Return the number of articles in a message; the title of a single one is the article's."""
    assert message["title"].startswith("all: ")
    several = re.fullmatch(r"all: (\d+) articles", message["title"])
    return int(several[1]) if several else 1


def announced(service: Service) -> int:
    """The number of articles announced since the last call."""
    return sum(map(articles_in, service.messages()))


@pytest.mark.slow
def test_the_daemon_announces_new_articles_and_a_restart_neither_repeats_nor_loses_any(
    home: Home, mocksite: MockSite, service: Service
) -> None:
    began = str(time.time())
    home.configure(
        mocksite.endpoint, more=EVERY_SECOND + "[health]\nport = 0\n" + alert(service, "feed:feed1", "at_most = 360")
    )
    with hasty_daemon(home, began) as daemon:
        wait_for_alerts(daemon, 12)
        add(mocksite, 2)
        wait_for_alerts(daemon, 2)
        assert daemon.stop() == 0
    assert announced(service) == 14
    assert not any("hush" in line for line in daemon.log)
    service.status = 503
    let_send(home)
    with hasty_daemon(home, began) as daemon:
        add(mocksite, 3)
        daemon.wait_for("alert-failed ")
        daemon.process.send_signal(signal.SIGKILL)
    service.status = 200
    let_send(home)
    with hasty_daemon(home, began) as daemon:
        wait_for_alerts(daemon, 3)
    assert announced(service) == 3


@pytest.mark.slow
@pytest.mark.timing
def test_a_hanging_service_blocks_nothing_and_its_process_ends_with_ours(
    home: Home, mocksite: MockSite, service: Service
) -> None:
    home.configure(mocksite.endpoint, more=EVERY_SECOND + alert(service))
    service.goes_on.clear()
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        assert service.requests.acquire(timeout=60)
        add(mocksite, 5)
        daemon.wait_for("archived ", times=5)  # while the message hangs
        children = daemon.proc(f"task/{daemon.process.pid}/children").read_text().split()
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 10
    assert children
    assert not any(_runs(child) for child in children)
    assert len(home.files()) == 17
    assert home.run("alerts", "--json").json[0]["waiting"] == 17


def _runs(pid: str) -> bool:
    try:
        return "scheduler.alerts.apprise_process" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return False


@pytest.mark.slow
def test_sighup_takes_up_an_alert_which_begins_then(home: Home, mocksite: MockSite, service: Service) -> None:
    port = free_port()
    health = f"[health]\nport = {port}\n"
    home.configure(mocksite.endpoint, more=EVERY_SECOND + health)
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        home.configure(mocksite.endpoint, more=EVERY_SECOND + health + alert(service))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded changed=alerts")
        add(mocksite, 2)
        wait_for_alerts(daemon, 2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            lines = response.read().decode().splitlines()
    messages = service.messages()
    assert f'finarchive_alert_messages_total{{alert="all",outcome="sent"}} {len(messages)}.0' in lines
    assert 'finarchive_alert_messages_total{alert="all",outcome="failed"} 0.0' in lines
    assert sum(map(articles_in, messages)) == 2


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
