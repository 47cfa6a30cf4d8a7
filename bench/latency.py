"""Measure the time from an article's entry in its list to the disk, in busy hours, with the default politeness.

The mock site publishes articles by an accelerated clock, and two real daemons with the same clock poll the built-in
roll feeds: one polls each feed by itself (`schedule.listen = "off"`), the other hears feeds through the broad list
2516. Before, two crawls have read two days of all lists, from which each archive has learned that the broad list
contains the others. Lists and articles come from two hosts, as at the site. Time that the machine needs counts
``speed`` times, and the two daemons share it, so the figures are too high rather than too low.

With ``--polls FILE`` the articles are those of recorded polls of a real list: a gzipped file with a JSON object for
each poll, ``t`` (Unix seconds) and ``rows`` (docid, path and title of each article, newest first). Each article
enters at a random moment between the poll that first shows it and the one before. Without it a newsroom is invented.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from archive.files.layout import index_path
from archive.index.containment_proof import is_proven
from archive.store import Store
from bench.figures import record
from config.load import builtin_feeds
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, MIN_LAG, Story, make_stories

REPOSITORY = Path(__file__).parents[1]
NINE = 1_790_643_600  # Unix seconds: Tuesday, 2026-09-29, 09:00 in China: a busy hour of a weekday begins
HOUR, DAY = 3600, 86_400
HISTORY_DAYS = 3  # days of articles that are in the lists when the first crawl starts
PREPARATION = 600  # seconds of the site's clock for two crawls before the daemon starts
WARM_UP = 900  # seconds before the first article that counts; every list is read to its page limit by then
# Articles an hour, by the hour in China. The busiest list measured brings 40 to 50 and more in busy hours.
PER_HOUR = [4] * 7 + [25] * 2 + [55] * 9 + [25] * 4 + [10] * 2
# The lists of an article, as items name them together, and their share, in tenths.
LIDS = (
    (4, (295, 747, 2509, 2516, 2517, 2518, 2519, 2671, 2672, 2676)),
    (3, (295, 2509, 2516, 2517, 2519, 2671, 1686)),
    (1, (295, 2509, 2516, 2519, 1686, 1687)),
    (1, (2509, 2516, 2519, 2671, 2674, 2675)),
    (0.5, (2509, 2516, 1686, 1690, 1689)),
    (0.5, (2516, 2487, 2673, 1688)),
)
BROAD = "finance"  # the feed through which the others are heard


class Result(Struct):
    """Measured values."""

    delays: list[float] = field(default_factory=list)  # seconds from intime to the log line
    polls: dict[str, float] = field(default_factory=dict)  # by lid: requests an hour
    missing: int = 0  # articles that were not archived
    per_article: float = 0.0  # requests of every kind for each article

    def percentile(self, share: float) -> float:
        return self.delays[math.ceil(share * len(self.delays)) - 1]


def invented(end: int) -> tuple[int, list[Story]]:
    """When the run begins, and the stories of an invented newsroom until `end` seconds later."""
    dice = random.Random(1)  # the same days each time
    times: list[int] = []
    for hour in range(NINE - HISTORY_DAYS * DAY, NINE + end, HOUR):
        number = PER_HOUR[(hour + 8 * HOUR) // HOUR % 24]
        times += sorted(hour + dice.randrange(HOUR) for _ in range(number))
    undated = make_stories(len(times), newest=NINE)
    return NINE, [
        _timed(story, at + dice.randint(MIN_LAG, MAX_LAG), at, dice) for story, at in zip(undated, times, strict=True)
    ]


def recorded(polls: Path, end: int) -> tuple[int, list[Story]]:
    """When the run begins, and the stories of recorded polls: the third day that they show, from nine o'clock on."""
    dice = random.Random(1)
    entries: dict[str, tuple[int, str, str]] = {}  # by docid: when it enters, path, title
    before = 0
    with gzip.open(polls, "rt", encoding="utf-8") as lines:
        for line in lines:
            poll = json.loads(line)
            for place, (docid, path, title) in enumerate(poll["rows"]):
                # What the first poll shows was there before it.
                entered = dice.randint(before + 1, poll["t"]) if before else poll["t"] - (place + 1) * 60
                entries.setdefault(docid, (entered, path, title))
            before = poll["t"]
    first = min(entered for entered, _, _ in entries.values())
    begin = (first + 8 * HOUR) // DAY * DAY + 2 * DAY + 1 * HOUR  # 09:00 in China: a proof needs two days
    chosen = {docid: each for docid, each in entries.items() if each[0] < begin + end}
    texts = make_stories(len(chosen), newest=begin)
    return begin, [
        _timed(replace(text, docid=docid, title=title, section=""), entered, entered - dice.randint(6, 469), dice)
        for text, (docid, (entered, _, title)) in zip(texts, chosen.items(), strict=True)
    ]


