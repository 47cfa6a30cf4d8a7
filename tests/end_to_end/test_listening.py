"""A real daemon hears feeds through a broad list: it learns that, listens, and stops at a miss, on a fast clock."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archive.model.times import to_text
from archive.store import Store
from mocksite.server import MockSite
from mocksite.story import Story, make_stories
from tests.conftest import Home
from tests.pipeline.test_rebuild import RECORD, index, tree
from tests.support import processes
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

SPEED = 60
DAY = 86_400
NINE = 1_790_643_600  # Unix seconds: Tuesday, 2026-09-29, 09:00 in China
CHINA, MACRO, BROAD = 1686, 1687, 2516
REPOSITORY = Path(__file__).parents[2]
FEED = '[[feeds]]\nid = "{}"\nkind = "roll"\ncategories = ["金融", "{}"]\nendpoint = "{}"\nlid = {}\nbroad = {}\n'


class World:
    """A site on a fast clock, and an archive whose daemon has the same clock."""

    def __init__(self, home: Home, mocksite: MockSite, begin: float) -> None:
        self.home = home
        self.mocksite = mocksite
        self.begin = begin

    @property
    def now(self) -> int:
        return int(NINE + (time.time() - self.begin) * SPEED)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bench.fast_clock", str(SPEED), str(self.begin), str(NINE), *arguments]

    def daemon(self) -> Running:
        return Running(self.home, command=self.command("run"), PYTHONPATH=str(REPOSITORY))

    def configure(self, *, listen: str = "12s", feeds: tuple[str, ...] = ("china", "macro"), more: str = "") -> None:
        lids = {"china": CHINA, "macro": MACRO}
        tables = [FEED.format(feed, feed, self.mocksite.endpoint, lids[feed], "false") for feed in feeds]
        tables.append(FEED.format("finance", "finance", self.mocksite.endpoint, BROAD, "true"))
        self.home.config.write_text(
            f'[network]\ndelay = 0\nallow_private = true\n[schedule]\nlisten = "{listen}"\nrecheck = []\n'
            + "".join(tables)
            + more,
            encoding="utf-8",
        )

    def publish(self, *lids: int, seed: int) -> Story:
        """An article that enters these lists now."""
        [story] = make_stories(1, newest=self.now, seed=seed)
        story = replace(story, intime=self.now, lids=lids)
        self.mocksite.site.add(story)
        return story

    def status(self) -> dict[str, Any]:
        """The feeds of ``status --json``, by id."""
        env = self.home.env | {"PYTHONPATH": str(REPOSITORY)}
        done = processes.run(
            self.command("status", "--json"), cwd=self.home.folder, env=env, capture_output=True, text=True
        )
        return {feed["id"]: feed for feed in json.loads(done.stdout)["feeds"]}

    def polls(self, lid: int) -> int:
        return sum(f"lid={lid}&" in hit.path + "&" for hit in self.mocksite.hits)


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    """Two lists with the same articles as a broad one: some in each of the last days, many from nine to ten."""
    begin = time.time()
    old = make_stories(180, newest=NINE - 900, every=1800)
    new = make_stories(90, newest=NINE - DAY + 3600, every=40, seed=1)
    stories = [replace(each, lids=(CHINA, MACRO, BROAD), intime=each.ctime) for each in (*old, *new)]
    with MockSite(stories, now=lambda: int(NINE + (time.time() - begin) * SPEED)) as mocksite:
        world = World(home, mocksite, begin)
        world.configure()
        yield world


def wait_until_heard(world: World, daemon: Running) -> None:
    """Wait until both feeds are heard: they are polled again, because no order of the first polls is certain."""
    daemon.wait_for("polled feed=")
    world.home.run("crawl")
    while not all(any(f"heard feed={feed} " in line for line in daemon.log) for feed in ("china", "macro")):
        daemon.wait_for("heard feed=")


def test_it_learns_from_the_lists_of_the_last_days_and_listens(world: World) -> None:
    with world.daemon() as daemon:
        wait_until_heard(world, daemon)
        polls = world.polls(CHINA)
        for seed in range(2, 30):  # a poll of the broad list may be the first to show an article
            story = world.publish(CHINA, MACRO, BROAD, seed=seed)
            daemon.wait_for(f"archived feed=china docid={story.docid}")
            if any("peeked feed=finance new=1" in line for line in daemon.log):
                break
        assert world.polls(CHINA) == polls, "the feed itself was not polled"
        status = world.status()
        assert (status["china"]["heard_through"], status["finance"]["heard_through"]) == ("finance", None)
        assert status["china"]["heard_verified"]
        assert status["china"]["last_miss"] is None
    query = f"SELECT feed, shown FROM listings WHERE docid = '{story.docid}' ORDER BY feed"
    assert world.home.rows(query) == [("china", 0), ("finance", 1), ("macro", 0)]
    [path] = [path for path in world.home.files() if story.docid in path.name]
    assert path.parts[-6:-4] == ("金融", "china")


def test_it_polls_each_feed_by_itself_if_that_is_configured(world: World) -> None:
    world.configure(listen="off")
    with world.daemon() as daemon:
        daemon.wait_for("polled feed=china", "polled feed=macro", "polled feed=finance")
        world.home.run("crawl")
        daemon.wait_for("polled feed=china", times=2)
    assert not [line for line in daemon.log if "heard" in line or "peeked" in line]


def test_a_miss_ends_it_at_once_and_the_other_feeds_are_verified(world: World) -> None:
    with world.daemon() as daemon:
        wait_until_heard(world, daemon)
        story = world.publish(CHINA, seed=2)  # not in the broad list
        world.home.run("crawl")
        missed = f"missed feed=china through=finance docid={story.docid} kind=absent"
        daemon.wait_for(missed, "heard-no-more feed=china", "heard-no-more feed=macro")
        daemon.wait_for("polled feed=macro", "heard feed=macro through=finance")
        status = world.status()
        assert (status["china"]["heard_through"], status["macro"]["heard_through"]) == (None, "finance")
        assert status["china"]["last_miss"] | {"at": ""} == {
            "at": "", "through": "finance", "docid": story.docid, "kind": "absent",
        }  # fmt: skip
    assert story.docid in {path.stem.rpartition("_")[2] for path in world.home.files()}
    world.home.assert_whole()


def test_a_broad_list_that_is_down_ends_it_without_a_miss(world: World) -> None:
    with world.daemon() as daemon:
        wait_until_heard(world, daemon)
        world.mocksite.fault("status", match=f"lid={BROAD}", status=502)
        daemon.wait_for("heard-no-more feed=china", "heard-no-more feed=macro")
        story = world.publish(CHINA, MACRO, BROAD, seed=2)
        daemon.wait_for(f"archived feed=china docid={story.docid}")
        world.mocksite.clear_faults()
        daemon.wait_for("heard feed=china", "heard feed=macro")
    assert world.home.rows("SELECT * FROM misses") == []


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_restart_goes_on_and_the_index_follows_from_the_journal(world: World, end: str) -> None:
    with world.daemon() as daemon:
        wait_until_heard(world, daemon)
        missed = world.publish(CHINA, seed=2)
        world.home.run("crawl")
        daemon.wait_for("missed feed=china")
        story = world.publish(CHINA, MACRO, BROAD, seed=3)
        daemon.wait_for(f"archived feed=china docid={story.docid}")
        if end == "killed":
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait(60)
    with world.daemon() as daemon:
        daemon.wait_for("heard feed=macro through=finance")
        later = world.publish(CHINA, MACRO, BROAD, seed=4)
        daemon.wait_for(f"archived feed=china docid={later.docid}")
    assert world.home.rows("SELECT docid, kind FROM misses") == [(missed.docid, "absent")]
    before, files = index(world.home), tree(world.home)
    done = world.home.run("rebuild", "--json")
    assert (done.status, index(world.home), tree(world.home)) == (0, before, files), done.err
    (world.home.root / ".finarchive" / "index.db").unlink()
    assert world.home.run("rebuild").status == 0
    assert index(world.home, RECORD) == {table: before[table] for table in RECORD}


def test_reloads_change_what_is_heard(world: World) -> None:
    with world.daemon() as daemon:
        wait_until_heard(world, daemon)
        world.configure(listen="off")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("heard-no-more feed=china", "heard-no-more feed=macro", "reloaded changed=schedule.listen")
        world.configure(feeds=("macro",))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("heard feed=macro", "reloaded ")
        story = world.publish(CHINA, BROAD, seed=2)
        daemon.wait_for(f"archived feed=finance docid={story.docid}")


def test_a_broad_list_that_is_off_files_nothing_under_itself(world: World) -> None:
    world.configure(more="enabled = false\n")
    world.home.begin()
    store = Store.open(world.home.root / ".finarchive" / "index.db")
    at = datetime.fromtimestamp(NINE, UTC)
    columns = ["feed", "broad", "since", "entries", "verified", "missed"]
    rows = [
        [feed, "finance.heard", to_text(at - timedelta(days=3)), 99, to_text(at), None] for feed in ("china", "macro")
    ]
    store.feeds.adopt_snapshot({"containments": [columns, *rows]})
    store.close()
    with world.daemon() as daemon:
        daemon.wait_for("heard feed=china through=finance.heard", "heard feed=macro through=finance.heard")
        other = world.publish(BROAD, seed=2)
        story = world.publish(CHINA, BROAD, seed=3)
        daemon.wait_for(f"archived feed=china docid={story.docid}")
        assert world.status()["china"]["heard_through"] == "finance.heard"
        assert "finance" not in world.status()
    docids = f"('{other.docid}', '{story.docid}')"
    assert world.home.rows(f"SELECT docid FROM entries WHERE docid IN {docids}") == [(story.docid,)]
    assert world.home.rows("SELECT DISTINCT feed FROM spans UNION SELECT feed FROM gaps") == [("china",), ("macro",)]
    assert {path.parts[-5] for path in world.home.files()} <= {"china", "macro"}
    assert world.home.run("verify", "--deep", "--json").json["problems"] == []
    before = index(world.home)
    assert world.home.run("rebuild").status == 0
    assert index(world.home) == before
