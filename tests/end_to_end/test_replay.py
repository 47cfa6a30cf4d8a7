"""A daemon that polls a real list once more: three days of March 2024, 292 polls, by a clock set to each of them."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import Struct

from archive.files.layout import inner_path
from archive.files.paths import CHINA, post_path
from mocksite.server import MockSite
from mocksite.story import Story
from scheduler.daemon.control_client import send_request
from tests.conftest import Home
from tests.support.daemon import Running
from tests.support.recorded_polls import Row, Shown, ran_over, retitlings, stories_of

REPOSITORY = Path(__file__).parents[2]
LID = 2509
CATEGORIES = ("金融", "新浪财经", "栏目1")  # Home's
# Polls come from this test alone.
NEVER = '[schedule]\nmin = "7d"\nevery = "7d"\nmax = "7d"\n'
# The polls of the first 11 hours, five of which leave gaps of one page, are enough where all would take a minute.
SOME = 50
CRAWL = {"command": "crawl", "feeds": ["feed1"], "limit": None}


@pytest.fixture(scope="module")
def polls(shared: Path) -> list[Shown]:
    with gzip.open(shared / "realdata" / "lists" / "polls-2024-03-18..20.jsonl.gz", "rt", encoding="utf-8") as lines:
        read = [json.loads(line) for line in lines]
    return [Shown(poll["t"], tuple(Row(*row) for row in poll["rows"])) for poll in read]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# The mock site's versions of the polls


def test_the_polls_are_those_that_were_measured(polls: list[Shown]) -> None:
    assert len({docid for poll in polls for docid in poll.docids}) == 3644
    assert (len(polls), len(ran_over(polls)), len(retitlings(polls))) == (292, 7, 28)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [False, True])
def test_the_mock_site_shows_at_each_poll_what_was_shown(polls: list[Shown], hidden: bool) -> None:
    mocksite = MockSite(stories_of(polls, lid=LID, hidden=hidden))

    for poll in polls:
        mocksite.clock = poll.at
        items = json.loads(mocksite.site.roll({"lid": str(LID), "num": "50"}))["result"]["data"]
        assert [(item["docid"], item["title"]) for item in items] == [
            (f"comos:{row.docid}", row.title) for row in poll.rows
        ]


def test_its_times_descend_and_no_article_is_of_the_future(polls: list[Shown]) -> None:
    stories = stories_of(polls, lid=LID, hidden=True)
    ctimes = [story.ctime for story in stories]

    assert ctimes == sorted(set(ctimes), reverse=True)
    assert all(story.ctime < story.intime for story in stories)


def test_what_shares_nothing_with_the_poll_before_is_among_the_gaps(polls: list[Shown]) -> None:
    stories = stories_of(polls, lid=LID, hidden=False)
    ctimes = {story.docid: story.ctime for story in stories}
    between = [(text(ctimes[polls[n - 1].docids[0]]), text(ctimes[polls[n].docids[-1]])) for n in ran_over(polls)]

    assert {*between} < {*expected_gaps(polls, stories)}
    assert (len(between), len(expected_gaps(polls, stories))) == (7, 18)


# The daemon


def expected_gaps(polls: list[Shown], stories: list[Story]) -> list[tuple[str, str]]:
    """Where polls of one page are to leave a gap: more than half of it is newer than all that was known."""
    ctimes = {story.docid: story.ctime for story in stories}
    found = []
    for before, poll in pairwise(polls):
        known_to = ctimes[before.docids[0]]
        times = [ctimes[docid] for docid in poll.docids]
        if times[len(times) // 2] > known_to:
            found.append((text(known_to), text(min(time for time in times if time > known_to))))
    return found


def text(seconds: int) -> str:
    """A time as the index has it."""
    return at(seconds).isoformat(timespec="milliseconds")


class Replay:
    """A daemon that polls the list once at each poll's time, each time until all it brought is archived."""

    def __init__(self, home: Home, mocksite: MockSite, pages: int) -> None:
        home.configure(mocksite.endpoint, lid=LID, more=f"{NEVER}pages = {pages}\nrecheck = []\n")
        self._home = home
        self._mocksite = mocksite
        self._jump = home.folder / "jump"
        command = [sys.executable, "-m", "bench.fast_clock", "1", "0", "0", str(self._jump), "run"]
        self._daemon = Running(home, command=command, PYTHONPATH=str(REPOSITORY))
        self.cpu = 0.0  # seconds that the daemon has used once it was ready

    def play(self, polls: list[Shown]) -> None:
        self._set_clock(polls[0].at)
        with self._daemon as daemon:
            before = self._cpu()
            daemon.wait_for("archived ", times=len(polls[0].rows))  # a feed that was never polled is due at once
            closed = 0
            for poll in polls[1:]:
                self._set_clock(poll.at)
                result = send_request(inner_path(self._home.root), CRAWL, lambda progress: None)
                assert (result["failed"], result["feeds"][0]["error"]) == (0, None)
                [(noticed,)] = self._home.rows("SELECT count(*) FROM gaps")
                while closed < noticed:
                    daemon.wait_for("closed-gap")
                    closed += 1
            self.cpu = self._cpu() - before
            assert daemon.stop() == 0

    def _set_clock(self, seconds: int) -> None:
        self._mocksite.clock = seconds
        self._jump.with_suffix(".new").write_text(str(seconds - time.time()))
        self._jump.with_suffix(".new").rename(self._jump)

    def _cpu(self) -> float:
        fields = self._daemon.proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name: str, replay: Replay, mocksite: MockSite, articles: int) -> None:
    """The figures that docs/performance.md has; ``pytest -s`` shows them."""
    lists = sum("/api/roll/get" in hit.path for hit in mocksite.hits)
    print(
        f"\n{name}: {articles} articles, {lists} list requests, {len(mocksite.hits)} requests; for each article "
        f"{lists / articles:.3f} list requests, {len(mocksite.hits) / articles:.3f} requests, "
        f"{1000 * replay.cpu / articles:.2f} ms CPU"
    )