def _timed(story: Story, intime: int, ctime: int, dice: random.Random) -> Story:
    [lids] = dice.choices([lids for _, lids in LIDS], [weight for weight, _ in LIDS])
    return replace(story, ctime=ctime, mtime=ctime, intime=intime, lids=lids)


def write_config(folder: Path, endpoint: str, listen: str, network: str) -> list[int]:
    """Write a configuration with the built-in roll feeds; return their lids."""
    feeds = [feed for feed in builtin_feeds() if feed.enabled and feed.lid]
    text = f'[network]\n{network}\nallow_private = true\n[schedule]\npages = 1000\nlisten = "{listen}"\n'
    for feed in feeds:
        categories = ", ".join(f'"{category}"' for category in feed.categories)
        text += f'[[feeds]]\nid = "{feed.id}"\nkind = "roll"\ncategories = [{categories}]\n'
        text += f'endpoint = "{endpoint}"\nlid = {feed.lid}\nbroad = {str(feed.broad).lower()}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")
    return [feed.lid for feed in feeds if feed.lid]


class SiteClock:
    """Unix seconds of the mock site."""

    def __init__(self, at: float) -> None:
        self.set(at, time.time(), 1)

    def set(self, at: float, begin: float, speed: float) -> None:
        """Show ``at`` when the system's clock shows ``begin``, and run ``speed`` times as fast."""
        self._at, self._begin, self._speed = at, begin, speed

    def now(self) -> float:
        return self._at + (time.time() - self._begin) * self._speed


def command(speed: float, begin: float, at: float, *arguments: str) -> list[str]:
    """A command of the program, whose clock shows ``at`` when the system's clock shows ``begin``."""
    return [sys.executable, "-m", "bench.fast_clock", str(speed), str(begin), str(at), *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY)}


def learn(folder: Path, clock: SiteClock, at: float) -> int:
    """Crawl twice before the daemon starts; return how many feeds are proven to be contained in the broad list."""
    for before in (PREPARATION, PREPARATION / 2):
        begin = time.time()
        clock.set(at - before, begin, 1)
        crawl = command(1, begin, at - before, "-q", "crawl")
        # Its status is 1, because one list is empty.
        subprocess.run(crawl, cwd=folder, env=environment(), check=False, timeout=before / 2)
    store = Store.open_for_reading(index_path(folder / "news"))
    start = datetime.fromtimestamp(at, UTC)
    proven = {each.feed for each in store.containments.all() if each.broad == BROAD and is_proven(each, start)}
    store.close()
    return len(proven)


class Run(Struct):
    """An archive, its mock site, and what the daemon has archived."""

    listen: str
    folder: Path
    mocksite: MockSite
    clock: SiteClock
    proven: int  # feeds that the broad list was proven to contain when the daemon started
    lids: list[int] = field(default_factory=list)
    archived: dict[str, float] = field(default_factory=dict)  # by docid: Unix seconds of the site's clock


@contextmanager
def prepared(listen: str, stories: Sequence[Story], at: int) -> Iterator[Run]:
    """Serve these stories, and make an archive that has learned from them until the run begins."""
    clock = SiteClock(at - PREPARATION)
    with tempfile.TemporaryDirectory() as scratch, MockSite(stories, now=lambda: int(clock.now())) as mocksite:
        folder = Path(scratch)
        mocksite.site.base_url = mocksite.url.replace("127.0.0.1", "localhost")
        write_config(folder, mocksite.endpoint, listen, "delay = 0\nconcurrency = 16")
        yield Run(listen, folder, mocksite, clock, learn(folder, clock, at))


