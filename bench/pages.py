"""How long the reader's pages take over an archive of many articles: over HTTP, from a real ``finarchive serve``."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from archive.archive import index_path
from archive.store import Store
from bench.search import FEEDS, Language, fill
from tests.conftest import Home
from tests.serving import Serving


def addresses(store: Store, language: Language) -> dict[str, str]:
    """A page of each kind, by what it is."""
    frequent, rare = (next(word for word in language.words[start:] if len(word) == 2) for start in (0, 20_000))
    docid, day = store._db.execute(
        "SELECT docid, date(published) FROM searchable ORDER BY id DESC LIMIT 1 OFFSET 5000"
    ).fetchone()
    return {
        "the first page": "/",
        "a search, a frequent word": f"/search?q={quote(frequent)}",
        "a search, a rare word": f"/search?q={quote(rare)}",
        "a search by time, page 50": f"/search?q={quote(frequent)}&sort=time&page=50",
        "a feed": "/search?q=feed:china&sort=time",
        "a stock": "/symbol/sh600519",
        "an article": f"/article/{docid}",
        "the feeds": "/feeds",
        "Datasette: the index": "/index",
        "Datasette: a table": "/index/revisions",
        "Datasette: a day's articles": f"/index/articles_of_day.json?day={day}",
        "Datasette: of each day": f"/index/articles_by_day.json?since={day}",
    }


def measure(home: Home, wanted: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page."""
    taken: dict[str, list[float]] = {name: [] for name in wanted}
    with Serving(home) as serving:
        for turn in range(rounds + 1):
            for name, address in wanted.items():
                began = time.perf_counter()
                serving.page(address)
                if turn:  # the first time opens files and reads templates
                    taken[name].append(1000 * (time.perf_counter() - began))
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where the archive is made, and kept for the next time")
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
        wanted, count = addresses(store, language), store.entries.counts().archived
        store.close()
        print(f"{count:,} articles; ms: median and 95th percentile")
        for name, times in measure(home, wanted, options.rounds).items():
            ordered = sorted(times)
            print(f"    {name:<28}{ordered[len(ordered) // 2]:7.0f}{ordered[int(len(ordered) * 0.95)]:7.0f}")


if __name__ == "__main__":
    main()
