"""Measure a crawl that finds nothing new. Its cost must not grow with the archive."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.archive import Archive
from archive.model.article import Revision
from archive.model.feed import Entry, Filing, Poll
from bench.crawl import measure, write_config
from bench.figures import record
from tests.support.fetches import commit_revisions

ROUNDS = 5
STEP = 10_000  # entries committed at a time
LISTED_ARTICLES = 200  # articles of the mock site's list


def fill(root: Path, articles: int, feeds: Sequence[str] = ("china",)) -> None:
    """Put a number of invented articles into an archive's index, in turns into these feeds."""
    began = datetime(2020, 1, 1, tzinfo=UTC)
    with Archive(root, "bench", began) as archive:
        for start in range(0, articles, STEP):
            docids = [f"known{number:08d}" for number in range(start, min(start + STEP, articles))]
            entries = tuple(
                Entry(docid, f"https://finance.sina.com.cn/doc-i{docid}.shtml", docid, began, None, None, None, None)
                for docid in docids
            )
            feed = feeds[start // STEP % len(feeds)]
            poll = Poll(feed, began, 1, entries, (), caught_up=True)
            archive.store.listings.commit_poll(
                poll,
                Filing(("金融", "新浪财经"), "新浪财经"),
                dict.fromkeys(docids, (feed,)),
                dict.fromkeys(docids, "finance.sina.com.cn"),
            )
            versions = [
                Revision(docid, 1, docid, "0" * 64, docid, began, began + timedelta(days=1)) for docid in docids
            ]
            commit_revisions(archive.store, versions)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    mocksite = subprocess.Popen(
        [sys.executable, "-m", "mocksite", "--articles", str(LISTED_ARTICLES)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert mocksite.stdout is not None
        endpoint = mocksite.stdout.readline().strip() + "/api/roll/get"
        for known in options.known:
            with tempfile.TemporaryDirectory() as folder:
                write_config(Path(folder), endpoint)
                fill(Path(folder, "news"), known)
                command = [sys.executable, "-m", "cli", "-q", "crawl"]
                measure(command, Path(folder))
                runs = sorted(measure(command, Path(folder)).cpu for _ in range(ROUNDS))
                size = Path(folder, "news", ".finarchive", "index.db").stat().st_size
            best, middle = runs[0], runs[ROUNDS // 2]
            record(f"a crawl with nothing new, {known:,} known", best, "s CPU")
            print(f"{known:>9,} known: {best:.2f} s CPU at best, {middle:.2f} median; index {size / 1e6:.0f} MB")
    finally:
        mocksite.terminate()
        mocksite.wait()


if __name__ == "__main__":
    main()
