"""What a new user does: the commands of the READMEs in a fresh clone, and the wheel in an empty environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST

# They install everything from the package index, and the first measures the time. Alone, because both load all cores.
pytestmark = [pytest.mark.slow, pytest.mark.timing]

ROOT = Path(__file__).parents[2]
MAX_DEMO_SECONDS = 60
# What a shell passes on: nothing of this process's virtual environment, and no settings.
INHERITED = ("LANG", "SSL_CERT_DIR", "SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has just logged in, with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    python = Path(sys.base_prefix) / "bin"
    return inherited | {"HOME": str(home), "PATH": f"{python}:{os.defpath}", "PYTHONUTF8": "1"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the project."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True)
    return folder


def test_the_commands_of_the_readme_print_what_it_says(
    clone: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Both READMEs have the same commands: tests/test_readme.py. `make test` only collects some tests here."""
    installed = environment | {"PATH": f"{clone / '.venv' / 'bin'}:{environment['PATH']}"}
    with MockSite(make_stories(60, newest=NEWEST), now=lambda: NEWEST + 3600) as site:
        # `finarchive crawl` would request the live site.
        config = tmp_path / "home" / "finarchive.toml"
        config.write_text(live_lists(site), encoding="utf-8")
        variables = {"FINARCHIVE_CONFIG": str(config), "PYTEST_ADDOPTS": "--collect-only -q tests/config"}
        for command, printed in prompts((ROOT / "README.md").read_text(encoding="utf-8")):
            began = time.monotonic()
            output = run(command, clone, (installed if command.startswith("finarchive") else environment) | variables)
            if command == "make demo":
                assert time.monotonic() - began < MAX_DEMO_SECONDS
                assert " INFO " not in output
                # The commands that the demo prints work as they are.
                search = next(line.partition(":")[2] for line in output.splitlines() if line.startswith("Search it:"))
                assert "消费" in run(search, clone, environment)
            if command != "make test":
                assert_printed(printed, output)


def test_the_wheel_is_complete(clone: Path, environment: dict[str, str], tmp_path: Path) -> None:
    environment_folder, wheels = tmp_path / "venv", tmp_path / "wheels"
    run(f"python3 -m venv {environment_folder}", clone, environment)
    environment["PATH"] = f"{environment_folder / 'bin'}:{environment['PATH']}"
    run(f"pip wheel --quiet --no-deps --wheel-dir {wheels} .", clone, environment)
    (wheel,) = wheels.iterdir()
    run("pip install --quiet uv", clone, environment)
    run(f"uv pip install --quiet --python {environment_folder / 'bin' / 'python'} {wheel}", clone, environment)
    shutil.rmtree(clone)  # nothing of the source may be needed

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "60 articles archived, 0 failed" in run("finarchive demo", empty, environment)
    assert "configuration" in run("finarchive help", empty, environment)
    assert run("finarchive help format", empty, environment).startswith("# The file format")
    assert (environment_folder / "share" / "man" / "man1" / "finarchive.1").exists()
    assert "_FINARCHIVE_COMPLETE" in run("finarchive completion bash", empty, environment)
    assert "[archive]" in run("finarchive init a.toml && cat a.toml", empty, environment)


def live_lists(site: MockSite) -> str:
    feeds = "".join(
        f'[[feeds]]\nid = "feed{n}"\nkind = "roll"\ncategories = ["金融", "栏目{n}"]\n'
        f'endpoint = "{site.endpoint}"\nlid = 1686\n'
        for n in range(15)
    )
    return f"[network]\ndelay = 0\nallow_private = true\n{feeds}"


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S602 - a user's shell, and commands of the repository
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def prompts(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a README with the lines that it prints there."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in block.split("$ ")[1:]:
            command, *lines = part.splitlines()
            yield command.partition("#")[0].strip(), lines


def assert_printed(lines: list[str], output: str) -> None:
    """Check that the lines are in an output, with other numbers; indented ones are examples."""
    shape = re.sub(r"\d+", "0", output)
    for line in lines:
        if line.strip() and not line.startswith("  "):
            for part in re.sub(r"\d+", "0", line).split("…"):
                assert part in shape, line
