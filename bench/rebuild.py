"""How many articles a second a rebuild makes, with one process reading and with two, and how that grows."""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

# Each process that reads imports this module too, and is charged for it: so no more stands here than in
# cli/__main__.py, with which those of the command begin.
# ruff: noqa: PLC0415
MOST = 8_388_608  # bytes a page may unpack to, as in the configuration


def main() -> None:
    """Measure and print."""
    from bench.crawl import write_config
    from mocksite.server import MockSite
    from mocksite.story import make_stories
    from tests.conftest import NEWEST, Home

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[2_000, 4_000, 8_000])
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest and the median are told")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for articles in chosen.articles:
            home = Home(Path(folder, str(articles)))
            home.folder.mkdir()
            with MockSite(make_stories(articles, newest=NEWEST)) as mocksite:
                write_config(home.folder, mocksite.endpoint)
                assert home.run("crawl", timeout=600).status == 0
            raw = sum(path.stat().st_size for path in (home.root / ".finarchive" / "warc").iterdir())
            for processes in (1, 2):
                rounds = []
                for number in range(chosen.rounds):
                    lose(home.files(), home.folder / f"lost-{processes}-{number}")
                    rounds.append(measure(home.root, processes, articles))
                rounds.sort()
                told = " / ".join(
                    f"{articles / seconds:.0f} articles/s, {1000 * used / articles:.2f} ms CPU an article"
                    for seconds, used in (rounds[0], rounds[len(rounds) // 2])
                )
                print(
                    f"{articles:>6} articles, {raw / 1e6:.0f} MB, {processes} processes reading: {told}", flush=True
                )


def lose(files: Iterable[Path], aside: Path) -> None:
    """Put an archive's files elsewhere, and delete none.

    For half a minute ext4 steps over each inode that was deleted when it looks for a free one: after some thousand
    files, making another takes ten times as long.
    """
    aside.mkdir()
    for number, path in enumerate(files):
        path.rename(aside / str(number))


def measure(root: Path, processes: int, articles: int) -> tuple[float, float]:
    """One rebuild of an archive whose files are lost: seconds by the clock, and of CPU."""
    from pipeline.rebuild import rebuild

    before = cpu()
    began = time.monotonic()
    result = rebuild(root, MOST, datetime.now(UTC), processes=processes)
    seconds = time.monotonic() - began
    assert result.articles == articles
    return seconds, cpu() - before


def cpu() -> float:
    """Seconds of CPU that this process and those it has waited for have used."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


if __name__ == "__main__":
    main()
