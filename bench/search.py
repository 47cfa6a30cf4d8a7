"""Measure searches, the size of the full-text index and the cost of writing it, as the archive grows."""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import archive.index.articles
from archive.model.article import Revision
from archive.model.times import to_text
from archive.query.nodes import And
from archive.query.parser import parse
from archive.query.scripts import forms
from archive.store import Store
from bench.figures import record
from tests.support.fetches import version

BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
BATCH = 64  # articles in a commit, the largest batch of the writer
LENGTH = 800  # characters in a text
REPEATED = 0.5  # share of the clauses that name the article's subject
FEEDS = ("china", "stock", "usstock", "macro")


Duration = tuple[float, float]  # milliseconds: wall, CPU


class Language:
    """Invented words of one to four characters; some are as frequent as 的, most are rare."""

    def __init__(self, dice: random.Random, size: int = 60_000) -> None:
        # Characters are distributed as unevenly as words: a few hundred make up most of any text.
        characters = [chr(0x4E00 + number) for number in dice.sample(range(5000), 3500)]
        uneven = list(itertools.accumulate(1 / (rank + 30) for rank in range(len(characters))))
        self.words = [
            "".join(dice.choices(characters, cum_weights=uneven, k=dice.choice((1, 2, 2, 2, 2, 3, 4))))
            for _ in range(size)
        ]
        self._weights = list(itertools.accumulate(1 / (rank + 8) for rank in range(size)))
        self._dice = dice

    def write(self, length: int) -> str:
        """A text of about `length` characters: clauses, figures, names in Latin letters, paragraphs.

        It repeats its subject: of 760 pairs of neighbouring characters, some 72 in a hundred differ from the earlier
        ones, as in the few real articles of that length that were counted.
        """
        dice, parts, written = self._dice, [], 0
        subject = dice.choices(self.words, cum_weights=self._weights, k=12)
        phrases = ["".join(dice.choices(subject, k=dice.randrange(1, 4))) for _ in range(6)]
        while written < length:
            clause = "".join(dice.choices(self.words, cum_weights=self._weights, k=dice.randrange(1, 6)))
            if dice.random() < REPEATED:
                clause += dice.choice(phrases)
            if dice.random() < 0.15:
                clause += dice.choice((f"{dice.uniform(0, 99):.1f}%", f"{dice.randrange(2000, 2030)}年", "M2", "CPI"))
            if dice.random() < 0.03:
                clause += f"（{dice.choice(('SH', 'SZ'))}{dice.randrange(600000, 603000)}）"
            clause += dice.choice("，，，，，。。、：\n")
            parts.append(clause)
            written += len(clause)
        return "".join(parts)


def fill(store: Store, language: Language, dice: random.Random, numbers: range) -> tuple[float, int]:
    """Put invented articles into an index.

    :return: CPU seconds to write their versions, and bytes of their texts
    """
    cpu, size = 0.0, 0
    for batch in _batches(numbers):
        articles = [(_revision(number, language), language.write(_length(dice))) for number in batch]
        size += sum(len(text.encode()) for _, text in articles)
        list_articles(store, [revision for revision, _ in articles], dice)
        decisions = [version(*each) for each in articles]
        began = time.process_time()
        store.articles.commit(decisions, [None] * len(decisions))
        cpu += time.process_time() - began
    return cpu, size


