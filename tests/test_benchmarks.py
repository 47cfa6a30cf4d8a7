"""The table of ``make bench``: aims, and changes since the last commit with figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench import figures
from bench.__main__ import AIMS, FIGURES, RUNS
from bench.figures import Aim, Figure, Measured

OLD = Measured(
    "2026-09-30T09:30Z",
    "abc1234",
    {
        "crawl": Figure("crawl", 400, "articles/s", 2.0),
        "poll": Figure("poll", 2, "ms CPU", 2.0),
        "memory": Figure("memory", 100, "MB", 2.0),
    },
)


def test_what_a_benchmark_records_is_read_by_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures"
    monkeypatch.setenv(figures.FIGURES_VARIABLE, str(path))
    figures.record("a page, 1,000 articles", 2.5, "ms")
    figures.record("memory", 90, "MB")
    assert figures.recorded(path, 4.0) == {
        "a page, 1,000 articles": Figure("a page, 1,000 articles", 2.5, "ms", 4.0),
        "memory": Figure("memory", 90, "MB", 4.0),
    }


def test_without_a_run_nothing_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(figures.FIGURES_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    figures.record("memory", 90, "MB")
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_figures_of_each_commit_in_order(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    assert figures.read(path) == []
    later = replace(OLD, commit="def5678", figures={"poll": Figure("poll", 3, "ms CPU", 4.0)})
    figures.append(path, OLD)
    figures.append(path, later)
    assert figures.read(path) == [OLD, later]
    assert path.read_text().splitlines()[0] == "date,commit,machine,name,value,unit"


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure("poll", 4, "ms CPU", 4.0), 1.0),  # this machine takes twice as long
        (Figure("poll", 2, "ms CPU", 4.0), 0.5),
        (Figure("crawl", 200, "articles/s", 4.0), 1.0),
        (Figure("memory", 100, "MB", 4.0), 1.0),
        (Figure("memory", 100, "KB", 4.0), None),
        (Figure("new", 1, "s", 4.0), None),
    ],
)
def test_times_and_rates_are_compared_as_if_on_the_same_machine(figure: Figure, expected: float | None) -> None:
    assert figures.change(figure, OLD) == expected


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        (Figure("poll", 2.4, "ms CPU", 2.0), False),
        (Figure("poll", 2.6, "ms CPU", 2.0), True),
        (Figure("poll", 1, "ms CPU", 2.0), False),
        (Figure("crawl", 330, "articles/s", 2.0), False),
        (Figure("crawl", 310, "articles/s", 2.0), True),
        (Figure("crawl", 900, "articles/s", 2.0), False),
        (Figure("new", 900, "MB", 2.0), False),
    ],
)
def test_a_figure_is_worse_if_it_differs_by_more_than_runs_do(figure: Figure, worse: bool) -> None:
    assert figures.is_worse(figure, figures.change(figure, OLD), None) == worse


def test_an_aim_says_which_direction_is_better() -> None:
    figure = Figure("share", 0.5, "of the rate", 2.0)
    before = replace(OLD, figures={"share": Figure("share", 0.8, "of the rate", 2.0)})
    changed = figures.change(figure, before)
    assert figures.is_worse(figure, changed, Aim(0.8, is_least=True))
    assert not figures.is_worse(figure, changed, Aim(0.8))


def test_the_table_has_the_aim_the_ratio_and_the_change() -> None:
    aims = {"crawl": Aim(500, is_least=True), "memory": Aim(95)}
    measured = [
        Figure("crawl", 250, "articles/s", 2.0),
        Figure("memory", 95, "MB", 2.0),
        Figure("new", 1234, "requests", 2.0),
    ]
    lines = [line.split() for line in figures.table(measured, aims, OLD)]
    assert lines == [
        ["figure", "aim", "ratio", "change"],
        ["crawl", "250", "articles/s", ">=", "500", "2.00", "0.62", "worse"],
        ["memory", "95", "MB", "<=", "95", "1.00", "0.95"],
        ["new", "1,234", "requests"],
    ]


def test_the_work_that_compares_machines_takes_about_as_long_each_time() -> None:
    first, second = figures.machine_milliseconds(), figures.machine_milliseconds()
    assert 0.25 < first / second < 4


def test_each_benchmark_exists() -> None:
    for name in RUNS:
        assert (Path("bench") / f"{name}.py").is_file(), name


def test_each_aim_has_a_figure_of_the_last_commit_that_was_measured() -> None:
    [*_, last] = figures.read(FIGURES)
    assert set(AIMS) <= set(last.figures)