@contextmanager
def running(run: Run, at: int, begin: float, speed: float) -> Iterator[None]:
    """Run a daemon with the default politeness."""
    run.lids = write_config(run.folder, run.mocksite.endpoint, run.listen, f"delay = {1 / speed}")
    run.clock.set(at, begin, speed)
    daemon = subprocess.Popen(
        command(speed, begin, at, "run"), cwd=run.folder, env=environment(), stderr=subprocess.PIPE, text=True
    )

    def read_log() -> None:
        assert daemon.stderr
        for line in daemon.stderr:
            if found := re.search(r"archived feed=\S+ docid=(\S+)", line):
                run.archived[found[1]] = run.clock.now()
            elif re.search(r" (heard|heard-no-more|missed|peek-failed|poll-failed) ", line):
                print(line.rstrip(), file=sys.stderr)

    reading = threading.Thread(target=read_log, daemon=True)
    reading.start()
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait()
        reading.join()


def result_of(run: Run, stories: Sequence[Story], at: int, end: int, *, began: float, speed: float) -> Result:
    """What a run has shown, without its warm-up.

    :param began: time.monotonic() of its begin
    """
    # Articles of the last minutes do not count: the daemon has no time left for them.
    due = [s for s in stories if at + WARM_UP <= s.intime < at + end - 300 and set(s.lids) & set(run.lids)]
    counted = [hit for hit in run.mocksite.hits if hit.began >= began + WARM_UP / speed]
    lists = Counter(found[1] for hit in counted if (found := re.search(r"[?&]lid=(\d+)", hit.path)))
    span = (end - WARM_UP) / HOUR
    fetched = sum("doc-i" in hit.path for hit in counted)
    return Result(
        sorted(run.archived[story.docid] - story.intime for story in due if story.docid in run.archived),
        {str(lid): lists[str(lid)] / span for lid in run.lids},
        sum(story.docid not in run.archived for story in due),
        (fetched + lists.total()) / max(fetched, 1),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=15.0, help="seconds of the mock site's clock in one second")
    parser.add_argument("--hours", type=float, default=1.6, help="hours of the mock site's clock")
    parser.add_argument("--polls", type=Path, help="recorded polls of a real list")
    options = parser.parse_args()
    end = round(options.hours * HOUR)
    at, stories = recorded(options.polls, end) if options.polls else invented(end)
    with (
        prepared("off", stories, at) as alone,
        prepared("12s", stories, at) as listening,
    ):
        begin, began = time.time(), time.monotonic()
        with running(alone, at, begin, options.speed), running(listening, at, begin, options.speed):
            time.sleep(begin + end / options.speed - time.time())
        runs = (alone, listening)
        results = [result_of(run, stories, at, end, began=began, speed=options.speed) for run in runs]
    columns = (
        "listen",
        "proven",
        "articles",
        "missing",
        "median",
        "95 %",
        "99 %",
        "longest",
        "list requests an hour",
        "per article",
    )
    print(f"| {' | '.join(columns)} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for run, result in zip(runs, results, strict=True):
        delays = f"{statistics.median(result.delays):.0f} s | {result.percentile(0.95):.0f} s"
        delays += f" | {result.percentile(0.99):.0f} s | {result.delays[-1]:.0f} s"
        requests = f"{sum(result.polls.values()):.0f} | {result.per_article:.1f}"
        print(f"| {run.listen} | {run.proven} | {len(result.delays)} | {result.missing} | {delays} | {requests} |")
    before, now = results
    record("freshness: p95", now.percentile(0.95), "s")
    ratio = sum(now.polls.values()) / sum(before.polls.values())
    record("freshness: list requests, of those without listening", ratio, "")
    for run, result in zip(runs, results, strict=True):
        print(
            f"{run.listen}: " + ", ".join(f"{lid} {number:.0f}" for lid, number in result.polls.items()), flush=True
        )


if __name__ == "__main__":
    main()
