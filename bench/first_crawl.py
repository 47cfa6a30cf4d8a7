"""Measure what the first minute of a first crawl archives, with the default politeness, in an empty archive.

The mock site has the built-in lists, with the articles of two weeks; lists and articles come from two hosts, as at
the site. The crawl's clock is accelerated, so time that the machine needs counts ``speed`` times.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from bench.figures import record
from bench.latency import LIDS, NINE, REPOSITORY
from bench.old_archive import FEEDS, write_config
from mocksite.server import MockSite
from mocksite.story import Story, make_stories

ARTICLES = 6000
EVERY = 200  # seconds between two articles


def stories() -> list[Story]:
    """Articles of two weeks, each in the lists that items of the site name together."""
    dice = random.Random(1)
    chosen = dice.choices([lids for _, lids in LIDS], [weight for weight, _ in LIDS], k=ARTICLES)
    made = make_stories(ARTICLES, newest=NINE, every=EVERY)
    return [replace(story, intime=story.ctime, lids=lids) for story, lids in zip(made, chosen, strict=True)]


def measure(speed: float, seconds: float) -> tuple[dict[str, float], list[Story], float]:
    """Crawl; return when each article was archived, all articles, and when the first request arrived.

    Times are seconds of the crawl's clock, since the first request. The crawl ends after ``seconds``.
    """
    begin, every, archived = time.time(), stories(), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder, MockSite(every, now=lambda: NINE + 60) as mocksite:
        mocksite.site.base_url = mocksite.url.replace("127.0.0.1", "localhost")
        write_config(Path(folder), mocksite.endpoint, delay=1 / speed)
        command = [sys.executable, "-m", "bench.fast_clock", str(speed), str(begin), str(NINE + 60), "crawl"]
        crawl = subprocess.Popen(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE, text=True
        )
        assert crawl.stderr
        first, line = None, ""
        for line in crawl.stderr:
            if first is None and mocksite.hits:
                first = mocksite.hits[0].began
            if found := re.search(r" archived feed=\S+ docid=(\S+)", line):
                archived[found[1]] = (time.monotonic() - mocksite.hits[0].began) * speed
            if first is not None and (time.monotonic() - first) * speed > seconds:
                break
        crawl.kill()
        if crawl.wait() > 0:
            raise SystemExit(f"the crawl ended with {crawl.returncode}: {line}")
    return archived, every, min(archived.values(), default=0.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=5.0, help="seconds of the crawl's clock in one second")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0, 600.0], help="of the crawl's clock")
    options = parser.parse_args()
    archived, every, first = measure(options.speed, max(options.seconds) + 5)
    for seconds in options.seconds:
        done = {docid for docid, at in archived.items() if at <= seconds}
        print(f"after {seconds:.0f} s: {len(done)} articles, the first after {first:.0f} s")
        least = None
        for feed in FEEDS:
            listed = sorted((s for s in every if feed.lid in s.lids), key=lambda story: -story.ctime)
            if not listed:
                continue
            missing = next((n for n, story in enumerate(listed) if story.docid not in done), len(listed))
            least = missing if least is None else min(least, missing)
            on_disk, age = sum(story.docid in done for story in listed), (NINE - listed[missing].ctime) / 3600
            print(
                f"    {feed.id:<14}{on_disk:>5} of {len(listed):>5}; the {missing} newest without a hole, {age:.1f} h"
            )
        record(f"first crawl, articles after {seconds:.0f} s", len(done), "articles")
        record(f"first crawl, newest of each feed after {seconds:.0f} s", least or 0, "articles")


if __name__ == "__main__":
    main()
