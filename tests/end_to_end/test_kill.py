"""A crawl that is killed at any moment loses nothing, doubles nothing and leaves nothing torn."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive.integrity.verify import verify
from mocksite.server import MockSite, RequestLogEntry
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support import processes
from tests.support.examples import examples

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
ARTICLES = 100
KILLS = examples(48)  # at random moments; two to an archive
STEPS = [
    ("before the poll's commit", 1),
    ("inside the poll's commit", 1),
    ("after the poll's commit", 1),
    ("before the paths", 2),
    ("before the files", 1),
    ("half a file", 1),
    ("half a file", 70),
    ("before a rename", 1),
    ("before a rename", 70),
    ("after a rename", 70),
    ("before the rows", 1),
    ("before the rows", 2),
    ("after the rows", 1),
]


@pytest.fixture(scope="module")
def site() -> Iterator[MockSite]:
    with MockSite(make_stories(ARTICLES, newest=NEWEST)) as running:
        yield running


def assert_complete(home: Home) -> None:
    """Run again, and every article is there, once."""
    again = home.run("crawl", "--json", timeout=120)
    assert again.status == 0, again.err
    assert again.json["pending"] == 0
    home.assert_whole()
    assert home.rows("SELECT count(*), count(DISTINCT docid) FROM revisions") == [(ARTICLES, ARTICLES)]
    assert len(home.files()) == ARTICLES


def dying(step: str, nth: int, sabotage: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.kill_points", step, str(nth), sabotage, "-q", "crawl"]


def die_at(home: Home, step: str, nth: int, sabotage: str = "-") -> int:
    """Run a crawl that kills itself at a step; return its exit status."""
    return processes.run(
        dying(step, nth, sabotage),
        cwd=home.folder,
        env=home.env | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
    ).returncode


def killed_at(home: Home, site: MockSite, moment: int, delay: float, sabotage: str = "-") -> bool:
    """Kill a run shortly after its nth request for a page; return False if it has ended before."""
    process = processes.popen(
        dying("-", 1, sabotage),
        cwd=home.folder,
        env=home.env | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left = iter(range(moment, 0, -1))
    kills: list[threading.Timer] = []

    def kill(hit: RequestLogEntry) -> None:
        if next(left, None) == 1:
            kills.append(threading.Timer(delay, process.send_signal, (signal.SIGKILL,)))
            kills[0].start()

    site.on_hit = kill
    try:
        return process.wait(timeout=120) == -signal.SIGKILL
    finally:
        site.on_hit = lambda hit: None
        for timer in kills:
            timer.join()


def kill_repeatedly(new_home: Callable[[], Home], site: MockSite, sabotage: str = "-") -> None:
    """Kill runs at random moments, :data:`KILLS` times in all and twice to an archive, and check each archive."""
    moments = random.Random(20260928)
    kills = 0
    while kills < KILLS:
        home = new_home()
        home.configure(site.endpoint)
        for _ in range(2):
            # robots.txt and the list take the first six or seven requests of a run, the articles the others.
            kills += killed_at(home, site, moments.randint(1, 80), moments.uniform(0, 0.05), sabotage)
        assert_complete(home)


@pytest.fixture
def new_home(tmp_path: Path) -> Callable[[], Home]:
    numbers = iter(range(1000))

    def make() -> Home:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Home(folder)

    return make


@pytest.mark.sized
def test_a_crawl_killed_at_random_moments_archives_every_article_once(
    new_home: Callable[[], Home], site: MockSite
) -> None:
    kill_repeatedly(new_home, site)


@pytest.mark.long
def test_the_random_kills_would_notice_rows_committed_before_their_files(
    new_home: Callable[[], Home], site: MockSite
) -> None:
    with pytest.raises(AssertionError):
        kill_repeatedly(new_home, site, "rows before files")


@pytest.mark.parametrize(("step", "nth"), STEPS)
def test_a_crawl_killed_at_a_step_is_continued_by_the_next(home: Home, site: MockSite, step: str, nth: int) -> None:
    home.configure(site.endpoint)
    assert die_at(home, step, nth) == -signal.SIGKILL
    assert_complete(home)


@pytest.mark.parametrize(
    ("step", "nth", "sabotage"),
    [
        ("before a rename", 1, "rows before files"),
        ("-", 1, "known before entries"),
    ],
)
def test_a_kill_between_commits_in_the_wrong_order_would_be_noticed(
    home: Home, site: MockSite, step: str, nth: int, sabotage: str
) -> None:
    home.configure(site.endpoint)
    assert die_at(home, step, nth, sabotage) == -signal.SIGKILL
    with pytest.raises(AssertionError):
        assert_complete(home)


@pytest.mark.parametrize("step", ["before the paths", "before the files", "after a rename", "before the rows"])
def test_what_a_killed_crawl_left_is_not_tampered_with(home: Home, mocksite: MockSite, step: str) -> None:
    home.configure(mocksite.endpoint)
    assert die_at(home, step, 1) == -signal.SIGKILL
    assert home.run("verify", "--deep", "--json").json["problems"] == []
    assert home.run("crawl").status == 0
    for story in mocksite.site.stories[:3]:
        mocksite.clock += 60
        mocksite.site.edit(story.docid, mocksite.clock, body=f"<p>　　更正{story.docid}</p>")
    assert die_at(home, step, 1) == -signal.SIGKILL
    found = {problem.kind for problem in verify(home.root).problems}
    assert found == ({"tampered", "extra"} if step in ("after a rename", "before the rows") else set())
    for options in ((), ("--deep",), ("--repair",)):
        done = home.run("verify", "--json", *options)
        assert (done.status, done.json["problems"]) == (0, []), options
    home.files()[-1].write_bytes(b"edited")
    assert len(home.run("verify", "--json").json["problems"]) == 1, "what is not in the raw pages is still found"


def test_a_disk_slower_than_the_network_stops_nothing(home: Home, site: MockSite) -> None:
    home.configure(site.endpoint)
    assert die_at(home, "-", 1, "little room") == 0
    home.assert_whole()
    assert len(home.files()) == ARTICLES


def test_a_repair_after_a_kill_restores_the_recorded_version(home: Home) -> None:
    """The raw pages are ahead of the index, and have a newer version already."""
    with MockSite(make_stories(3, newest=NEWEST)) as site:
        home.configure(site.endpoint)
        assert home.run("crawl").status == 0
        site.clock += 60
        site.site.edit(site.site.stories[0].docid, site.clock, title="换了一个标题")
        assert die_at(home, "before the files", 1) == -signal.SIGKILL
        for path in home.files():
            path.unlink()

        assert home.run("verify", "--repair").status == 0
        assert home.run("verify", "--deep").status == 0
        assert home.run("crawl", "--json").status == 0
        home.assert_whole()
        assert home.rows("SELECT count(*) FROM revisions") == [(4,)]
