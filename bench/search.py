"""How long a search takes, how large the index of words is and what it costs to write, as the archive grows."""

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
from archive.query.parser import And, parse
from archive.store import Store
from tests.support.fetches import version

BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
BATCH = 64  # articles committed together, as the writer does at most
LENGTH = 800  # characters of a text
REPEATED = 0.5  # of the clauses, how many name the article's subject
FEEDS = ("china", "stock", "usstock", "macro")


Taken = tuple[float, float]  # milliseconds, of the clock and of CPU


class Language:
    """Invented words of one to four characters, some of them as frequent as 的, most of them rare."""

    def __init__(self, dice: random.Random, size: int = 60_000) -> None:
        # Characters are as uneven as words: a few hundred make up most of any text.
        characters = [chr(0x4E00 + number) for number in dice.sample(range(5000), 3500)]
        uneven = list(itertools.accumulate(1 / (rank + 30) for rank in range(len(characters))))
        self.words = [
            "".join(dice.choices(characters, cum_weights=uneven, k=dice.choice((1, 2, 2, 2, 2, 3, 4))))
            for _ in range(size)
        ]
        self._weights = list(itertools.accumulate(1 / (rank + 8) for rank in range(size)))
        self._dice = dice

    def write(self, length: int) -> str:
        """A text of so many characters: clauses, figures, names in Latin letters, paragraphs.

        It comes back to its subject: of 760 pairs of neighbouring characters some 72 in a hundred are others than
        those before them, as in the few real articles of that length that were counted.
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
    """Put articles into an index.

    :return: seconds of CPU that writing their versions took, and the bytes of their texts
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
    """Make the rows that polls would have made."""
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
    """One of each kind: what kind, the query, and what else is asked for."""
    whole = [name for name in language.words if len(name) > 1]
    frequent, middling, rare, other = (
        dice.choice(whole[start:end]) for start, end in ((0, 30), (200, 2000), (5000, 40_000), (0, 2000))
    )
    yield "a frequent word", frequent, {}
    yield "a middling word", middling, {}
    yield "a rare word", rare, {}
    yield "two words", f"{middling} {other}", {}
    yield "two frequent words", f"{frequent} {dice.choice(whole[:30])}", {}
    yield "one of two", f"{rare} OR {frequent}", {}
    yield "one and not another", f"{middling} NOT {frequent}", {}
    yield "a phrase", f'"{frequent}{middling}"', {}
    yield "a stock's number", str(dice.randrange(600000, 603000)), {}
    yield "Latin words", "CPI M2", {}
    yield "the newest", frequent, {"by_time": True}
    yield "a feed and a month", f"{middling} feed:china since:2020-01-05 until:2020-02-04", {}
    yield "a stock by its symbol", f"symbol:sh600519 {frequent}", {}
    yield "a character alone", dice.choice(whole[:3000])[0], {}
    yield "a year with its sign", f"{dice.randrange(2000, 2030)}年", {}
    yield "as of long ago", frequent, {"time": BEGAN + timedelta(days=30)}


def measure(path: Path, language: Language, dice: random.Random, rounds: int) -> dict[str, list[Taken]]:
    """How long searches take, by their kind, in an index that is open."""
    store = Store.open_for_reading(path)
    taken: dict[str, list[Taken]] = defaultdict(list)
    try:
        store.search.find(parse("茅台"), 20)
        for _ in range(rounds):
            for kind, asked, more in queries(language, dice):
                began, cpu = time.perf_counter(), time.process_time()
                store.search.find(parse(asked), 20, **more)
                taken[kind].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)))
    finally:
        store.close()
    return taken


def percentiles(times: list[Taken]) -> str:
    """The median and the 95th percentile, of the clock and of the CPU."""
    return "   ".join(
        f"{sorted(each)[len(each) // 2]:7.1f} {sorted(each)[int(len(each) * 0.95)]:7.1f}"
        for each in zip(*times, strict=True)
    )


def report(path: Path, count: int, size: int, taken: dict[str, list[Taken]]) -> None:
    """Print what was measured."""
    store = Store.open_for_reading(path)
    index = store._db.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'words%' OR name LIKE '%searchable%'"
    ).fetchone()[0]
    store.close()
    every = [each for times in taken.values() for each in times]
    print(
        f"{count:>9,} articles, {size / 1e6:,.0f} MB of text; words {index / 1e6:,.0f} MB, {index / size:.2f} of it\n"
        f"    ms: median and 95th percentile of the clock, of CPU"
    )
    for kind, times in [("all of them", every), *taken.items()]:
        print(f"    {kind:<24}{percentiles(times)}", flush=True)


def cost(count: int) -> None:
    """Print what the words add to the writing of versions, in CPU."""
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
    parser.add_argument("--index", type=Path, help="a file that is kept, and gone on with the next time")
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
            report(path, count, size, measure(path, language, dice, options.rounds))
        began, number = time.perf_counter(), 0
        for _ in store.search.each(And(())):
            number += 1
        print(f"an export reads {number / (time.perf_counter() - began):,.0f} articles/s")
        store.close()


if __name__ == "__main__":
    main()
