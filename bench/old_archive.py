"""Measure what an old archive costs: status, coverage, feeds, doctor, the daemon's start, a crawl, a day of rechecks.

The index is written directly, row by row: articles of years in the built-in feeds, each article in several lists and
rechecked three times; gaps, spans and manifests. Nothing may grow with the age of the archive. One that is kept for
the next run has had its rechecks of a day then.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from archive.archive import Archive
from archive.files.layout import index_path, journal_path, manifests_path
from archive.files.paths import CHINA
from archive.model.fetch import Outcome
from archive.model.formatting import written_with
from archive.model.times import to_text
from archive.store import Store
from bench.figures import record
from bench.latency import LIDS
from bench.torture.process_tree import cpu
from config.load import builtin_feeds
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories
from tests.support.fetches import RULES, make_fetch, version

PER_DAY = 1000  # articles
STEP = 20_000  # articles written at a time
HOST = "finance.sina.com.cn"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEEDS = [feed for feed in builtin_feeds() if feed.enabled and feed.lid]
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("coverage",),
    ("coverage", "--json"),
    ("feeds",),
    ("doctor", "--offline"),
)
BATCH = 16  # articles in a lease of the spider


class OldArchive:
    """Writes the index of an archive.

    :param ages: of rechecks
    :param now: the time of the newest article
    """

    def __init__(self, root: Path, articles: int, ages: Sequence[timedelta], now: datetime) -> None:
        self._articles = articles
        self._ages = sorted(ages)
        self._now = now
        self._began = now - DAY * articles / PER_DAY
        self._dice = random.Random(1)
        self._fetch = make_fetch("x", now)
        feed_of = {feed.lid: feed.id for feed in FEEDS}
        self._lists = [[feed_of[lid] for lid in lids if lid in feed_of] for _, lids in LIDS]
        with Archive(root, "bench", now) as archive:
            archive.begin_journal()
            store = archive.store
            for start in range(0, articles, STEP):
                with store._db.atomic():
                    self._write(store._db.conn, range(start, min(start + STEP, articles)))
            with store._db.atomic():
                self._write_feeds(store._db.conn)
                self._seal(store._db.conn, root)
            archive.log_lists()

    def _at(self, number: int) -> datetime:
        return self._began + DAY * number / PER_DAY

    def _write(self, database: sqlite3.Connection, numbers: range) -> None:
        """Write articles that were published, listed, fetched and rechecked."""
        entries, listings, observations, revisions, searchable = [], [], [], [], []
        settings = [written_with(replace(self._fetch, feed=feed.id)) for feed in FEEDS]
        weights = [weight for weight, _ in LIDS]
        for number in numbers:
            docid, at = f"known{number:08d}", self._at(number)
            day = at.astimezone(CHINA)
            path = f"金融/新浪财经/美股/{day:%Y/%m/%d}/某公司公布全年业绩（{number}）_n{docid}.md"
            text, seen = to_text(at), to_text(at + HOUR / 6)
            past = [age for age in self._ages if at + age <= self._now]
            due = next((at + age for age in self._ages if at + age > self._now), None)
            entries.append(
                (docid, f"https://{HOST}/doc-i{docid}.shtml", HOST, path, text, seen, seen, path, to_text(due))
            )
            feeds = self._dice.choices(self._lists, weights)[0]
            listings += [(feed, docid, seen) for feed in feeds]
            observations += [
                (docid, to_text(at + age), "first" if not age else "same", int(bool(age)), f"{number:064x}")
                for age in [timedelta(0), *past]
            ]
            sealed = f"{day:%Y-%m-%d}" if at < self._now - DAY else None
            revisions.append((docid, path, f"{number:064x}", path, text, seen, sealed, self._dice.choice(settings)))
            searchable.append((docid, text, seen))
        many = database.executemany
        many(
            """INSERT INTO entries (docid, url, host, title, published, first_seen, tried, path, recheck, due, status,
                revision, keywords, lids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 'archived', 1, '[]', '[]')""",
            entries,
        )
        many("INSERT INTO listings (feed, docid, ground, seen, shown) VALUES (?, ?, 1, ?, 1)", listings)
        many(
            """INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up, status, digest)
                VALUES (?, ?, ?, 1, ?, 0, 0, 200, ?)""",
            observations,
        )
        many(
            """INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at, sealed, written_with,
                named, fingerprint) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, 1, '3:x')""",
            revisions,
        )
        many("INSERT INTO texts (docid, number, text) VALUES (?, 1, 'x')", [(row[0],) for row in revisions])
        many("INSERT INTO searchable (docid, number, published, since) VALUES (?, 1, ?, ?)", searchable)

    def _write_feeds(self, database: sqlite3.Connection) -> None:
        """Write the record of each list: a closed gap a week, a lost hour a month, which splits the spans."""
        for feed in FEEDS:
            newest = to_text(self._now)
            database.execute(
                """INSERT INTO feeds (id, categories, author, last_poll, last_success, newest, ground, complete_to,
                                      swept)
                   VALUES (?, '[]', '', ?, ?, ?, ?, ?, ?)""", [feed.id, *[newest] * 6])  # fmt: skip
            begin = self._began
            while begin < self._now:
                end = min(begin + 30 * DAY, self._now)
                gaps = [(begin + week * 7 * DAY, HOUR, newest, None) for week in range(4)] + [
                    (end, HOUR, None, newest)
                ]
                for at, length, closed, lost in gaps:
                    database.execute(
                        'INSERT INTO gaps (feed, start, "end", noticed, closed, lost) VALUES (?, ?, ?, ?, ?, ?)',
                        [feed.id, to_text(at), to_text(at + length), to_text(at + length), closed, lost],
                    )
                for table in ("spans", "settled"):
                    database.execute(
                        f'INSERT INTO {table} (feed, start, "end") VALUES (?, ?, ?)',  # noqa: S608 - ours
                        [feed.id, to_text(begin), to_text(end)],
                    )
                begin = end + HOUR

    def _seal(self, database: sqlite3.Connection, root: Path) -> None:
        """Write a manifest and two journal files for each day, all sealed."""
        manifests_path(root).mkdir(exist_ok=True)
        day, journal = self._began, journal_path(root)
        while day < self._now - DAY:
            name = f"{day.astimezone(CHINA):%Y-%m-%d}"
            database.execute("INSERT OR IGNORE INTO manifests (day, root) VALUES (?, ?)", [name, "0" * 64])
            (manifests_path(root) / f"{name}.tsv").touch()
            for number in range(2):
                file = f"finarchive-{day.astimezone(CHINA):%Y%m%d}-{number:05d}.warc.gz"
                (journal / file).touch()
                database.execute("INSERT OR IGNORE INTO sealed_files (file, day) VALUES (?, ?)", [file, name])
            day += DAY


def write_config(folder: Path, endpoint: str, delay: float = 0) -> None:
    """Write a configuration with the built-in roll lists, at the mock site.

    :param delay: seconds between two requests to a host
    """
    text = f"[network]\ndelay = {delay}\nallow_private = true\n"
    for feed in FEEDS:
        text += f'[[feeds]]\nid = "{feed.id}"\nkind = "roll"\ncategories = ["金融", "新浪财经", "{feed.id}"]\n'
        text += f'endpoint = "{endpoint}"\nlid = {feed.lid}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")


def start_of_daemon(folder: Path) -> float:
    """CPU seconds of the daemon and its child processes until it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "run"], cwd=folder, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as daemon:
        assert daemon.stderr
        next(line for line in daemon.stderr if " started feeds=" in line)
        seconds = cpu(daemon.pid)
        daemon.terminate()
        daemon.stderr.read()
    return seconds


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


