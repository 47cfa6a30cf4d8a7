"""Measure the pages of a real ``finarchive serve`` over HTTP, with an archive of many articles."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from msgspec.structs import replace

from archive.files.layout import index_path
from archive.model.feed import Failure, FailureKind
from archive.store import Store
from bench.figures import record
from bench.search import BATCH, FEEDS, Language, fill
from tests.conftest import Home
from tests.support.fetches import again, failed, version
from tests.support.web_server import Serving


def addresses(store: Store, language: Language) -> dict[str, str]:
    """One address of each kind of page, by its name in the report."""
    frequent, rare = (next(word for word in language.words[start:] if len(word) == 2) for start in (0, 20_000))
    docid, day = store._db.execute(
        "SELECT docid, date(published) FROM searchable ORDER BY id DESC LIMIT 1 OFFSET 5000"
    ).fetchone()
    return {
        "the first page": "/",
        "a search, a frequent word": f"/search?q={quote(frequent)}",
        "a search, a rare word": f"/search?q={quote(rare)}",
        "a search by time, page 50": f"/search?q={quote(frequent)}&sort=time&page=50",
        "all articles by time": "/search?sort=time",
        "a feed": "/search?q=feed:china&sort=time",
        "a search as JSON": f"/search.json?q={quote(frequent)}",
        "a search as a feed (Atom)": f"/search.atom?q={quote(frequent)}",
        "a stock": "/symbol/sh600519",
        "an article": f"/article/{docid}",
        "the feeds": "/feeds",
        "the changes": "/changes",
        "the deletions": "/changes?kind=gone",
        "changes, a frequent word": f"/changes?q={quote(frequent)}",
        "changes, a rare word": f"/changes?q={quote(rare)}",
        "changes as JSON": "/changes.json",
        "changes as a feed (Atom)": "/changes.atom",
        "Datasette: the index": "/index",
        "Datasette: a table": "/index/revisions",
        "Datasette: a day's articles": f"/index/articles_of_day.json?day={day}",
        "Datasette: of each day": f"/index/articles_by_day.json?since={day}",
    }


def change(store: Store) -> None:
    """Edit each fiftieth article, and delete each hundredth, a day after it was archived."""
    rows = store._db.execute("SELECT docid FROM searchable WHERE id % 50 = 0 ORDER BY id").fetchall()
    decisions = []
    for number, (docid,) in enumerate(rows):
        [first] = store.articles.revisions(docid)
        text = store.articles.text(docid, 1) or ""
        at = first.fetched_at + timedelta(days=1)
        edited = replace(first, number=2, fetched_at=at, fingerprint="2")
        decisions.append(version(edited, text[:400] + "更正：" + text[410:]))
        if number % 2:
            gone = failed(Failure(docid, FailureKind.GONE, "status 404: no such page"), at + timedelta(hours=1), None)
            decisions.append(again(gone))
    for begin in range(0, len(decisions), BATCH):
        batch = decisions[begin : begin + BATCH]
        store.articles.commit(batch, [None] * len(batch))


def measure(home: Home, pages: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each request, by page."""
    durations: dict[str, list[float]] = {name: [] for name in pages}
    with Serving(home) as serving:
        for turn in range(rounds + 1):
            for name, address in pages.items():
                began = time.perf_counter()
                serving.page(address)
                if turn:  # the first request opens files and reads templates
                    durations[name].append(1000 * (time.perf_counter() - began))
    return durations


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="a folder that keeps the archive for the next run")
    options = parser.parse_args()
    dice = random.Random(1)
    language = Language(dice)
    with tempfile.TemporaryDirectory() as aside:
        home = Home(options.folder or Path(aside))
        home.folder.mkdir(parents=True, exist_ok=True)
        home.config.write_text(
            "".join(f'[[feeds]]\nid = "{feed}"\nkind = "roll"\ncategories = ["a"]\nlid = 1\n' for feed in FEEDS)
        )
        index = index_path(home.root)
        made = index.exists()
        index.parent.mkdir(parents=True, exist_ok=True)
        store = Store.open(index)
        if not made:
            fill(store, language, dice, range(options.articles))
            change(store)
        wanted, count = addresses(store, language), store.entries.counts().archived
        store.close()
        print(f"{count:,} articles; ms: median and 95th percentile")
        for name, times in measure(home, wanted, options.rounds).items():
            ordered = sorted(times)
            p95 = ordered[int(len(ordered) * 0.95)]
            record(f"page, {name}: p95", p95, "ms")
            print(f"    {name:<28}{ordered[len(ordered) // 2]:7.0f}{p95:7.0f}")


if __name__ == "__main__":
    main()
