"""What the start of a command costs: the modules that it imports, and the completion of the shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.store import Store
from tests.conftest import Home
from tests.support.search_data import Story, put

REPOSITORY = Path(__file__).parents[2]
# What only other commands need.
HEAVY = (
    "asyncio",
    "scrapy",
    "twisted",
    "apprise",
    "pyarrow",
    "datasette",
    "uvicorn",
    "trafilatura",
    "mocksite",
    "web",
)
# What only writing, or an article without its text in the index, needs.
WRITING = ("pipeline", "warcio", "w3lib", "frontmatter", "yaml", "selectolax", "rapidfuzz", "nh3")
SETTINGS = ("pydantic", "config.model", "tomlkit")
INDEX = ("rich", "sqlite_utils", "sqlite3", "tomllib", "archive.store")


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive of one article, which is named by a configuration."""
    home = Home(tmp_path_factory.mktemp("archived"))
    home.begin()
    store = Store.open(index_path(home.root))
    put(store, [Story("aaaa", "茅台提价", "贵州茅台宣布提价。")])
    store.close()
    home.config.write_text('[archive]\nroot = "news"\n')
    return home


def run(home: Home, code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a new process, then ``code``."""
    program = (
        "import sys; from cli.__main__ import main; sys.argv = ['finarchive', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end:\n"
        "    if end.code: raise\n"
        f"{code}"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)} | env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


# The numbers are those of Python 3.11 and of the libraries in requirements.lock, and a tenth more.
@pytest.mark.parametrize(
    ("arguments", "unwanted", "most"),
    [
        (("--version",), (*HEAVY, *WRITING, *SETTINGS, *INDEX), 220),
        (("--help",), (*HEAVY, *WRITING, *SETTINGS, *INDEX), 175),
        (("status",), (*HEAVY, *WRITING, "tomlkit"), 510),
        (("show", "aaaa"), (*HEAVY, *WRITING, *SETTINGS), 415),
        (("search", "茅台"), (*HEAVY, *WRITING, *SETTINGS), 415),
    ],
)
def test_a_command_imports_only_what_it_needs(
    archived: Home, arguments: tuple[str, ...], unwanted: tuple[str, ...], most: int
) -> None:
    done = run(archived, "print(*sys.modules, file=sys.stderr)", *arguments)

    assert done.returncode == 0, done.stderr
    imported = done.stderr.split()
    assert [name for name in unwanted if name in imported] == []
    assert len(imported) <= most


def test_the_processes_of_a_rebuild_begin_without_the_command_line() -> None:
    code = "import sys, cli.__main__; sys.exit(any(name in sys.modules for name in ('cli.context', 'click')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def completed(home: Home, words: str, number: int) -> list[str]:
    """What bash is offered for the word of this number."""
    done = home.run(_FINARCHIVE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(number))
    return [line.partition(",")[2] for line in done.out.splitlines() if line]


def test_commands_are_completed_without_importing_them(archived: Home) -> None:
    assert completed(archived, "finarchive se", 1) == ["search", "serve", "service"]
    offered = completed(archived, "finarchive --", 1)
    assert {"--config", "--root", "--help"} <= set(offered)
    done = run(
        archived, "print(*sys.modules, file=sys.stderr)",
        _FINARCHIVE_COMPLETE="bash_complete", COMP_WORDS="finarchive ", COMP_CWORD="1",
    )  # fmt: skip
    assert [name for name in done.stderr.split() if name.startswith("cli.commands")] == []


def test_feeds_are_completed_by_the_ids_of_the_configuration(archived: Home) -> None:
    assert completed(archived, "finarchive crawl chi", 2) == ["chinaconcept", "china"]
    own = archived.folder / "own.toml"
    own.write_text('[[feeds]]\nid = "chips"\n')
    assert completed(archived, "finarchive -c own.toml crawl ch", 4) == ["chips"]
    own.write_text('[[feeds]]\nid = "chips"\n[[feeds]]\nextends = "builtin"\n')
    assert completed(archived, "finarchive -c own.toml coverage --feed ch", 5) == ["chips", "chinaconcept", "china"]
    own.write_text("no TOML")
    assert completed(archived, "finarchive -c own.toml backfill ch", 4) == []
