"""Crawls with one hostile answer each: ``python -m bench.torture.hostile_answers --seconds 60 [--only TEXT]``.

The site has ten good articles on one host. Something on another host is hostile: a list, an article's page, an image
or robots.txt. The crawl ends in time and in bounded memory, so does the next one; the ten articles are archived;
`verify --deep` finds nothing; and a SIGTERM at any moment of a third crawl ends it.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.torture import part
from bench.torture.answers import Answer, http_answers
from bench.torture.good_answers import good_answers
from bench.torture.hostile_content import content_answers
from bench.torture.process_tree import memory
from mocksite.listings import roll_answer
from mocksite.server import MockSite
from mocksite.story import Story, make_stories
from mocksite.wire import Delivery
from tests.conftest import NEWEST, Home
from tests.support import processes

GOOD, HOSTILE = 10, 12  # articles that every crawl archives; those of the hostile lists
MAX_SECONDS = 20.0  # for a crawl
MAX_BYTES = 400 * 2**20  # of memory, of all its processes
TERM_SECONDS = 10.0  # for a crawl to end after SIGTERM
PATIENCE = 60.0  # seconds until a process that hangs is killed
SAMPLE_SECONDS = 0.1  # between two measurements of the memory
WORKERS = 2
CONFIGURATION = """[archive]
images = true
[network]
delay = 0
concurrency = 8
allow_private = true
timeout = 3.0
[schedule]
recheck = []
"""


class Case(Struct, frozen=True):
    """One hostile answer in one place."""

    answer: Answer
    role: str

    @property
    def name(self) -> str:
        return f"{self.role}: {self.answer.name}"


def cases() -> list[Case]:
    """Every hostile answer in every place that it has."""
    return [Case(answer, role) for answer in http_answers() + content_answers() for role in answer.roles]


class HostileCrawl:
    """The crawls of one case in a folder of its own."""

    def __init__(self, case: Case, folder: Path, dice: random.Random) -> None:
        self._case = case
        self._dice = dice
        self._home = Home(folder)
        self._other = Home(folder / "terminated")
        self._other.folder.mkdir(parents=True)

    def run(self) -> list[str]:
        """Crawl, and return what is wrong."""
        stories = [_without_pictures(story) for story in make_stories(GOOD, newest=NEWEST, lids=(1686,))]
        stories += [_without_pictures(each) for each in make_stories(HOSTILE, newest=NEWEST, lids=(9,), seed=1)]
        with MockSite(stories) as site:
            self._prepare(site, stories)
            wrong, seconds = self._crawl(site, "the crawl")
            wrong += self._crawl(site, "the crawl after it")[0]
            wrong += self._check({story.docid for story in stories[:GOOD]})
            return wrong + self._terminate(site, self._dice.uniform(0, seconds))

    def _prepare(self, site: MockSite, stories: list[Story]) -> None:
        role, answer = self._case.role, self._case.answer
        hostile = site.url.replace("127.0.0.1", "localhost")
        good = good_answers(stories[GOOD:], hostile)
        picture = f'<div class="img_wrapper"><img src="{hostile}{good["image"][0]}"></div>'
        site.site.pages.update({hostile + path: body for path, body in good.values()})
        site.site.rolls["1686"] = roll_answer(stories[:GOOD], lid="1686", total=GOOD, now=NEWEST, base_url=site.url)
        site.site.edit(stories[0].docid, NEWEST, body=stories[0].body + picture)
        path, body = good[role]
        site.deliveries[hostile + path] = lambda: Delivery(200, answer.make(body), answer.end)
        kind = role if role in ("live", "column", "usstock", "rss") else "roll"
        for home in (self._home, self._other):
            home.config.write_text(
                f'{CONFIGURATION}[[feeds]]\nid = "good"\nkind = "roll"\nlid = 1686\ncategories = ["好"]\n'
                f'endpoint = "{site.endpoint}"\n[[feeds]]\nid = "hostile"\nkind = "{kind}"\ncategories = ["坏"]\n'
                f'{"lid = 9" if kind == "roll" else ""}\nendpoint = "{hostile}{good[kind][0]}"\n',
                encoding="utf-8",
            )

    def _popen(self, home: Home) -> subprocess.Popen[bytes]:
        with (home.folder / "stderr").open("wb") as stderr:
            return processes.popen(
                home.command("-q", "crawl"),
                cwd=home.folder, env=home.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip

    def _crawl(self, site: MockSite, name: str) -> tuple[list[str], float]:
        """Crawl; return what is wrong, and the seconds it took."""
        wrong, began, most = [], time.monotonic(), 0
        process = self._popen(self._home)
        while _is_running(process, SAMPLE_SECONDS) and time.monotonic() - began < PATIENCE:
            most = max(most, memory(process.pid))
        seconds = time.monotonic() - began
        if process.poll() is None:
            process.kill()
            process.wait()
            wrong.append(f"{name} did not end")
        elif process.returncode not in (0, 1):
            wrong.append(f"{name} ended with {process.returncode}")
        if seconds > MAX_SECONDS:
            wrong.append(f"{name} took {seconds:.0f} s")
        if most > MAX_BYTES:
            wrong.append(f"{name} took {most / 2**20:.0f} MiB")
        stderr = (self._home.folder / "stderr").read_text(encoding="utf-8", errors="replace")
        if "Traceback" in stderr:
            wrong.append(f"{name} printed a traceback that ends: {stderr.strip().splitlines()[-1][:200]}")
        return wrong, seconds

    def _check(self, good: set[str]) -> list[str]:
        wrong = []
        if missing := good - {path.stem.rpartition("_")[2] for path in self._home.files()}:
            wrong.append(f"{len(missing)} of {GOOD} other articles are not archived")
        try:
            verified = self._home.run("verify", "--deep", timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return [*wrong, "verify --deep did not end"]
        if verified.status:
            lines = (verified.out + verified.err).strip().splitlines() or [""]
            wrong.append(f"verify --deep ended with {verified.status}: {lines[-1][:300]}")
        return wrong

    def _terminate(self, site: MockSite, delay: float) -> list[str]:
        """Send a crawl SIGTERM after some seconds."""
        process = self._popen(self._other)
        if not _is_running(process, delay):
            return []
        process.send_signal(signal.SIGTERM)
        if not _is_running(process, TERM_SECONDS):
            return []
        process.kill()
        process.wait()
        return [f"SIGTERM after {delay:.2f} s did not end the crawl"]


def _without_pictures(story: Story) -> Story:
    return replace(story, image=None, body=re.sub("<img[^>]*>", "", story.body))


def _is_running(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def run(seconds: float, seed: int, report: Callable[[str], None], *, only: str = "") -> list[str]:
    """Crawl for a time, at most once with each case; see `bench.torture.part.Run`.

    :param only: a text in the name of the cases to run, such as "page: " or "gzip"
    """
    every = [case for case in cases() if only in case.name]
    left = iter(random.Random(seed).sample(every, len(every)))
    folder, lock = part.new_folder("hostile"), threading.Lock()
    processes.server()  # before there are threads, and before the time counts
    until = time.monotonic() + seconds
    failures: list[str] = []
    done = 0

    def work(worker: int) -> None:
        nonlocal done
        while time.monotonic() < until:
            with lock:
                case, done = next(left, None), done + 1
                number = done
            if case is None:
                done -= 1
                return
            place = folder / str(number)
            wrong = HostileCrawl(case, place, random.Random(f"{seed} {case.name}")).run()
            again = f"python -m bench.torture.hostile_answers --only {case.name!r}"
            with lock:
                failures.extend(f"{case.name}: {each} ({again})" for each in wrong)
                if number % 50 == 0:
                    report(f"{number} hostile answers, {len(failures)} failures")
            shutil.rmtree(place)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS)))
    shutil.rmtree(folder)
    report(
        f"{done} of {len(every)} hostile answers: a crawl, the next one, one with SIGTERM, and verify --deep for each"
    )
    return failures


if __name__ == "__main__":
    sys.exit(part.main(run, __doc__, "only"))
