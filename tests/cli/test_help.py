"""The documentation on the command line: pages, the manual page, completion."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from cli.main import COMMANDS, cli
from cli.output.man_page import man_page
from tests.conftest import Home
from tests.support.tools import needs

ROOT = Path(__file__).parents[2]
PACKAGES = ("archive", "cli", "config", "crawler", "pipeline", "scheduler", "web")


def test_the_list_of_pages_has_their_titles(home: Home) -> None:
    lines = home.run("help").out.splitlines()

    names = {line.split()[0] for line in lines if line}
    assert {"commands", "configuration", "format", "systemd"} <= names
    assert any(line.split(maxsplit=1)[1] == "The file format" for line in lines if line.startswith("format "))


def test_a_page_that_is_not_shown_on_a_terminal_is_printed_as_it_is(home: Home) -> None:
    assert home.run("help", "configuration").out == (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_a_command_is_a_topic_too(home: Home) -> None:
    assert "--limit" in home.run("help", "crawl").out
    assert home.run("help", "crawl").out.startswith("Usage: finarchive crawl ")


def test_an_unknown_topic_names_those_that_exist(home: Home) -> None:
    done = home.run("help", "confguration")

    assert done.status == 2
    assert "there is no page or command 'confguration'" in done.err
    assert "configuration" in done.err


def test_no_message_points_to_a_file_that_an_installed_user_does_not_have() -> None:
    """A wheel has the pages as `finarchive help TOPIC`, not as docs/TOPIC.md."""
    found = [
        f"{path}: {text}" for path in modules() for text in messages(path) if "docs/" in text or "README" in text
    ]
    assert not found


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def messages(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    expressions = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in expressions:
            yield node.value


def test_the_manual_page_in_docs_is_the_one_of_this_version(home: Home) -> None:
    page = home.run("help", "--man").out

    assert page == (ROOT / "docs" / "finarchive.1").read_text(encoding="utf-8"), "run `make man`"
    assert page == man_page(cli, version("finarchive"), (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"))


def test_the_manual_page_has_every_command_and_exit_status(home: Home) -> None:
    page = home.run("help", "--man").out

    for command in COMMANDS:
        assert f".SS finarchive {command}" in page
    for status in ("0", "1", "2", "3", "4", "5", "130"):
        assert f".TP\n.B {status}\n" in page


@needs("groff")
def test_groff_finds_no_mistake_in_the_manual_page() -> None:
    page = ROOT / "docs" / "finarchive.1"
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-Kutf8", "-z", page], capture_output=True, text=True, check=True
    )
    assert not done.stderr


def test_the_manual_page_takes_no_topic(home: Home) -> None:
    assert home.run("help", "--man", "crawl").status == 2


# Completion


@pytest.mark.parametrize("shell", [pytest.param(shell, marks=needs(shell)) for shell in ("bash", "zsh", "fish")])
def test_each_shell_has_a_script_that_it_accepts(home: Home, shell: str, tmp_path: Path) -> None:
    script = home.run("completion", shell).out

    assert "_FINARCHIVE_COMPLETE" in script
    path = tmp_path / "script"
    path.write_text(script, encoding="utf-8")
    subprocess.run([shell, "-n", path], check=True)


def test_a_shell_without_completion_is_refused(home: Home) -> None:
    done = home.run("completion", "tcsh")

    assert done.status == 2
    assert "tcsh" in done.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("finarchive cr", {"crawl"}),
        ("finarchive help conf", {"configuration"}),
        ("finarchive crawl --l", {"--limit"}),
    ],
)
def test_commands_options_and_pages_are_completed(home: Home, words: str, expected: set[str]) -> None:
    assert completed(home, words) == expected


def completed(home: Home, words: str) -> set[str]:
    """What bash would offer for the last word."""
    environment = home.env | {
        "_FINARCHIVE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1),
        "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run(
        home.command(), cwd=home.folder, env=environment, capture_output=True, text=True, check=True
    )
    return {line.partition(",")[2] for line in done.stdout.splitlines()}
