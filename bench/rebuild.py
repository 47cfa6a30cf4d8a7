"""Measure the articles a second of a rebuild, with one and with two reading processes, as the archive grows."""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

# Each reading process imports this module, and its cost is measured. So its imports are as few as those of
# cli/__main__.py, which the processes of the command import.
# ruff: noqa: PLC0415
MAX_BODY_BYTES = 8_388_608  # of a page, decompressed; the default of the configuration


def main() -> None:
    """Measure and print."""
    from bench.crawl import write_config
    from bench.figures import record
    from mocksite.server import MockSite
    from mocksite.story import make_stories
    from tests.conftest import NEWEST, Home

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[2_000, 4_000, 8_000])
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the quickest and the median are printed")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for articles in options.articles:
            home = Home(Path(folder, str(articles)))
            home.folder.mkdir()
            with MockSite(make_stories(articles, newest=NEWEST)) as mocksite:
                write_config(home.folder, mocksite.endpoint)
                assert home.run("crawl", timeout=600).status == 0
            raw = sum(path.stat().st_size for path in (home.root / ".finarchive" / "warc").iterdir())
            for processes in (1, 2):
                rounds = []
                for number in range(options.rounds):
                    lose(home.files(), home.folder / f"lost-{processes}-{number}")
                    rounds.append(measure(home.root, processes, articles))
                rounds.sort()
                record(f"rebuild: {articles:,}, {processes} reading", articles / rounds[0][0], "articles/s")
                figures = " / ".join(
                    f"{articles / seconds:.0f} articles/s, {1000 * used / articles:.2f} ms CPU an article"
                    for seconds, used in (rounds[0], rounds[len(rounds) // 2])
                )
                print(
                    f"{articles:>6} articles, {raw / 1e6:.0f} MB, {processes} processes reading: {figures}",
                    flush=True,
                )


def lose(files: Iterable[Path], aside: Path) -> None:
    """Move an archive's files to the folder `aside`, which is created, without deleting any. See D122.

    For half a minute, ext4 steps over each deleted inode when it searches for a free one: after some thousand files,
    creating another takes ten times as long.
    """
    aside.mkdir()
    for number, path in enumerate(files):
        path.rename(aside / str(number))


def measure(root: Path, processes: int, articles: int) -> tuple[float, float]:
    """Rebuild an archive whose files are lost; return wall seconds and CPU seconds."""
    from pipeline.rebuild import rebuild

    before = cpu()
    began = time.monotonic()
    result = rebuild(root, MAX_BODY_BYTES, datetime.now(UTC), processes=processes)
    seconds = time.monotonic() - began
    assert result.articles == articles
    return seconds, cpu() - before


def cpu() -> float:
    """CPU seconds of this process and of the child processes that have ended."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


if __name__ == "__main__":
    main()
