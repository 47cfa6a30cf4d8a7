"""Measure the time from an article's entry in its list to the disk, in busy hours, with the default politeness.

The mock site publishes the articles of a newsroom by an accelerated clock, and a real daemon with the same clock
polls the built-in feeds. Lists and articles come from two hosts, as at the site. Time that the machine needs counts
``speed`` times, so the figures are too high rather than too low.
"""

from __future__ import annotations

import argparse
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
from dataclasses import dataclass, replace
from pathlib import Path

from config.load import builtin_feeds
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, MIN_LAG, Story, make_stories

REPOSITORY = Path(__file__).parents[1]
NINE = 1_790_643_600  # Unix seconds: Tuesday, 2026-09-29, 09:00 in China: a busy hour of a weekday begins
HOUR, DAY = 3600, 86_400
HISTORY_DAYS = 3  # days of articles that are in the lists when the daemon starts
WARM_UP = 600  # seconds before the first article that counts; every list is read to its page limit by then
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


@dataclass(frozen=True)
class Result:
    """Measured values."""

    delays: list[float]  # seconds from intime to the log line, one for each article that counts
    polls: dict[str, float]  # by lid: requests an hour
    missing: int  # articles that were not archived
    per_article: float  # requests of every kind for each article


def publish(end: int) -> list[Story]:
    """The stories of all days until `end` (Unix seconds)."""
    dice = random.Random(1)  # the same days each time
    times: list[int] = []
    for hour in range(NINE - HISTORY_DAYS * DAY, end, HOUR):
        number = PER_HOUR[(hour + 8 * HOUR) // HOUR % 24]
        times += sorted(hour + dice.randrange(HOUR) for _ in range(number))
    undated = make_stories(len(times), newest=NINE)
    chosen = dice.choices([lids for _, lids in LIDS], [weight for weight, _ in LIDS], k=len(times))
    return [
        replace(story, ctime=at, mtime=at, intime=at + dice.randint(MIN_LAG, MAX_LAG), lids=lids)
        for story, at, lids in zip(undated, times, chosen, strict=True)
    ]


def write_config(folder: Path, endpoint: str, speed: float, only: str | None) -> list[int]:
    """Write a configuration with the built-in feeds, or one of them; return their lids. Politeness is the default."""
    feeds = [feed for feed in builtin_feeds() if feed.enabled and only in (None, feed.id)]
    text = f"[network]\ndelay = {1 / speed}\nallow_private = true\n"
    for feed in feeds:
        categories = ", ".join(f'"{category}"' for category in feed.categories)
        text += f'[[feeds]]\nid = "{feed.id}"\nkind = "roll"\ncategories = [{categories}]\n'
        text += f'endpoint = "{endpoint}"\nlid = {feed.lid}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")
    return [feed.lid for feed in feeds if feed.lid]


def measure(speed: float, hours: float, only: str | None) -> Result:
    """Run the daemon for some hours of the mock site's clock."""
    end, begin = NINE + round(hours * HOUR), time.time()

    def now() -> float:
        return NINE + (time.time() - begin) * speed

    stories, archived = publish(end), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder, MockSite(stories, now=lambda: int(now())) as mocksite:
        mocksite.site.base_url = mocksite.url.replace("127.0.0.1", "localhost")
        lids = write_config(Path(folder), mocksite.endpoint, speed, only)
        command = [sys.executable, "-m", "bench.fast_clock", str(speed), str(begin), str(NINE), "run"]
        daemon = subprocess.Popen(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE, text=True
        )

        def listen() -> None:
            assert daemon.stderr
            for line in daemon.stderr:
                if found := re.search(r"archived feed=\S+ docid=(\S+)", line):
                    archived[found[1]] = now()

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        time.sleep((end - now()) / speed)
        hits = mocksite.hits
        daemon.terminate()
        daemon.wait()
        listening.join()
    # Articles of the last minutes do not count: the daemon has no time left for them.
    due = [s for s in stories if NINE + WARM_UP <= s.intime < end - 300 and set(s.lids) & set(lids)]
    began = min(hit.began for hit in hits) + WARM_UP / speed
    counted = [hit for hit in hits if hit.began >= began]
    lists = Counter(found[1] for hit in counted if (found := re.search(r"[?&]lid=(\d+)", hit.path)))
    span = (end - NINE - WARM_UP) / HOUR
    fetched = sum("doc-i" in hit.path for hit in counted)
    return Result(
        sorted(archived[story.docid] - story.intime for story in due if story.docid in archived),
        {str(lid): lists[str(lid)] / span for lid in lids},
        sum(story.docid not in archived for story in due),
        (fetched + lists.total()) / max(fetched, 1),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=25.0, help="seconds of the mock site's clock in one second")
    parser.add_argument("--hours", type=float, default=2.0, help="hours of the mock site's clock")
    parser.add_argument("--feed", action="append", help='the only enabled feed; "all" for the built-in ones')
    options = parser.parse_args()
    for name in options.feed or ["all", "finance"]:
        result = measure(options.speed, options.hours, None if name == "all" else name)
        delays = result.delays
        p95 = delays[math.ceil(0.95 * len(delays)) - 1]
        print(f"{name}: {len(delays)} articles on the disk, {result.missing} not; seconds after their intime:")
        print(f"  median {statistics.median(delays):.0f}, 95th percentile {p95:.0f}, longest {delays[-1]:.0f}")
        print("  list requests an hour: " + ", ".join(f"{lid} {n:.0f}" for lid, n in result.polls.items()))
        print(f"  {result.per_article:.1f} requests for each article", flush=True)


if __name__ == "__main__":
    main()
