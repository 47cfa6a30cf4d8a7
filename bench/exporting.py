"""Measure the speed and the memory of each export format, as the archive grows."""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from pathlib import Path

from archive.export.formats import Folder, PartitionedFormat, TableFormat
from archive.export.registry import OUTPUTS
from archive.files.layout import index_path
from archive.files.post import render
from archive.model.article import Article, ArticleImage, Revision
from archive.store import Store
from bench.figures import record
from bench.search import BATCH, BEGAN, LENGTH, Language, list_articles
from tests.support.fetches import version

# Runs the command, then prints its peak memory (KiB) and its CPU time (seconds).
_MEASURED = """
import resource, sys
from cli.main import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def fill(root: Path, numbers: range, language: Language, dice: random.Random) -> None:
    """Put invented articles with their files into an archive."""
    store = Store.open(index_path(root))
    for start in range(numbers.start, numbers.stop, BATCH):
        made = [_made(root, number, language, dice) for number in range(start, min(start + BATCH, numbers.stop))]
        list_articles(store, [revision for revision, _ in made], dice)
        store.articles.commit([version(*each) for each in made], [None] * len(made))
    store.close()


def _made(root: Path, number: int, language: Language, dice: random.Random) -> tuple[Revision, str]:
    published, docid = BEGAN + timedelta(minutes=number), f"bench{number:08d}"
    title, text = language.write(22).replace("\n", ""), language.write(dice.randrange(LENGTH // 2, LENGTH * 3 // 2))
    url, picture = f"https://a.cn/{docid}", ArticleImage("https://a.cn/p.png", "图")
    body = "\n\n".join(f"<p>　　{line}</p>" for line in text.split("\n"))
    facts = {"media": "样例社", "keywords": ("一", "二"), "symbols": ("sh600519",), "pictures": (picture,)}
    article = Article(docid, url, title, published, body, picture.url, published, **facts)
    post = render(article, ("金融", "新浪财经", "样例"), "新浪财经")
    (root / post.path).parent.mkdir(parents=True, exist_ok=True)
    (root / post.path).write_bytes(post.data)
    digest, observed = hashlib.sha256(post.data).hexdigest(), published + timedelta(minutes=5)
    revision = Revision(docid, 1, str(post.path), digest, title, published, observed, url=url, **facts)
    return revision, text


def measure(folder: Path, output: str, more: Sequence[str] = ()) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB of a whole command."""
    target = folder / f"out.{output}"
    command = [sys.executable, "-c", _MEASURED, "-q", "export", output, *more, "-o", str(target)]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    memory, cpu = map(float, done.stderr.split()[-2:])
    return seconds, cpu, memory / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    options = parser.parse_args()
    dice = random.Random(1)
    language = Language(dice)
    with tempfile.TemporaryDirectory() as name:
        done = 0
        for count in sorted(options.articles):
            folder = Path(name)
            index_path(folder / "news").parent.mkdir(parents=True, exist_ok=True)
            fill(folder / "news", range(done, count), language, dice)
            done = count
            for output, kind in OUTPUTS.items():
                more = [("--limit", "1000")] if output == "atom" else [()]
                more += [("--versions",)] if isinstance(kind, TableFormat) else []
                again = [" again"] if isinstance(kind, (Folder, PartitionedFormat)) else []
                for options_of_run, which in product(more, ["", *again]):
                    written = min(1000, count) if output == "atom" else count
                    seconds, cpu, memory = measure(folder, output, options_of_run)
                    name_of_run = " ".join((output, *options_of_run)) + which
                    record(f"export of {count:,}: {name_of_run}", 1000 * cpu / written, "ms CPU")
                    record(f"export of {count:,}: {name_of_run}, memory", memory, "MB")
                    print(
                        f"{count:>7,} articles: {name_of_run:<18} {written / seconds:8,.0f} articles/s, "
                        f"{1000 * cpu / written:6.3f} ms CPU an article, {memory:4.0f} MB at most",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
