"""Ctrl-C at any moment: one line, status 130, and nothing from child processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.__main__ import _interrupt
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home

REPOSITORY = Path(__file__).parents[2]
# Seconds after the first line of our code: while modules are imported, while a command begins, while it works.
MOMENTS = (0, 0.01, 0.07, 0.22, 0.7, 1.4)
# Reports on the descriptor that it gets when it is about to run the program.
LAUNCHER = """
import os, sys
from cli.__main__ import main
report = int(sys.argv.pop(1))
try:
    os.write(report, b".")
    main()
except KeyboardInterrupt as error:
    if error.__traceback__.tb_next is None:  # before the first line of the program
        os.write(2, b"early")
"""


@pytest.fixture
def site(home: Home) -> Iterator[MockSite]:
    """An archive of sixty articles, of whose site each further page takes a minute."""
    with MockSite(make_stories(60, newest=NEWEST)) as running:
        home.configure(running.endpoint)
        assert home.run("crawl", "--json").json["archived"] == 60
        running.fault("stall", match="/", seconds=60)
        yield running


def interrupt(home: Home, arguments: tuple[str, ...], seconds: float) -> tuple[int, str]:
    """Run a command in a process group of its own, as a shell does, and send the group SIGINT at a moment."""
    begun, report = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(report), *arguments],
        cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, pass_fds=[report], start_new_session=True,
        # A job in the background of a script inherits that it ignores the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )  # fmt: skip
    os.close(report)
    with process, os.fdopen(begun, "rb", buffering=0) as reader:
        assert reader.read(1) == b"."
        select.select([], [], [], seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("-q", "crawl"),
        ("search", "增长"),
        ("verify",),
        ("verify", "--deep"),
        ("rebuild",),
        ("export", "jsonl", "-o", "out.jsonl"),
        ("serve", "--port", "0"),
        ("-q", "tail"),
        ("-q", "run"),
    ],
    ids=" ".join,
)
def test_ctrl_c_is_one_line_and_status_130_at_any_moment(
    home: Home, site: MockSite, arguments: tuple[str, ...]
) -> None:
    wrong = []
    for seconds in MOMENTS:
        status, errors = interrupt(home, arguments, seconds)
        lines = errors.splitlines()
        # The interpreter, when it has ended the program, no longer handles signals: it is killed, which a shell shows
        # as the same status.
        expected = [(130, ["finarchive: interrupted"]), (0, []), (0, ["early"]), (-signal.SIGINT, [])]
        if "crawl" in arguments or "run" in arguments:  # these say so in their own words
            expected.append((130, []))
        if (status, lines) not in expected:
            wrong.append((seconds, status, errors[-1500:]))
    assert not wrong, "\n\n".join(map(str, wrong))
    site.clear_faults()
    assert home.run("verify").status == 0


def test_an_interrupt_inside_an_import_ends_the_process_at_once(tmp_path: Path) -> None:
    """Libraries catch exceptions while they are imported: the interrupt would be lost."""
    (tmp_path / "swallows.py").write_text(
        "import os, signal\n"
        "try: os.kill(os.getpid(), signal.SIGINT)\n"
        "except BaseException: pass\n"
        "print('still here')\n"
    )
    program = ("import signal", "from cli.__main__ import _interrupt", "signal.signal(signal.SIGINT, _interrupt)")
    (tmp_path / "program.py").write_text("\n".join((*program, "import swallows")))
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "finarchive: interrupted\n")


def test_an_interrupt_outside_an_import_is_an_exception() -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupt(signal.SIGINT, sys._getframe())


def test_a_background_job_that_ignores_ctrl_c_goes_on_ignoring_it(home: Home) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import sys; sys.argv = ['finarchive', '--version']\n"
        "from cli.__main__ import main\n"
        "try: main()\n"
        "finally: print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True", done.stderr