def list_articles(store: Store, revisions: Sequence[Revision], dice: random.Random) -> None:
    """Insert the rows that polls would insert."""
    with store._db.atomic():
        store._db.conn.executemany(
            "INSERT INTO entries (docid, first_seen, status, revision) VALUES (?, ?, 'archived', 1)",
            [(revision.docid, to_text(revision.published)) for revision in revisions],
        )
        store._db.conn.executemany(
            "INSERT INTO listings (feed, docid, ground) VALUES (?, ?, 1)",
            [(dice.choice(FEEDS), revision.docid) for revision in revisions],
        )


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def _length(dice: random.Random) -> int:
    return dice.randrange(LENGTH // 2, LENGTH * 3 // 2)


def _revision(number: int, language: Language) -> Revision:
    published = BEGAN + timedelta(minutes=number)
    return Revision(
        f"bench{number:08d}", 1, f"a/{number}.md", "0" * 64, language.write(22), published,
        published + timedelta(minutes=5), media="样例社", symbols=("sh600519",) if number % 500 == 0 else (),
    )  # fmt: skip


def queries(language: Language, dice: random.Random) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """One query of each kind: name of the kind, query, other arguments of the search."""
    words = [word for word in language.words if len(word) > 1]
    frequent, middling, rare, other = (
        dice.choice(words[start:end]) for start, end in ((0, 30), (200, 2000), (5000, 40_000), (0, 2000))
    )
    yield "a frequent word", frequent, {}
    yield "a middling word", middling, {}
    yield "a rare word", rare, {}
    yield "two words", f"{middling} {other}", {}
    yield "two frequent words", f"{frequent} {dice.choice(words[:30])}", {}
    yield "one of two", f"{rare} OR {frequent}", {}
    yield "one and not another", f"{middling} NOT {frequent}", {}
    yield "a phrase", f'"{frequent}{middling}"', {}
    yield "a stock's number", str(dice.randrange(600000, 603000)), {}
    yield "Latin words", "CPI M2", {}
    yield "the newest", frequent, {"by_time": True}
    yield "a feed and a month", f"{middling} feed:china since:2020-01-05 until:2020-02-04", {}
    yield "a stock by its symbol", f"symbol:sh600519 {frequent}", {}
    yield "a character alone", dice.choice(words[:3000])[0], {}
    yield "a year with its sign", f"{dice.randrange(2000, 2030)}年", {}
    yield "in the other script", "".join(dice.choice(forms(each)) for each in middling), {}
    yield "as it is written", f"={middling}", {}
    day = (BEGAN + timedelta(days=dice.randrange(17))).date()  # the smallest index has articles of seventeen days
    yield "first seen on a day", f"{frequent} first_seen:{day}", {}
    yield "as of long ago", frequent, {"time": BEGAN + timedelta(days=30)}


def measure(path: Path, language: Language, dice: random.Random, rounds: int) -> dict[str, list[Duration]]:
    """The durations of searches by kind, in an open index."""
    store = Store.open_for_reading(path)
    durations: dict[str, list[Duration]] = defaultdict(list)
    try:
        store.search.find(parse("茅台"), 20)
        for _ in range(rounds):
            for kind, query, more in queries(language, dice):
                began, cpu = time.perf_counter(), time.process_time()
                store.search.find(parse(query), 20, **more)
                durations[kind].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)))
    finally:
        store.close()
    return durations


def merge(store: Store) -> None:
    """Merge the words, as the daemon does once a day, and print what it costs."""
    steps, longest, began = 0, 0.0, time.process_time()
    is_more = True
    while is_more:
        before = time.process_time()
        is_more = store.words.merge()
        steps, longest = steps + 1, max(longest, time.process_time() - before)
    print(f"words merged in {steps} steps: {time.process_time() - began:.1f} s CPU, {1000 * longest:.0f} ms at most")


def percentiles(times: list[Duration]) -> str:
    """Median and 95th percentile, wall and CPU."""
    return "   ".join(
        f"{sorted(each)[len(each) // 2]:7.1f} {sorted(each)[int(len(each) * 0.95)]:7.1f}"
        for each in zip(*times, strict=True)
    )


def report(path: Path, count: int, size: int, durations: dict[str, list[Duration]]) -> None:
    """Print size and durations."""
    store = Store.open_for_reading(path)
    index = store._db.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'words%' OR name LIKE '%searchable%'"
    ).fetchone()[0]
    store.close()
    every = [each for times in durations.values() for each in times]
    print(
        f"{count:>9,} articles, {size / 1e6:,.0f} MB of text; words {index / 1e6:,.0f} MB, {index / size:.2f} of it\n"
        f"    ms: median and 95th percentile of the clock, of CPU"
    )
    record(f"search of {count:,}: index, of the text", index / size, "")
    for kind, times in [("all of them", every), *durations.items()]:
        p95 = sorted(wall for wall, _ in times)[int(0.95 * len(times))]
        record(f"search of {count:,}, {kind}: p95", p95, "ms")
        print(f"    {kind:<24}{percentiles(times)}", flush=True)


def cost(count: int) -> None:
    """Print the CPU time that the full-text words add to writing versions."""
    for words in (True, False, True, False):
        dice = random.Random(1)
        before = archive.index.articles.add_words
        if not words:
            archive.index.articles.add_words = lambda *_: None
        with tempfile.TemporaryDirectory() as folder:
            store = Store.open(Path(folder, "index.db"))
            cpu, _ = fill(store, Language(dice), dice, range(count))
            store.close()
        archive.index.articles.add_words = before
        print(
            f"a version's rows {'with' if words else 'without'} its words: {1000 * cpu / count:.2f} ms CPU",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[25_000, 50_000, 100_000])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--index", type=Path, help="a file that keeps the index; the next run continues it")
    options = parser.parse_args()
    if options.index is None:
        cost(4_000)
    dice = random.Random(1)
    language = Language(dice)
    with tempfile.TemporaryDirectory() as folder:
        path = options.index or Path(folder, "index.db")
        store = Store.open(path)
        done, size = store._db.execute(
            "SELECT count(*), coalesce(sum(length(CAST(text AS BLOB))), 0) FROM texts"
        ).fetchone()
        for count in sorted(options.articles):
            size += fill(store, language, dice, range(done, count))[1]
            done = max(done, count)
            merge(store)
            report(path, count, size, measure(path, language, dice, options.rounds))
        began, number = time.perf_counter(), 0
        for _ in store.search.each(And(())):
            number += 1
        print(f"an export reads {number / (time.perf_counter() - began):,.0f} articles/s")
        store.close()


if __name__ == "__main__":
    main()
