"""A run that tests fork off a server behaves like a new process: each command is run both ways."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support import processes


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive of twelve articles that new processes crawl; its site is gone."""
    home = Home(tmp_path_factory.mktemp("archived"))
    with MockSite(make_stories(12, newest=NEWEST)) as site:
        home.configure(site.endpoint)
        crawled = home.run("crawl", "--json", forked=False)
        again = home.run("crawl", "--json")
    assert (crawled.status, crawled.json["archived"]) == (0, 12)
    assert (again.status, again.json["archived"]) == (0, 0)
    return home


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--version",),
        ("--help",),
        ("nonsense",),
        ("coverage",),
        ("diff", "nonsense"),
        ("export", "jsonl"),
        ("feeds",),
        ("retry",),
        ("search", "a"),
        ("show", "nonsense"),
        ("verify",),
    ],
    ids=" ".join,
)
def test_a_forked_run_and_a_new_process_say_the_same(archived: Home, arguments: tuple[str, ...]) -> None:
    assert archived.run(*arguments) == archived.run(*arguments, forked=False)


@pytest.mark.parametrize("forked", [True, False])
def test_a_signal_that_a_process_does_not_catch_is_its_exit_status(tmp_path: Path, forked: bool) -> None:
    home = Home(tmp_path)
    with MockSite(make_stories(12, newest=NEWEST)) as site:
        home.configure(site.endpoint)
        site.fault("stall", match="doc-i", seconds=60)
        process = processes.popen(home.command("crawl"), cwd=home.folder, env=home.env, forked=forked)
        site.on_hit = lambda hit: process.send_signal(signal.SIGKILL) if "doc-i" in hit.path else None
        assert process.wait(60) == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL


def test_what_an_interpreter_reads_at_its_start_needs_a_new_process(tmp_path: Path) -> None:
    command, env = [sys.executable, "-m", "cli", "--version"], processes.base_environment()
    for more in ({"PYTHONPATH": "/elsewhere"}, {"LC_ALL": "C"}, {"TZ": "UTC"}):
        with processes.popen(command, cwd=tmp_path, env=env | more, stdout=subprocess.DEVNULL) as process:
            assert not isinstance(process, processes.ForkedProcess)
