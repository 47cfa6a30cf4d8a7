"""``backfill``, in a process of its own and in the daemon: what it archives and costs, and an end in the middle."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from archive.files.paths import CHINA
from mocksite.server import MockSite, RequestLogEntry
from mocksite.story import Story, make_stories
from tests.conftest import NEWEST, Home
from tests.end_to_end.test_daemon import HOURLY
from tests.support import processes
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

ARTICLES, EVERY = 450, 600  # seconds between two: three days
START, END = NEWEST - 250 * EVERY, NEWEST - 101 * EVERY  # of them
SPAN_ARTICLES = 150
PAGES = SPAN_ARTICLES / 38 + 3  # maximum number of requests: pages overlap, and the span begins and ends within one
LISTS = "/api/roll/get"
HISTORY = ("etime", "stime", "ctime", "date")


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


STRETCH = ["backfill", "feed1", "--from", iso(START), "--to", iso(END)]


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    with MockSite(make_stories(ARTICLES, newest=NEWEST, every=EVERY, lids=(1686,))) as running:
        yield running


def ignore_history(mocksite: MockSite) -> None:
    """As a site that does not know the history parameters."""
    heeding = mocksite.site.roll

    def roll(params: Mapping[str, str]) -> bytes:
        return heeding({name: value for name, value in params.items() if name not in HISTORY})

    mocksite.site.roll = roll


def within(mocksite: MockSite) -> set[str]:
    return {story.docid for story in mocksite.site.stories if START <= story.ctime <= END}


def archived(home: Home) -> set[str]:
    return {path.stem.rpartition("_")[2] for path in home.files()}


def assert_done(home: Home, mocksite: MockSite) -> None:
    """The whole span is archived, and of other articles only those on the same pages.

    For lists that know the history parameters; else the search for the span reads a few pages more.
    """
    stories = {story.docid: story for story in mocksite.site.stories}
    assert within(mocksite) <= archived(home)
    beside = [stories[docid].ctime for docid in archived(home) - within(mocksite)]
    assert all(START - 50 * EVERY <= ctime <= END + 100 * EVERY for ctime in beside)
    assert home.rows("SELECT count(*) FROM entries WHERE status != 'archived'") == [(0,)]
    home.assert_whole()


def list_requests(mocksite: MockSite) -> list[RequestLogEntry]:
    return [hit for hit in mocksite.hits if LISTS in hit.path]


def after(mocksite: MockSite, number: int, part: str) -> threading.Event:
    """Return an event that is set after this number of requests whose URL contains a text."""
    come, left = threading.Event(), iter(range(number, 0, -1))

    def fetch(hit: RequestLogEntry) -> None:
        if part in hit.path and next(left, 0) == 1:
            come.set()

    mocksite.on_hit = fetch
    return come


@pytest.mark.parametrize(("heeds", "by_daemon"), [(True, False), (False, False), (True, True)])
def test_a_span_is_archived_and_a_second_run_does_nothing(
    home: Home, mocksite: MockSite, heeds: bool, by_daemon: bool
) -> None:
    home.configure(mocksite.endpoint, more=HOURLY.replace("[schedule]", "[schedule]\npages = 1"))
    if not heeds:
        ignore_history(mocksite)
    with ExitStack() as stack:
        if by_daemon:
            stack.enter_context(Running(home)).wait_for("polled feed=feed1")
        first = home.run(*STRETCH, "--json")
        request_count = len(list_requests(mocksite))
        mocksite.clear_hits()
        second = home.run(*STRETCH, "--json")
        again = list(mocksite.hits)

    assert (first.status, second.status) == (0, 0)
    assert list(first.json) == ["feeds", "archived", "revised", "failed", "pending", "requests"]
    [feed] = first.json["feeds"]
    assert (feed["id"], feed["error"], first.json["failed"], first.json["pending"]) == ("feed1", None, 0, 0)
    assert feed["new"] >= SPAN_ARTICLES
    assert request_count <= PAGES + (0 if heeds else 7) + by_daemon
    assert (second.json["requests"], second.json["archived"], again) == (0, 0, [])
    if heeds and not by_daemon:  # whose poll archives the newest
        assert_done(home, mocksite)
    assert within(mocksite) <= archived(home)
    home.assert_whole()
    begin, end = (datetime.fromtimestamp(at, CHINA).date().isoformat() for at in (START, END))
    assert begin < end
    [day] = home.run("coverage", "--day", end, "--json").json
    assert [span["from"] for span in day["open"]][:1] in ([], [iso(END)])  # from midnight to the end of the span


@pytest.mark.parametrize(
    ("number", "part", "requests"),
    [(signal.SIGINT, LISTS, 3), (signal.SIGKILL, LISTS, 3), (signal.SIGKILL, "doc-i", 60)],
)
def test_an_interruption_loses_nothing_and_no_page_is_read_again(
    home: Home, mocksite: MockSite, number: signal.Signals, part: str, requests: int
) -> None:
    home.configure(mocksite.endpoint)
    middle = after(mocksite, requests, part)
    with processes.popen(home.command(*STRETCH), cwd=home.folder, env=home.env, stderr=subprocess.DEVNULL) as process:
        assert middle.wait(60)
        process.send_signal(number)
        assert process.wait(30) == (130 if number is signal.SIGINT else -signal.SIGKILL)
    read = len(list_requests(mocksite))
    before = len(archived(home))
    mocksite.clear_hits()

    finished = home.run(*STRETCH, "--json")

    assert (finished.status, finished.json["pending"]) == (0, 0)
    # Articles that were fetched and not archived yet are in the journal, and are not requested again.
    assert finished.json["archived"] <= len(archived(home)) - before
    # Four pages hold all of it; the one in flight is requested again.
    assert read + len(list_requests(mocksite)) <= 5
    assert_done(home, mocksite)


@pytest.mark.parametrize("heeds", [True, False])
def test_a_list_that_ends_later_is_archived_to_its_end_and_reported(
    home: Home, mocksite: MockSite, heeds: bool
) -> None:
    if not heeds:
        ignore_history(mocksite)
    oldest: Story = mocksite.site.stories[-1]
    home.configure(mocksite.endpoint)
    beyond = ["backfill", "feed1", "--from", iso(oldest.ctime - 30 * 86_400), "--to", iso(NEWEST - 350 * EVERY)]

    first = home.run(*beyond)
    mocksite.clear_hits()
    second = home.run(*beyond, "--json")

    assert (first.status, second.status) == (0, 0)
    reach = datetime.fromtimestamp(oldest.ctime + 8 * 3600, UTC)
    assert f"the list of 栏目1 (feed1) reaches back to {reach:%Y-%m-%d %H:%M} only, China time" in first.out
    assert {story.docid for story in mocksite.site.stories[350:]} <= archived(home)
    assert second.json["feeds"][0]["error"] is None
    assert mocksite.hits == []


def test_a_list_that_fails_in_the_middle_is_an_error_and_the_next_run_goes_on(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("status", status=500, match=LISTS, skip=3)

    first = home.run(*STRETCH, "--json")
    mocksite.clear_faults()
    second = home.run(*STRETCH, "--json")

    assert first.status == 3
    assert "status 500" in first.json["feeds"][0]["error"]
    assert first.json["archived"] > 50
    assert (second.status, second.json["feeds"][0]["error"]) == (0, None)
    assert len(list_requests(mocksite)) <= PAGES + 2
    assert_done(home, mocksite)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["feed1", "--from", "2026-02-30"], "'2026-02-30' is no time: write now, a day such as 2026-09-30"),
        (["feed1", "--from", "2026-09-01T09:30"], "needs its zone, such as 2026-09-01T09:30+08:00"),
        (["feed1", "--from", "2026-09-07", "--to", "2026-09-01"], "--from 2026-09-07 is not before --to 2026-09-01"),
        (["feed1", "--from", "2199-01-01"], "--from 2199-01-01 is not before the present"),
        (["feed1", "--from", "0001-01-01", "--to", "0001-01-01"], "is no time: write now, a day such as 2026-09-30"),
        (["feed1", "--from", "2026-09-01", "--to", "9999-12-31"], "is no time: write now, a day such as 2026-09-30"),
        (["feed9", "--from", "2026-09-01"], "feed9"),
        (["feed1"], "--from"),
    ],
)
def test_a_mistake_sends_no_request(home: Home, mocksite: MockSite, arguments: list[str], message: str) -> None:
    home.configure(mocksite.endpoint)

    refused = home.run("backfill", *arguments)

    assert refused.status == 2
    assert message in refused.err
    assert "Traceback" not in refused.err
    assert mocksite.hits == []


def test_a_terminal_shows_the_progress(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("stall", match=LISTS, skip=3, times=1, seconds=1)
    ours, theirs = pty.openpty()
    shown = []

    def watch() -> None:
        try:
            while data := os.read(ours, 65_536):
                shown.append(data)
        except OSError:  # Linux: the other end is closed
            pass

    watching = threading.Thread(target=watch)
    watching.start()
    env = home.env | {"TERM": "xterm-256color", "COLUMNS": "100"}
    command = home.command(*STRETCH)
    done = subprocess.run(command, cwd=home.folder, env=env, stderr=theirs, stdout=subprocess.PIPE, check=False)
    os.close(theirs)
    watching.join(10)
    os.close(ours)

    text = b"".join(shown).decode()
    assert done.returncode == 0
    assert "reading lists, back to 2026-09-2" in text
    assert "articles" in text
    assert b"1 feed polled" in done.stdout
