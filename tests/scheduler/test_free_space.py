"""Crawling pauses before the disk is full, says so, and resumes by itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mocksite.server import MockSite
from scheduler.free_space import RESUME_FACTOR, FreeSpace
from tests.conftest import Home
from tests.end_to_end.test_daemon import add_stories, free_port
from tests.support.daemon import Running

TOO_MUCH = 10**15  # bytes that no disk of a test has free


class Bound:
    """`archive.min_free`, which a test changes."""

    value = 0


@pytest.fixture
def bound() -> Bound:
    return Bound()


def test_it_is_low_below_the_bound_and_not_before_there_is_a_tenth_more(tmp_path: Path, bound: Bound) -> None:
    space = FreeSpace(tmp_path, lambda: bound.value)
    assert (space.bytes, space.is_low) == (None, False)
    free = shutil.disk_usage(tmp_path).free
    for value, low in [
        (0, False), (free // 2, False), (2 * free, True),
        (int(free / RESUME_FACTOR * 1.05), True),  # enough to go on, and not enough to begin again
        (free // 2, False), (int(free / RESUME_FACTOR * 1.05), False), (2 * free, True), (0, False),
    ]:  # fmt: skip
        bound.value = value
        space.check()
        assert space.is_low == low, value
    assert space.bytes == pytest.approx(free, rel=0.05)


def test_work_waits_for_room(tmp_path: Path, bound: Bound) -> None:
    async def main() -> list[str]:
        done: list[str] = []
        space = FreeSpace(tmp_path, lambda: bound.value)
        await space.wait()
        bound.value = TOO_MUCH
        space.check()
        waiting = asyncio.ensure_future(space.wait())
        waiting.add_done_callback(lambda _: done.append("waited"))
        await asyncio.sleep(0)
        assert done == []
        bound.value = 0
        space.check()
        await waiting
        return done

    asyncio.run(main())


def test_a_disk_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.write_text("")
    space = FreeSpace(folder / "below", lambda: TOO_MUCH)
    space.check()
    assert space.is_low  # measured at the next folder that exists
    assert str(folder / "below") in space.reason


def test_a_crawl_on_a_nearly_full_disk_fetches_nothing_and_says_why(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=f"[archive]\nmin_free = {TOO_MUCH}\n")
    for command in (("crawl",), ("backfill", "feed1", "--from", "2026-09-28")):
        done = home.run(*command)
        assert (done.status, mocksite.hits) == (1, [])
        assert done.err.count("\n") == 1
        assert done.err.startswith("finarchive: only ")
        assert f"GB are free at {home.root}, and archive.min_free is 1000000.00 GB: free some space" in done.err
    disk = home.run("status", "--json").json["disk"]
    assert (disk["min_free"], disk["low"]) == (TOO_MUCH, True)
    assert disk["free"] == pytest.approx(shutil.disk_usage(home.folder).free, rel=0.05)
    assert "crawling is paused: only " in " ".join(home.run("status").out.split())
    assert home.run("crawl", "--json", FINARCHIVE_ARCHIVE_MIN_FREE="0").json["archived"] == 12


def healthz(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as response:
            document: dict[str, object] = json.load(response)
            return document | {"code": response.status}
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error) | {"code": error.code}


@pytest.mark.slow
def test_the_daemon_pauses_says_so_and_resumes_by_itself(home: Home, mocksite: MockSite) -> None:
    port = free_port()

    def configure(min_free: int) -> None:
        more = f"[archive]\nmin_free = {min_free}\n[health]\nport = {port}\n"
        home.configure(mocksite.endpoint, more=f'{more}[schedule]\nmin = "1s"\nevery = "1s"\nmax = "2s"\n')

    configure(0)
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        assert healthz(port) | {"disk_low": False, "ok": True, "code": 200} == healthz(port)
        configure(TOO_MUCH)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded changed=archive.min_free", "paused reason=")
        add_stories(mocksite, 1)
        mocksite.clear_hits()
        found = healthz(port)
        assert (found["disk_low"], found["ok"], found["code"]) == (True, False, 503)
        end = time.monotonic() + 3  # some polls, if it had not paused
        while time.monotonic() < end:
            refused = home.run("crawl")
            assert refused.status == 1
            assert "the daemon that holds the archive is paused: only " in refused.err
        paths = [hit.path for hit in mocksite.hits if hit.path != "/robots.txt"]
        assert len(paths) <= 1, "a poll that had begun may end"
        assert not any("doc-i" in path for path in paths)
        configure(0)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("resumed free=", "archived ")
        assert healthz(port)["code"] == 200
        assert daemon.stop() == 0
    home.assert_whole()


@pytest.mark.slow
def test_a_daemon_that_is_paused_stops_at_once(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=f"[archive]\nmin_free = {TOO_MUCH}\n")
    with Running(home) as daemon:
        assert any("ERROR paused reason=" in line for line in daemon.log)
        assert daemon.stop() == 0
    assert mocksite.hits == []
    assert not [line for line in daemon.log if "Task" in line or "Traceback" in line]
