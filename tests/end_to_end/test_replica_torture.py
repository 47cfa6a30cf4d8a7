"""A day of polls with edits, deletions and kills: the archive and two replicas have the same in the end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.backup.storage import open_storage
from archive.files.layout import journal_path, manifests_path
from archive.index.database import Database
from archive.integrity.verify import verify
from archive.journal.warc import warc_files
from archive.mirror.compare import compare_with_mirror
from config.model import Settings
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.recovery import recover
from tests.conftest import NEWEST, Home
from tests.support import processes
from tests.support.images import local_pictures
from tests.support.parsers import PARSERS
from tests.support.replicas import differences, files
from tests.support.s3_server import BUCKET, S3Server

pytestmark = pytest.mark.slow

PLACE = f"s3://{BUCKET}/news"
DAY_SECONDS = 86_400
FIRST, LATER = 20, 60  # articles at the beginning of the day, and those that come
NAMES = ("one", "two")  # of the replicas


class Day:
    """A site for a day, its archive, and the replicas of it."""

    def __init__(self, home: Home, site: MockSite, seed: int, steps: int) -> None:
        self.home = home
        self.site = site
        self.dice = random.Random(seed)
        self.steps = steps
        self.kills = 0
        self.durations: dict[str, float] = {}  # seconds that a command took when it ended, by its name
        self.forgotten: list[str] = []
        home.configure(
            site.endpoint,
            more=f'[journal]\nmirror = "{PLACE}"\n[schedule]\nrecheck = ["1s", "1d"]\nrechecks = 100000\n'
            "[archive]\nimages = true\n",
        )

    def replica(self, name: str) -> Path:
        return self.home.folder / name

    def run(self, *arguments: str, statuses: tuple[int, ...] = (0,)) -> None:
        done = self.home.run(*arguments, timeout=120)
        assert done.status in statuses, done.out + done.err

    def run_killed(self, *arguments: str) -> None:
        """Run a command, and kill it at a random moment of the time that it takes; the first one of a kind ends."""
        began, longest = time.monotonic(), self.durations.get(arguments[0])
        process = processes.popen(
            self.home.command(*arguments),
            cwd=self.home.folder, env=self.home.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            process.communicate(timeout=longest and self.dice.uniform(0, longest))
            self.durations[arguments[0]] = time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.kills += 1

    def live(self) -> None:
        """Live through the day; each step something happens on the site, and each process may be killed."""
        for step in range(self.steps):
            self.site.clock += DAY_SECONDS // self.steps
            visible = [each for each in self.site.site.stories if each.visible(self.site.clock)]
            docids = [each.docid for each in visible if each.docid not in self.forgotten]
            for docid in self.dice.sample(docids, 3):
                # Titles differ: what repeats in a record of a list leaves no room for what takes its place.
                title = f"第{step}次改后的标题{self.dice.randbytes(12).hex()}"
                self.site.site.edit(docid, self.site.clock, title=title, body=f"<p>{title}的正文。</p>")
            if self.dice.random() < 0.2:
                self.site.site.delete(self.dice.choice(docids), self.site.clock)
            self.run_killed("crawl", "-q")
            if self.dice.random() < 0.15:
                self.forget()
            if self.dice.random() < 0.1:
                self.seal()
            for name in NAMES:
                if self.dice.random() < 0.5:
                    self.run_killed("follow", PLACE, "--once", "-q", "--root", str(self.replica(name)))

    def forget(self) -> None:
        """Remove an article, if it is archived; the process may be killed."""
        rows = self.home.rows("SELECT docid FROM entries WHERE status = 'archived' ORDER BY docid")
        if rows:
            docid = self.dice.choice(rows)[0]
            self.forgotten.append(docid)
            self.run_killed("forget", docid, "--reason", "court order", "--yes", "-q")

    def seal(self) -> None:
        """Start as on a later day, which seals the days before."""
        later = datetime.now(UTC) + timedelta(days=2)
        with Archive(self.home.root, "test", later) as archive:
            recover(archive, Settings(), later, PARSERS)

    def end(self) -> None:
        """Run everything to its end."""
        self.run("retry", "-q")
        self.run("crawl", "-q", statuses=(0, 1))
        self.seal()
        self.run("crawl", "-q", statuses=(0, 1))
        for name in NAMES:
            self.run("follow", PLACE, "--once", "-q", "--root", str(self.replica(name)))


def live_and_compare(home: Home, seed: int, steps: int, kills: int) -> None:
    stories = [
        replace(story, ctime=NEWEST + (number - FIRST) * DAY_SECONDS // LATER)
        for number, story in enumerate(local_pictures(make_stories(FIRST + LATER, newest=NEWEST)))
    ]
    stories = [replace(story, mtime=story.ctime, intime=story.ctime) for story in stories]
    with S3Server() as s3, MockSite(stories) as site:
        s3.create_bucket()
        home.env |= s3.environment
        site.clock = NEWEST
        day = Day(home, site, seed, steps)
        day.live()
        day.end()
        assert day.kills >= kills
        one, two = (day.replica(name) for name in NAMES)
        assert differences(home.root, one) == []
        assert differences(one, two) == []
        for root in (home.root, one, two):
            assert verify(root).problems == ()
            home.run("verify", "--against", PLACE, "--root", str(root))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in s3.environment.items():
                environment.setenv(name, value)
            compared = compare_with_mirror(one, open_storage(PLACE))
        assert (compared.difference, compared.behind, compared.ahead) == (None, 0, 0)
        assert compared.days == len(list(manifests_path(one).glob("*.tsv"))) > 0
        kept, forgotten = " ".join(files(one)), home.rows("SELECT docid, done FROM forgotten")
        assert forgotten, "some were not killed before the tombstone was written"
        assert not [docid for docid, done in forgotten if done is None or f"_{docid}." in kept]
        revised = home.rows("SELECT count(*) FROM revisions WHERE number > 1")[0][0]
        assert revised > steps // 2


@pytest.mark.timeout(600)
def test_a_day_with_kills(home: Home) -> None:
    live_and_compare(home, seed=20261130, steps=8, kills=6)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_many_days_with_kills(home: Home) -> None:
    live_and_compare(home, seed=int(os.environ.get("SEED", "1")), steps=240, kills=150)


def test_what_replicas_do_not_have_in_common_would_be_noticed(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl", "-q").status == 0

    def changed(name: str) -> Path:
        return Path(shutil.copytree(home.root, tmp_path / name))

    assert differences(home.root, changed("same")) == []
    article = changed("article")
    next(article.glob("金融/**/*.md")).write_text("x")
    lost = changed("lost")
    next(lost.glob("金融/**/*.md")).unlink()
    raw = changed("raw")
    path = warc_files(journal_path(raw))[0]
    path.write_bytes(path.read_bytes()[:-1])
    manifest = changed("manifest")
    manifests_path(manifest).mkdir()
    (manifests_path(manifest) / "2026-11-29.tsv").write_text("x")
    for root in (article, lost, raw, manifest):
        assert len(differences(home.root, root)) == 1, root
    for table, column in (("revisions", "title"), ("observations", "outcome"), ("journal", "offset")):
        root = changed(table)
        with closing(Database(root / ".finarchive" / "index.db")) as database, database.atomic():
            database.execute(f'UPDATE {table} SET "{column}" = 7 WHERE rowid = (SELECT min(rowid) FROM {table})')
        assert len(differences(home.root, root)) == 1, table