class Manner(Struct, frozen=True):
    """How the polls are replayed."""

    polls: int  # so many, from the first on
    pages: int  # that one poll may read
    hidden: bool = True  # the list had more than was seen where it ran over
    history: bool = True  # it knows the history parameters

    def __str__(self) -> str:
        return f"polls={self.polls} pages={self.pages} hidden={self.hidden} history={self.history}"


ALL = pytest.param(Manner(292, 1, hidden=False), marks=pytest.mark.long)
MANNERS = [ALL, Manner(SOME, 1, hidden=False), Manner(SOME, 1), Manner(SOME, 1, history=False), Manner(SOME, 20)]


@pytest.mark.slow
@pytest.mark.parametrize("policy", MANNERS, ids=str)
def test_what_was_shown_is_archived_whole(home: Home, polls: list[Shown], policy: Manner) -> None:
    polls = polls[: policy.polls]
    stories = stories_of(polls, lid=LID, hidden=policy.hidden)

    with MockSite(stories) as mocksite:
        mocksite.site.knows_history = policy.history
        replay = Replay(home, mocksite, policy.pages)
        replay.play(polls)
        report(str(policy), replay, mocksite, len(stories))
        fetched = Counter(hit.path for hit in mocksite.hits if "/doc-i" in hit.path)

    # Each article that was ever to be seen is there, once, where its first title puts it.
    home.assert_whole()
    paths = {s.docid: str(post_path(CATEGORIES, at(s.ctime), s.title, s.docid)) for s in stories}
    assert dict(home.rows("SELECT docid, path FROM revisions WHERE number = 1")) == paths
    assert len(home.files()) == len(stories)
    # Each article that was retitled was noticed, and is a version more, each time; and nothing else is.
    assert home.rows("SELECT docid, title FROM changes WHERE retitled ORDER BY id") == retitlings(polls)
    again = Counter(docid for docid, _ in retitlings(polls))
    # What left the list while its neighbours stayed was fetched again, and is gone.
    unlisted = [docid for (docid,) in home.rows("SELECT docid FROM unlisted ORDER BY docid")]
    assert set(unlisted) <= {story.docid for story in stories if story.deleted_at}
    again.update(unlisted)
    assert fetched == {story.path: 1 + again[story.docid] for story in stories}
    revised = home.rows("SELECT docid, title FROM revisions WHERE number > 1 ORDER BY fetched_at, docid")
    assert sorted(revised) == sorted(retitlings(polls))
    others = "SELECT docid, outcome FROM observations WHERE outcome NOT IN ('first', 'revised') ORDER BY docid"
    assert home.rows(others) == [(docid, "gone") for docid in unlisted]
    old_versions = list((inner_path(home.root) / "history").rglob("*.md"))
    assert len(old_versions) == len(retitlings(polls))
    assert home.rows("SELECT count(*) FROM changes WHERE NOT retitled") == [(0,)]
    # Each span where one page did not reach back far enough was a gap, and is none any more.
    # It began before the newest known article, because others may have entered late.
    gaps = home.rows('SELECT start, "end" FROM gaps ORDER BY id')
    expected = expected_gaps(polls, stories) if policy.pages == 1 else []
    assert [end for _, end in gaps] == [end for _, end in expected]
    assert all(start <= known_to for (start, _), (known_to, _) in zip(gaps, expected, strict=True))
    assert home.rows("SELECT count(*) FROM gaps WHERE closed IS NULL") == [(0,)]
    assert_covered(home, polls, stories)


def assert_covered(home: Home, polls: list[Shown], stories: list[Story]) -> None:
    """The whole record is known complete: from the middle of the first poll's page to the last poll."""
    ctimes = {story.docid: story.ctime for story in stories}
    begin = at(ctimes[polls[0].docids[25]])
    [(end,)] = home.rows("SELECT last_poll FROM feeds")
    first, last = (at(poll.at).astimezone(CHINA).date() for poll in (polls[0], polls[-1]))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]

    coverage_days = home.run(
        "coverage", "--json", *(word for day in days for word in ("--day", day.isoformat()))
    ).json

    assert [day["day"] for day in coverage_days] == [day.isoformat() for day in days]
    assert [day["complete"] for day in coverage_days[1:-1]] == [1.0] * (len(days) - 2)
    assert [span for day in coverage_days for span in day["open"]] == [
        {"from": iso(midnight(first)), "to": iso(begin)},
        {"from": iso(datetime.fromisoformat(end)), "to": iso(midnight(last) + timedelta(days=1))},
    ]


def midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), CHINA)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
