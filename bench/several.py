"""Measure searches over several archives that are read as one, against one archive with all of their articles."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from archive.files.layout import index_path
from archive.query.nodes import And
from archive.query.parser import parse
from archive.store import Store
from archive.union.store import AnyStore, UnionStore
from bench.search import Language, fill, queries

END = datetime.max.replace(tzinfo=UTC)


def fill_archives(folder: Path, count: int, archives: int, shared: float) -> dict[str, Path]:
    """Put articles into archives by turns; a share of them into the next archive too."""
    indexes = {f"archive{number}": index_path(folder / f"archive{number}") for number in range(archives)}
    for number, path in enumerate(indexes.values()):
        path.parent.mkdir(parents=True)
        with closing(Store.open(path)) as store:
            span, more = count // archives, int(count // archives * shared) if archives > 1 else 0
            own = range(number * span, min((number + 1) * span + more, count))
            dice = random.Random(1)
            fill(store, Language(dice), dice, own)
    return indexes


def measure(store: AnyStore, rounds: int) -> Iterator[tuple[str, float]]:
    """Median CPU milliseconds of searches, a count, facets, and an export."""
    language = Language(random.Random(1))
    times: list[float] = []
    dice = random.Random(5)
    for _ in range(rounds):
        for _, query, more in queries(language, dice):
            began = time.process_time()
            store.search.find(parse(query), 20, **more)
            times.append(1000 * (time.process_time() - began))
    yield "a search", sorted(times)[len(times) // 2]
    everything = And(())
    for name, run in (
        ("count 10,001", lambda: store.search.count(everything, 10_001)),
        ("facets", lambda: store.stats.facets(everything, END)),
        ("export 1,000", lambda: sum(1 for _ in store.search.each(everything, newest=1_000))),
    ):
        yield name, sorted(_milliseconds(run) for _ in range(5))[2]


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return 1000 * (time.process_time() - began)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--archives", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--shared", type=float, default=0.2, help="share of the articles that two archives have")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    for number in options.archives:
        with tempfile.TemporaryDirectory() as folder:
            indexes = fill_archives(Path(folder), options.articles, number, options.shared)
            began = time.perf_counter()
            store: AnyStore = (
                UnionStore.open_for_reading(indexes)
                if number > 1
                else Store.open_for_reading(next(iter(indexes.values())))
            )
            opened = 1000 * (time.perf_counter() - began)
            with closing(store):
                figures = ", ".join(f"{name} {value:.1f}" for name, value in measure(store, options.rounds))
            print(
                f"{number} archives, {options.articles:,} articles: open {opened:.1f} ms; ms CPU: {figures}",
                flush=True,
            )


if __name__ == "__main__":
    main()
