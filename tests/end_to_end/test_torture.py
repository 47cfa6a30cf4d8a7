"""A sample of `make torture`, and that its parts would notice what they look for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.torture import fuzz, hostile_answers, kills
from bench.torture.__main__ import Result, table
from bench.torture.answers import ROLES, Answer, sent
from bench.torture.fuzz_targets import TARGETS
from bench.torture.hostile_answers import Case, HostileCrawl, cases
from bench.torture.life import Life
from bench.torture.mutation import mutated
from tests.conftest import Home
from tests.support.examples import examples

SEED = 20261130


def test_the_cases_have_names_of_their_own() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names)) > 1000


def test_inputs_follow_from_the_seed() -> None:
    first, second = ([mutated([b"one", b"two" * 50], random.Random(SEED)) for _ in range(50)] for _ in range(2))
    assert first == second
    assert len({mutated([b"two" * 50], random.Random(seed)) for seed in range(50)}) > 40


def test_the_table_ends_with_the_failures() -> None:
    lines = table([Result("kills", "3 kills", 2.0, []), Result("fuzz", "9 inputs", 1.0, ["fuzz: feeds: bad"])])
    assert [line.split()[:3] for line in lines[1:3]] == [["kills", "2", "0"], ["fuzz", "1", "1"]]
    assert lines[3:] == ["FAILED: fuzz: feeds: bad"]


@pytest.mark.slow
def test_killed_commands_lose_nothing() -> None:
    lines: list[str] = []
    assert kills.run(6, SEED, lines.append, kills=3) == []
    assert not lines[-1].startswith("0 kills")


def lose_file(home: Home) -> None:
    home.files()[0].unlink()


def tear_file(home: Home) -> None:
    home.files()[0].write_bytes(home.files()[0].read_bytes()[:100])


def lose_row(home: Home) -> None:
    docid = home.files()[0].stem.rpartition("_")[2]
    home.execute(f"DELETE FROM revisions WHERE docid = '{docid}'")


def double_version(home: Home) -> None:
    columns = ", ".join(name for _, name, *_ in home.rows("PRAGMA table_info(revisions)") if name != "number")
    home.execute(f"INSERT INTO revisions (number, {columns}) SELECT 2, {columns} FROM revisions LIMIT 1")


@pytest.mark.slow
def test_what_a_kill_could_do_would_be_noticed(tmp_path: Path) -> None:
    life = Life(tmp_path, str(SEED), Home.command)
    life.start()
    try:
        life.must(*life.backfill())
        life.check()
        for damage in (double_version, tear_file, lose_file, lose_row):
            damage(life.home)
            with pytest.raises(AssertionError):
                life.check()
            life.must("rebuild")
            life.check()
    finally:
        life.stop()


@pytest.mark.slow
@pytest.mark.timing
def test_hostile_answers_stop_nothing() -> None:
    assert hostile_answers.run(10, SEED, lambda line: None) == []


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("role", ["page", "rss", "live"])
def test_an_answer_that_is_not_hostile_is_archived(role: str, tmp_path: Path) -> None:
    """Otherwise the hostile ones would not be read."""
    case = Case(Answer("good", ROLES, sent), role)
    assert HostileCrawl(case, tmp_path, random.Random(1)).run() == []
    assert len(Home(tmp_path).files()) == hostile_answers.GOOD + hostile_answers.HOSTILE
    assert Home(tmp_path).rows("SELECT count(*) FROM images WHERE status = 'kept'") == [(1,)]


@pytest.mark.slow
@pytest.mark.timing
def test_memory_beyond_the_bound_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_answers, "MAX_BYTES", 1)
    wrong = HostileCrawl(Case(Answer("good", ROLES, sent), "page"), tmp_path, random.Random(1)).run()
    assert [each.partition(" took ")[0] for each in wrong] == ["the crawl", "the crawl after it"]


@pytest.mark.slow
@pytest.mark.sized
@pytest.mark.parametrize("name", TARGETS)
def test_fuzzing_finds_nothing(name: str) -> None:
    assert fuzz.run(examples(4), SEED, lambda line: None, only=name) == []
