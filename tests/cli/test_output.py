"""What people see: tables that fit the screen, times in one zone, any encoding, and silence with -q."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from archive.files.layout import index_path
from archive.store import Store
from cli.context import CommandError
from cli.main import COMMANDS, GROUPS
from cli.output.console import LINE_SECONDS, PlainProgress, TableColumn, bytes_progress, print_table
from cli.times import full_time, parse_time, short_time, use_utc, zone_name
from mocksite.server import MockSite
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support.search_data import NOW, Story, put

REPOSITORY = Path(__file__).parents[2]
COLUMNS = (
    TableColumn("feed"),
    TableColumn("last poll", optional=1),
    TableColumn("archived", is_number=True),
)


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive of thirty articles with the same word."""
    home = Home(tmp_path_factory.mktemp("archived"))
    home.begin()
    store = Store.open(index_path(home.root))
    put(store, [Story(f"aa{n:02}", f"茅台提价{n}", "贵州茅台宣布提价。") for n in range(30)])
    store.close()
    return home


# Tables


def printed(width: int, *rows: tuple[str, str, str]) -> list[str]:
    file = io.StringIO()
    print_table(Console(file=file, width=width, soft_wrap=True), COLUMNS, rows)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_numbers_are_aligned_to_the_right() -> None:
    assert printed(80, ("china", "11-30 09:00", "1,234"), ("usstock", "-", "5")) == [
        "feed     last poll    archived",
        "china    11-30 09:00     1,234",
        "usstock  -                   5",
    ]


def test_a_narrow_screen_gets_the_columns_that_matter() -> None:
    assert printed(20, ("china", "11-30 09:00", "1,234")) == ["feed   archived", "china     1,234"]


def test_a_name_that_is_too_long_is_folded_and_never_cut() -> None:
    lines = printed(20, ("a-very-long-name-of-a-feed", "-", "1"))
    assert "…" not in "".join(lines)
    assert "".join(line.split()[0] for line in lines[1:]) == "a-very-long-name-of-a-feed"
    assert max(map(len, lines)) <= 20


def terminal(home: Home, columns: int, *arguments: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], cwd=home.folder, stdout=theirs, stderr=theirs,
        env=home.env | {"COLUMNS": str(columns), "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(theirs)
    with process, os.fdopen(ours, "rb", buffering=0) as reader:
        text = b""
        while chunk := _read(reader):
            text += chunk
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode().replace("\r\n", "\n"))


def _read(reader: io.FileIO) -> bytes:
    try:
        return reader.read(65536)
    except OSError:  # Linux: the other end is closed
        return b""


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_a_terminal_gets_paths_on_one_line_and_tables_within_its_width(archived: Home, columns: int) -> None:
    path = "a/aa29.md"
    shown = terminal(archived, columns, "--root", str(archived.root), "show", path).splitlines()
    assert any(line.endswith(f"path  {path}") for line in shown)
    first, *lines = terminal(archived, columns, "status").splitlines()
    assert first.startswith(f"{archived.root}: ")
    table = lines[: lines.index("Times are China's, +08:00.")]
    assert max(map(cell_len, table)) <= columns
    assert "…" not in "".join(table)
    assert "新浪财经－国內" in "\n".join(table)
    words = " ".join(table).replace("(", " ").replace(")", " ").split()
    assert {"china", "chinaconcept", "usstock"} <= set(words), "the ids of feeds are there at any width"


def test_parquet_is_refused_on_a_terminal(archived: Home) -> None:
    assert "finarchive: this format is no text for a terminal" in terminal(archived, 80, "export", "parquet")


# Times


@pytest.fixture
def utc() -> Iterator[None]:
    use_utc(True)
    yield
    use_utc(False)


def test_times_are_those_of_china_with_their_zone() -> None:
    assert full_time(NOW) == "2026-09-30 10:00+08:00"
    assert short_time(NOW) == "09-30 10:00"
    assert zone_name() == "China's, +08:00"
    assert parse_time(full_time(NOW), NOW) == NOW


@pytest.mark.usefixtures("utc")
def test_with_utc_they_are_those_of_utc() -> None:
    assert full_time(NOW, seconds=True) == "2026-09-30 02:00:00+00:00"
    assert zone_name() == "UTC, +00:00"


def test_the_option_changes_the_zone_wherever_it_is_given(archived: Home) -> None:
    assert "2026-09-30 10:00+08:00" in archived.run("search", "茅台", "--limit", "1").out
    for arguments in (("--utc", "search"), ("search", "--utc")):
        assert "2026-09-30 02:00+00:00" in archived.run(*arguments, "茅台", "--limit", "1").out
    assert "published  2026-09-30 10:00:00+08:00" in archived.run("show", "aa01").out
    assert "published  2026-09-30 02:00:00+00:00" in archived.run("show", "aa01", "--utc").out


