"""Figures of benchmarks: what a benchmark measured, what the aim is, and what an earlier commit had.

A benchmark calls :func:`record` for each figure. ``python -m bench`` runs the benchmarks and collects the figures.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from msgspec import Struct

# The file that figures are appended to, as CSV without a header. Without the variable, nothing is recorded.
FIGURES_VARIABLE = "BENCH_FIGURES"
# Above this change a figure counts as worse: runs on the same machine differ by a fifth.
TOLERANCE = 1.25
_COLUMNS = ("date", "commit", "machine", "name", "value", "unit")
# How a figure changes on a machine that takes twice as long: times double, rates halve, and others stay.
_TIMES, _RATES = frozenset({"s CPU", "ms CPU", "ms"}), frozenset({"articles/s", "MB/s"})


class Figure(Struct, frozen=True):
    """One measured value.

    :param machine: result of :func:`machine_milliseconds` when it was measured
    """

    name: str
    value: float
    unit: str
    machine: float


class Aim(Struct, frozen=True):
    """The value that a figure should have at most, or at least."""

    limit: float
    is_least: bool = False

    def ratio(self, value: float) -> float:
        """Return how far a value is from the aim: up to 1 if it meets it."""
        return self.limit / value if self.is_least else value / self.limit


class Measured(Struct, frozen=True):
    """The figures of a commit.

    :param date: ISO 8601
    """

    date: str
    commit: str
    figures: Mapping[str, Figure]


def record(name: str, value: float, unit: str) -> None:
    """Record a figure for the benchmark run that started this process, if one did."""
    if path := os.environ.get(FIGURES_VARIABLE):
        with Path(path).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([name, value, unit])


def recorded(path: Path, machine: float) -> dict[str, Figure]:
    """Return the figures of a file that :func:`record` appended to, by name.

    :param machine: result of :func:`machine_milliseconds` when they were measured
    """
    with path.open(encoding="utf-8", newline="") as file:
        return {name: Figure(name, float(value), unit, machine) for name, value, unit in csv.reader(file)}


def read(path: Path) -> list[Measured]:
    """Return the figures of all commits in a CSV file, in its order; none if there is no such file."""
    if not path.exists():
        return []
    measured: dict[tuple[str, str], dict[str, Figure]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            figure = Figure(row["name"], float(row["value"]), row["unit"], float(row["machine"]))
            measured.setdefault((row["date"], row["commit"]), {})[figure.name] = figure
    return [Measured(*key, figures) for key, figures in measured.items()]


def append(path: Path, measured: Measured) -> None:
    """Append the figures of a commit to a CSV file."""
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(_COLUMNS)
        for each in measured.figures.values():
            row = [
                measured.date,
                measured.commit,
                f"{each.machine:.1f}",
                each.name,
                f"{each.value:.4g}",
                each.unit,
            ]
            writer.writerow(row)


def change(figure: Figure, before: Measured) -> float | None:
    """Return a figure as a multiple of what it was, as if both were measured on the same machine; None: it is new."""
    old = before.figures.get(figure.name)
    if old is None or old.unit != figure.unit or not old.value:
        return None
    speed = figure.machine / old.machine
    expected = old.value * (speed if figure.unit in _TIMES else 1 / speed if figure.unit in _RATES else 1)
    return figure.value / expected


def is_worse(figure: Figure, changed: float | None, aim: Aim | None) -> bool:
    """Return whether a figure is worse than it was, by more than runs differ.

    :param changed: result of :func:`change`
    """
    higher_is_better = aim.is_least if aim else figure.unit in _RATES
    return changed is not None and (changed < 1 / TOLERANCE if higher_is_better else changed > TOLERANCE)


def table(figures: Iterable[Figure], aims: Mapping[str, Aim], before: Measured | None) -> list[str]:
    """Return the lines of a table: each figure, its aim, and its ratio to the aim and to what it was before."""
    lines = [f"{'':<58}{'figure':>18}{'aim':>10}{'ratio':>8}{'change':>8}"]
    for each in figures:
        aim, changed = aims.get(each.name), change(each, before) if before else None
        limit = f"{'>=' if aim.is_least else '<='} {aim.limit:,g}" if aim else ""
        ratio = f"{aim.ratio(each.value):.2f}" if aim and each.value else ""
        worse = "  worse" if is_worse(each, changed, aim) else ""
        value = f"{each.value:,.4g} {each.unit}" if each.value < 1000 else f"{each.value:,.0f} {each.unit}"
        shown = f"{changed:.2f}" if changed is not None else ""
        lines.append(f"{each.name:<58}{value:>18}{limit:>10}{ratio:>8}{shown:>8}{worse}")
    return lines


def machine_milliseconds(rounds: int = 101) -> float:
    """Return the CPU milliseconds that a fixed piece of work takes on this machine now.

    :param rounds: how often it is done, for half a second in all; the result is the median
    """
    text = json.dumps([{"number": number, "text": f"{number * 7919:x} 新浪财经" * 3} for number in range(2_000)])
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        packed = zlib.compress(text.encode(), 6)
        hashlib.sha256(zlib.decompress(packed)).hexdigest()
        sum(len(each["text"].split()) for each in json.loads(text))
        taken.append(1000 * (time.process_time() - began))
    return median(taken)
