"""The table of ``make bench``: aims, and changes since the last commit with figures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench import figures
from bench.__main__ import AIMS, FIGURES, RUNS
from bench.figures import Aim, Figure, Measured

OLD = Measured(
    "2026-09-30T09:30Z",
    "abc1234",
    2.0,
    {
        "crawl": Figure("crawl", 400, "articles/s"),
        "poll": Figure("poll", 2, "ms CPU"),
        "memory": Figure("memory", 100, "MB"),
    },
)


def test_what_a_benchmark_records_is_read_by_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures"
    monkeypatch.setenv(figures.FIGURES_VARIABLE, str(path))
    figures.record("a page, 1,000 articles", 2.5, "ms")
    figures.record("memory", 90, "MB")
    assert figures.recorded(path) == {
        "a page, 1,000 articles": Figure("a page, 1,000 articles", 2.5, "ms"),
        "memory": Figure("memory", 90, "MB"),
    }


def test_without_a_run_nothing_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(figures.FIGURES_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    figures.record("memory", 90, "MB")
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_figures_of_each_commit_in_order(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    assert figures.read(path) == []
    later = dataclasses.replace(OLD, commit="def5678", figures={"poll": Figure("poll", 3, "ms CPU")})
    figures.append(path, OLD)
    figures.append(path, later)
    assert figures.read(path) == [OLD, later]
    assert path.read_text().splitlines()[0] == "date,commit,machine,name,value,unit"


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure("poll", 4, "ms CPU"), 1.0),  # this machine takes twice as long
        (Figure("poll", 2, "ms CPU"), 0.5),
        (Figure("crawl", 200, "articles/s"), 1.0),
        (Figure("memory", 100, "MB"), 1.0),
        (Figure("memory", 100, "KB"), None),
        (Figure("new", 1, "s"), None),
    ],
)
def test_times_and_rates_are_compared_as_if_on_the_same_machine(figure: Figure, expected: float | None) -> None:
    assert figures.change(figure, 4.0, OLD) == expected


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        (Figure("poll", 2.4, "ms CPU"), False),
        (Figure("poll", 2.6, "ms CPU"), True),
        (Figure("poll", 1, "ms CPU"), False),
        (Figure("crawl", 330, "articles/s"), False),
        (Figure("crawl", 310, "articles/s"), True),
        (Figure("crawl", 900, "articles/s"), False),
        (Figure("new", 900, "MB"), False),
    ],
)
def test_a_figure_is_worse_if_it_differs_by_more_than_runs_do(figure: Figure, worse: bool) -> None:
    assert figures.is_worse(figure, figures.change(figure, 2.0, OLD), None) == worse


def test_an_aim_says_which_direction_is_better() -> None:
    figure = Figure("share", 0.5, "of the rate")
    before = dataclasses.replace(OLD, figures={"share": Figure("share", 0.8, "of the rate")})
    changed = figures.change(figure, 2.0, before)
    assert figures.is_worse(figure, changed, Aim(0.8, is_least=True))
    assert not figures.is_worse(figure, changed, Aim(0.8))


def test_the_table_has_the_aim_the_ratio_and_the_change() -> None:
    aims = {"crawl": Aim(500, is_least=True), "memory": Aim(95)}
    measured = [Figure("crawl", 250, "articles/s"), Figure("memory", 95, "MB"), Figure("new", 1234, "requests")]
    lines = [line.split() for line in figures.table(measured, aims, 2.0, OLD)]
    assert lines == [
        ["figure", "aim", "ratio", "change"],
        ["crawl", "250", "articles/s", ">=", "500", "2.00", "0.62", "worse"],
        ["memory", "95", "MB", "<=", "95", "1.00", "0.95"],
        ["new", "1,234", "requests"],
    ]


def test_the_work_that_compares_machines_takes_about_as_long_each_time() -> None:
    first, second = figures.machine_milliseconds(), figures.machine_milliseconds()
    assert 0.5 < first / second < 2


def test_each_benchmark_exists() -> None:
    for name in RUNS:
        assert (Path("bench") / f"{name}.py").is_file(), name


def test_each_aim_has_a_figure_of_the_last_commit_that_was_measured() -> None:
    [*_, last] = figures.read(FIGURES)
    assert set(AIMS) <= set(last.figures)