def test_a_day_means_its_end_in_china_and_now_means_now() -> None:
    assert parse_time("2026-09-30", NOW) == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert parse_time("2026-09-30", NOW, is_start=True) == datetime(2026, 9, 29, 16, tzinfo=UTC)
    assert parse_time("now", NOW) == NOW
    for text in ("2026-09-30T09:30", "2026-13-01", "yesterday", "2026-09-30+08:00", "1900-01-01"):
        with pytest.raises(CommandError):
            parse_time(text, NOW)


def test_as_of_takes_a_day_and_now(archived: Home) -> None:
    day = NOW.date()
    assert len(archived.run("search", "茅台", "--json", "--as-of", day.isoformat()).json) == 20
    assert len(archived.run("search", "茅台", "--json", "--as-of", "now").json) == 20
    before = (day - timedelta(days=1)).isoformat()
    assert archived.run("search", "茅台", "--json", "--as-of", before).json == []


# Searches, mistakes, help


def test_a_search_says_how_many_articles_match(archived: Home) -> None:
    def last(*arguments: str) -> str:
        return archived.run("search", *arguments).out.splitlines()[-1]

    assert last("茅台") == "Showing 20 of 30 articles; --limit N shows more."
    assert "Showing" not in last("茅台", "--limit", "30")
    assert "Showing" not in last("茅台", "--limit", "40")


def test_a_mistake_in_a_name_is_answered_with_the_nearest(home: Home) -> None:
    assert_refused(home.run("crawl", "chnia"), 2, "no feed is called chnia; did you mean china?")
    assert_refused(home.run("stauts"), 2, "No such command 'stauts'. Did you mean status? See finarchive --help")


@pytest.mark.parametrize("arguments", [("export",), ("search",), ("status", "--jsn"), ("show", "a", "b"), ("x",)])
def test_bad_usage_is_one_line(home: Home, arguments: tuple[str, ...]) -> None:
    outcome = home.run(*arguments)
    assert (outcome.status, outcome.out, len(outcome.err.splitlines())) == (2, "", 1)
    assert outcome.err.startswith("finarchive: ")
    assert outcome.err.rstrip().endswith(" --help")


def test_help_has_every_command_in_one_group_with_its_whole_summary(home: Home) -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    _, commands = home.run("feeds", "--help", COLUMNS="60").out.split("Commands:\n")
    assert "..." not in commands
    assert "[default: 20" in home.run("search", "--help").out


# Silence


@pytest.mark.slow
def test_quiet_commands_that_act_print_nothing_on_success(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    for arguments in (
        ("crawl",),
        ("backfill", "feed1", "--from", "2026-09-28"),
        ("retry",),
        ("rebuild",),
        ("verify",),
        ("init", "other.toml"),
        ("proof", "--new-key", "key"),
        ("forget", "--secrets"),
        ("service", "install", "--to", "units"),
    ):
        outcome = home.run("-q", *arguments)
        assert (outcome.status, outcome.out, outcome.err) == (0, "", ""), arguments


# Encodings

ENCODINGS = [{"PYTHONIOENCODING": name} for name in ("ascii", "latin-1", "gbk")]


def output(home: Home, env: dict[str, str], *arguments: str) -> bytes:
    done = subprocess.run(
        home.command(*arguments), cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)} | env,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b""), arguments
    return done.stdout


@pytest.mark.parametrize("env", [ENCODINGS[0], {"LC_ALL": "C"}])
def test_any_encoding_of_stdout_works(archived: Home, env: dict[str, str]) -> None:
    shown = output(archived, env, "show", "aa01", "--json").decode(env.get("PYTHONIOENCODING", "utf-8"))
    assert json.loads(shown)["title"] == "茅台提价1"
    assert output(archived, env, "show", "aa01")


@pytest.mark.slow
@pytest.mark.parametrize("env", ENCODINGS)
@pytest.mark.parametrize("arguments", [("status",), ("coverage",), ("feeds",), ("search", "茅台"), ("help",)])
def test_any_command_works_with_any_encoding(archived: Home, env: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert output(archived, env, *arguments)


def test_where_stderr_is_no_terminal_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    progress = PlainProgress(lambda done, total: f"verifying: {done} of {total}", lambda: clock[0])
    for done in range(1, 11):
        clock[0] += LINE_SECONDS / 3
        progress.show(done, 10)
    assert capsys.readouterr().err.splitlines() == [f"verifying: {done} of 10" for done in (3, 6, 9)]


def test_what_is_done_soon_prints_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with bytes_progress("verifying", quiet=False) as on_progress:
        on_progress(5, 10)
        on_progress(10, 10)
    assert capsys.readouterr().err == ""