def day_of_rechecks(root: Path, ages: Sequence[timedelta], now: datetime) -> tuple[int, float]:
    """Recheck what becomes due in a day, in leases as those of the spider; return the number and the CPU seconds."""
    store, count, rules = Store.open(index_path(root)), 0, replace(RULES, recheck=tuple(ages))
    began = time.process_time()
    for minute in range(0, 24 * 60, 5):
        at = now + timedelta(minutes=minute)
        for host in store.articles.recheck_hosts(at, at):
            while leased := store.articles.due_rechecks(host, BATCH, at, at, ()):
                store.articles.rechecks_since(at - HOUR)
                states = store.articles.states([each.entry.docid for each in leased])
                decisions = []
                for pending in leased:
                    fetch = replace(make_fetch(pending.entry.docid, at, 1, rules), pending=pending, failure=None)
                    state = states[pending.entry.docid]
                    same = replace(
                        version(state.revision), fetch=fetch, outcome=Outcome.SAME, revision=None, post=None
                    )
                    decisions.append(replace(same, recheck=_next_age(state.archived_at, ages, at)))
                store.articles.commit(decisions, [None] * len(decisions))
                count += len(leased)
    seconds = time.process_time() - began
    store.close()
    return count, seconds


def _next_age(since: datetime, ages: Sequence[timedelta], at: datetime) -> datetime | None:
    return next((since + age for age in sorted(ages) if since + age > at), None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--ages", type=int, nargs="*", default=[1, 24, 168], help="of rechecks, in hours")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder that keeps the archives, for the next run")
    options = parser.parse_args()
    ages, now = [HOUR * age for age in options.ages], datetime.now(UTC) - HOUR
    stories = make_stories(200, newest=int(time.time()) - MAX_LAG, lids=[feed.lid for feed in FEEDS if feed.lid])
    with MockSite(stories, now=lambda: int(time.time())) as site, tempfile.TemporaryDirectory() as scratch:
        for articles in options.articles:
            folder = (options.keep or Path(scratch)) / f"{articles}-{'-'.join(map(str, options.ages))}"
            if not folder.exists():
                folder.mkdir(parents=True)
                OldArchive(folder / "news", articles, ages, now)
            write_config(folder, site.endpoint)
            report(folder, articles, ages, options.runs)


def report(folder: Path, articles: int, ages: Sequence[timedelta], runs: int) -> None:
    """Measure an archive, and print it."""
    os.environ.update(_environment())
    size = index_path(folder / "news").stat().st_size
    print(f"{articles:,} articles, {articles / PER_DAY / 365:.1f} years; index {size / 1e6:,.0f} MB; seconds of CPU:")
    measure_command(("-q", "crawl"), folder)  # archives what the mock site has
    for name, run in {
        **{" ".join(each): partial(measure_command, each, folder) for each in COMMANDS},
        "run, until it is ready": partial(start_of_daemon, folder),
        "crawl, nothing new": partial(measure_command, ("-q", "crawl"), folder),
    }.items():
        seconds = min(run() for _ in range(runs))
        print(f"  {name:<28}{seconds:6.2f}", flush=True)
        record(f"{name}, {articles:,} articles", seconds, "s CPU")
    number, seconds = day_of_rechecks(folder / "news", ages, datetime.now(UTC))
    print(f"  {number:,} rechecks of a day{seconds:12.2f}", flush=True)
    record(f"a recheck, {articles:,} articles", 1000 * seconds / max(number, 1), "ms CPU")


def measure_command(arguments: Sequence[str], folder: Path) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "cli", *arguments], cwd=folder, env=_environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
