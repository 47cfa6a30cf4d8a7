"""An archive of a site that goes on publishing, correcting and failing, and the commands that are run on it."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace

from archive.files.paths import CHINA
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, Story, make_stories
from tests.conftest import Home
from tests.support import processes

REPOSITORY = Path(__file__).parents[2]
DAY = 86_400
RECENT, FUTURE, OLD = 50, 120, 40  # articles in the list at first, those to come, those behind its first page
EVERY = 60  # seconds from one article to the next
OLD_EVERY = 3 * 3600
LISTS = {"feed1": 1686, "feed2": 2519}
CONFIGURATION = """[network]
delay = 0
concurrency = 8
allow_private = true
timeout = 10.0
[schedule]
pages = 1
min = "1s"
every = "1s"
max = "1s"
recheck = ["1s", "1d"]
rechecks = 100000
"""
# What lies in `.finarchive` when nothing runs; the socket is of a daemon that was killed.
PARTS = {"index.db", "lock", "unfinished", "warc", "history", "manifests", "quarantine", "daemon.sock"}
# What damages a file that `verify --repair` restores: its new bytes; None: the file is removed.
DAMAGES: tuple[Callable[[bytes], bytes | None], ...] = (
    lambda data: None,
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data + b"more",
)


def make_site(seed: str) -> tuple[list[Story], int]:
    """The stories of a site, those of its past included, and its first moment in Unix seconds."""
    dice = random.Random(seed)
    newest = int(time.time()) - 2 * MAX_LAG
    begin = newest - FUTURE * EVERY
    stories = []
    for number, story in enumerate(make_stories(FUTURE + RECENT + OLD, newest=newest)):
        behind = number - FUTURE - RECENT
        ctime = newest - number * EVERY if behind < 0 else begin - RECENT * EVERY - MAX_LAG - (behind + 1) * OLD_EVERY
        lids = (1686, 2519) if dice.random() < 0.3 else (1686,)
        entered = ctime + (EVERY if number < FUTURE else 0)
        stories.append(replace(story, ctime=ctime, mtime=ctime, intime=entered, lids=lids))
    return stories, begin


class Life:
    """One archive, one site, and what is due of the archive.

    :param prefix: the command line that stands for ``finarchive``
    """

    def __init__(self, folder: Path, seed: str, prefix: Callable[[Home], list[str]]) -> None:
        self.home = Home(folder)
        self.dice = random.Random(seed)
        stories, begin = make_site(seed)
        self.site = MockSite(stories)
        self.site.clock = begin
        self.edited: dict[str, tuple[str, int]] = {}  # docid -> the newest words, number of edits
        self._prefix = prefix
        self._old = begin - RECENT * EVERY - MAX_LAG  # read back to here, in Unix seconds
        self._oldest = self._old - OLD_EVERY
        self._exports = 0

    def start(self) -> None:
        """Open the site, and archive the first page of its lists."""
        self.site.__enter__()
        lists = "".join(
            f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["金融", "{name}"]\nlid = {lid}\n'
            f'endpoint = "{self.site.endpoint}"\n'
            for name, lid in LISTS.items()
        )
        self.home.config.write_text(CONFIGURATION + lists, encoding="utf-8")
        self.must("crawl", "--json")

    def stop(self) -> None:
        """Close the site."""
        self.site.__exit__()

    def command(self, *arguments: str) -> list[str]:
        """A command line."""
        return [*self._prefix(self.home), *arguments]

    def must(self, *arguments: str, statuses: tuple[int, ...] = (0,), command: Sequence[str] = ()) -> str:
        """Run a command undisturbed; return what it printed.

        :param command: what stands for ``finarchive``, if not the program itself
        :raises AssertionError: it ended with another status
        """
        ended = processes.run(
            [*(command or self.home.command()), *arguments],
            cwd=self.home.folder, env=self.home.env | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode in statuses, (
            f"{' '.join(arguments)} ended with {ended.returncode}:\n{ended.stdout[-1500:]}\n{ended.stderr[-1500:]}"
        )
        return str(ended.stdout)

    # Commands: each prepares its work and returns its arguments

    def crawl(self) -> list[str]:
        """A crawl that finds new articles."""
        self.site.clock += self.dice.randint(2, 10) * EVERY
        return ["-q", "crawl"]

    def rechecks(self) -> list[str]:
        """A crawl that finds corrections and rechecks."""
        listed = self._listed()[10:40]
        self.site.clock += EVERY
        for story in self.dice.sample(listed, self.dice.randint(1, 8)):
            times = self.edited.get(story.docid, ("", 0))[1] + 1
            words = f"第{times}次更正{self.dice.randrange(10**6)}"
            self.edited[story.docid] = words, times
            self.site.site.edit(story.docid, self.site.clock, body=f"{story.body}<p>　　{words}</p>")
        return ["-q", "crawl"]

    def daemon(self) -> list[str]:
        """The daemon, which finds new articles and corrections."""
        self.rechecks()
        self.crawl()
        return ["-q", "run"]

    def rebuild(self) -> list[str]:
        """A rebuild of everything."""
        return ["-q", "rebuild"]

    def lost(self) -> list[str]:
        """A rebuild after the index and some files were lost."""
        (self.home.root / ".finarchive" / "index.db").unlink()
        for path in self.dice.sample(self.home.files(), self.dice.randint(1, 20)):
            path.unlink()
        return ["-q", "rebuild"]

    def repair(self) -> list[str]:
        """A repair of some damaged files."""
        for path in self.dice.sample(self.home.files(), self.dice.randint(1, 20)):
            data = self.dice.choice(DAMAGES)(path.read_bytes())
            # A name in the history may share its bytes. If it is not in the index yet, the next start mends it.
            path.unlink()
            if data is not None:
                path.write_bytes(data)
        return ["-q", "verify", "--repair"]

    def backfill(self) -> list[str]:
        """A backfill of some days that were not read yet."""
        self._oldest -= self.dice.randint(3, 8) * OLD_EVERY
        return ["-q", "backfill", "feed1", *self._period()]

    def export(self) -> list[str]:
        """An export into a new file or folder."""
        self._exports += 1
        name = self.dice.choice(("jsonl", "csv", "atom", "hugo", "hexo"))
        (self.home.folder / "exports").mkdir(exist_ok=True)
        return ["-q", "export", name, "-o", f"exports/{self._exports}-{name}"]

    def retry(self) -> list[str]:
        """A retry of articles whose pages failed."""
        before = self.site.clock
        self.crawl()
        new = [story.docid for story in self.site.site.stories if before < story.intime <= self.site.clock]
        self.site.fault("status", match="|".join(new), status=self.dice.choice((404, 500, 503)))
        self.must("-q", "crawl", statuses=(0, 1))
        self.site.clear_faults()
        return ["-q", "retry", "--parked"]

    def _period(self) -> list[str]:
        first, last = (datetime.fromtimestamp(each, CHINA).isoformat() for each in (self._oldest, self._old))
        return ["--from", first, "--to", last]

    def is_settled(self) -> bool:
        """Whether all articles that the lists show are archived as they are now; read while the daemon runs."""
        rows = self.home.rows("SELECT docid FROM entries WHERE status = 'archived' AND changed IS NULL")
        return self._expected() <= {docid for (docid,) in rows}

    # The end

    def finish(self) -> None:
        """Do what is left without kills, and check the archive.

        :raises AssertionError: something is lost, doubled or torn
        """
        self.must("-q", "backfill", "feed1", *self._period())
        self.must("verify", "--deep")
        later = self._clock_ahead()
        for _ in range(5):
            self.must("-q", "retry", "--parked", command=later)
            if json.loads(self.must("crawl", "--json", statuses=(0, 1), command=later))["pending"] == 0:
                break
        self.check()
        self.must("verify", "--deep", command=later)

    def _clock_ahead(self) -> list[str]:
        """A command line that stands for ``finarchive`` two days later: the last recheck of every article is due."""
        now = time.time()
        return [sys.executable, "-m", "bench.fast_clock", "1", str(now), str(now + 2 * DAY)]

    def check(self) -> None:
        """Compare the archive with the site.

        :raises AssertionError: something is lost, doubled or torn
        """
        home, expected = self.home, self._expected()
        rows = home.rows("SELECT docid, number, sha256, path FROM revisions ORDER BY docid, number")
        newest = {docid: (number, path) for docid, number, _, path in rows}
        assert not expected - newest.keys(), f"lost: {sorted(expected - newest.keys())}"
        home.assert_whole()
        strangers = newest.keys() - {story.docid for story in self.site.site.stories}
        assert not strangers, f"not of the site: {sorted(strangers)}"
        for (docid, number, digest, _), (other, _, next_digest, _) in pairwise(rows):
            assert (docid, digest) != (other, next_digest), f"version {number} of {docid} is doubled"
        for docid, (number, path) in newest.items():
            words, edits = self.edited.get(docid, ("", 0))
            assert number <= 1 + edits, f"{docid} has {number} versions of {1 + edits}"
            assert words in (home.root / path).read_text(encoding="utf-8"), f"{docid} is not its newest version"
        left = {path.name for path in (home.root / ".finarchive").iterdir()} - PARTS
        assert not left, f"left behind: {left}"

    def _listed(self) -> list[Story]:
        """The first page of the list."""
        return [story for story in self.site.site.stories if story.visible(self.site.clock)][:RECENT]

    def _expected(self) -> set[str]:
        """The docids that the archive must have at the end: those listed, and those that were backfilled."""
        now = self.site.clock
        return {s.docid for s in self.site.site.stories if s.visible(now) and s.ctime >= self._oldest}
