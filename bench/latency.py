"""How long after it entered its list an article is on the disk, in busy hours, with the default politeness.

The replica publishes a newsroom's days by a clock that runs ahead, and a real daemon under the same clock polls the
built-in feeds: lists and articles come from two hosts, as they do at the site. What the machine itself takes counts
``speed`` times over, so the figures are rather too high than too low.
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
LEARNED = 3  # days that the lists show when the daemon starts
WARM_UP = 600  # seconds before the first article that counts: every list has been read to its page limit by then
# Articles an hour, by the hour in China. The busiest list measured brings 40 to 50 and more in busy hours.
PER_HOUR = [4] * 7 + [25] * 2 + [55] * 9 + [25] * 4 + [10] * 2
# Which lists one article is in, as items name them together, and how often that is so in ten.
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
    """What was measured."""

    delays: list[float]  # seconds from intime to the outcome line, one for each article that was due to come
    polls: dict[str, float]  # by lid: requests for it in an hour
    missing: int  # articles that did not come
    per_article: float  # requests in all, for each of them


def publish(end: int) -> list[Story]:
    """The stories of all these days."""
    dice = random.Random(1)  # the same days each time
    times: list[int] = []
    for hour in range(NINE - LEARNED * DAY, end, HOUR):
        number = PER_HOUR[(hour + 8 * HOUR) // HOUR % 24]
        times += sorted(hour + dice.randrange(HOUR) for _ in range(number))
    blank = make_stories(len(times), newest=NINE)
    chosen = dice.choices([lids for _, lids in LIDS], [weight for weight, _ in LIDS], k=len(times))
    return [
        replace(story, ctime=at, mtime=at, intime=at + dice.randint(MIN_LAG, MAX_LAG), lids=lids)
        for story, at, lids in zip(blank, times, chosen, strict=True)
    ]


def write_config(folder: Path, endpoint: str, speed: float, only: str | None) -> list[int]:
    """The built-in feeds, or one of them, with the default politeness; return their lids."""
    feeds = [feed for feed in builtin_feeds() if feed.enabled and only in (None, feed.id)]
    text = f"[network]\ndelay = {1 / speed}\nallow_private = true\n"
    for feed in feeds:
        categories = ", ".join(f'"{category}"' for category in feed.categories)
        text += f'[[feeds]]\nid = "{feed.id}"\nkind = "roll"\ncategories = [{categories}]\n'
        text += f'endpoint = "{endpoint}"\nlid = {feed.lid}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")
    return [feed.lid for feed in feeds if feed.lid]


def measure(speed: float, hours: float, only: str | None) -> Result:
    """Run it."""
    end, begin = NINE + round(hours * HOUR), time.time()

    def now() -> float:
        return NINE + (time.time() - begin) * speed

    stories, archived = publish(end), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder, MockSite(stories, now=lambda: int(now())) as mocksite:
        mocksite.site.base_url = mocksite.url.replace("127.0.0.1", "localhost")
        lids = write_config(Path(folder), mocksite.endpoint, speed, only)
        command = [sys.executable, "-m", "bench.racing", str(speed), str(begin), str(NINE), "run"]
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
    # Those that came so late that the daemon had no time left for them say nothing.
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
    parser.add_argument("--speed", type=float, default=25.0, help="seconds of the replica's in one of ours")
    parser.add_argument("--hours", type=float, default=2.0, help="of the replica's")
    parser.add_argument("--feed", action="append", help='the only feed that is on; "all" for the built-in ones')
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
