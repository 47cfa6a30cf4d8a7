"""The command line: output of commands, and a clear line and the right exit status for each error."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, cli
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home, Outcome

Crawl = Callable[..., Outcome]
REPOSITORY = Path(__file__).parents[2]


def assert_refused(outcome: Outcome, status: int, *words: str) -> None:
    """One line on stderr, no traceback, the status."""
    assert outcome.status == status, outcome.err
    complaints = [line for line in outcome.err.splitlines() if line.startswith("finarchive: ")]
    assert len(complaints) == 1, outcome.err
    assert all(word in complaints[0] for word in words), complaints[0]
    assert "Traceback" not in outcome.err


def test_without_a_configuration_the_built_in_feeds_are_there(home: Home) -> None:
    feeds = home.run("feeds", "--json").json

    assert {"china", "usstock"} <= {feed["id"] for feed in feeds if feed["enabled"]}


def test_the_status_of_an_archive_before_its_first_poll(home: Home) -> None:
    home.begin()
    status = home.run("status", "--json").json
    assert (status["articles"], status["pending"], status["parked"], status["gaps"]) == (0, 0, 0, [])
    assert {feed["state"] for feed in status["feeds"]} == {"new"}


def test_status_has_the_fields_of_the_contract(home: Home, crawl: Crawl) -> None:
    crawl()

    (feed,) = home.run("status", "--json").json["feeds"]

    assert feed.keys() == {
        "id", "state", "reason", "since", "last_poll", "last_success", "newest",
        "entries", "archived", "pending", "parked", "last_sweep", "lateness",
        "heard_through", "heard_verified", "last_miss",
    }  # fmt: skip
    assert (feed["entries"], feed["archived"]) == (12, 12)
    assert feed["last_poll"] == feed["last_success"]


def test_show_finds_an_article_by_docid_and_by_path(home: Home, crawl: Crawl) -> None:
    crawl()
    file = home.files()[0]
    docid = file.stem.rpartition("_")[2]

    by_docid = home.run("show", docid, "--json").json

    assert by_docid["path"] == file.relative_to(home.root).as_posix()
    assert by_docid == home.run("show", str(file.relative_to(home.folder)), "--json").json
    assert by_docid == home.run("show", by_docid["path"], "--json").json
    shown = home.run("show", docid).out
    assert by_docid["title"] in shown
    assert by_docid["text"].splitlines()[0] in shown
    assert "<p>" not in by_docid["text"]


def test_show_has_the_text_that_search_searches(home: Home, crawl: Crawl, mocksite: MockSite) -> None:
    docid = mocksite.site.stories[0].docid
    promotion = "<!-- 期货推广begin --><p>期货开户就上样例期货</p><!-- 期货推广end -->"
    analysts = "<p>炒股就看金麒麟分析师研报，权威，专业，及时，全面，助您挖掘潜力主题机会！</p>"
    bodies = (f"{promotion}<p>　　样例银行上调利率。</p>{analysts}", f"<p>　　样例银行下调利率。</p>{promotion}")
    seen = []
    for body in bodies:
        mocksite.clock += 60
        mocksite.site.edit(docid, mocksite.clock, body=body)
        crawl()
        seen.append(home.rows(f"SELECT max(at) FROM observations WHERE docid = '{docid}'")[0][0])
    texts = [text for (text,) in home.rows(f"SELECT text FROM texts WHERE docid = '{docid}' ORDER BY number")]

    assert texts == ["样例银行上调利率。", "样例银行下调利率。"]
    assert home.run("show", docid, "--json").json["text"] == texts[1]
    assert home.run("show", docid, "--json", "--as-of", seen[0]).json["text"] == texts[0]
    assert "期货开户" not in home.run("show", docid).out
    assert home.run("search", "期货开户", "--json").json == []
    assert "期货开户" in (home.root / home.run("show", docid, "--json").json["path"]).read_text(encoding="utf-8")

    home.execute("DELETE FROM texts")  # as versions of older programs have none
    assert home.run("show", docid, "--json").json["text"] == texts[1]


def test_json_is_all_there_is_on_stdout(home: Home, crawl: Crawl) -> None:
    for outcome in (crawl(), home.run("status", "--json"), home.run("feeds", "--json"), home.run("retry", "--json")):
        json.loads(outcome.out)


def test_init_writes_a_configuration_that_changes_nothing_and_never_overwrites(home: Home) -> None:
    assert home.run("init").status == 0
    assert home.run("feeds", "--json").out == home.run("-c", "finarchive.toml", "feeds", "--json").out
    home.config.write_text("mine")

    assert_refused(home.run("init"), 2, "finarchive.toml is there already")
    assert home.config.read_text() == "mine"


def test_an_unknown_feed_is_refused_with_those_there_are(home: Home) -> None:
    home.configure("http://127.0.0.1:9/")
    assert_refused(home.run("crawl", "chian"), 2, "no feed is called chian", "feed1")


def test_every_mistake_of_a_configuration_is_reported_with_its_line(home: Home) -> None:
    home.config.write_text('[network]\ndelay = -1\nsped = 2\n[archive]\nprofile = "markdown"\n')

    outcome = home.run("crawl")

    assert outcome.status == 2
    assert [line.split(": ")[:-1][-2:] for line in outcome.err.splitlines()] != []
    for message in (
        "finarchive.toml:2: network.delay",
        "finarchive.toml:3: network.sped",
        "finarchive.toml:5: archive.profile",
    ):
        assert message in outcome.err


def test_a_root_that_cannot_be_made_is_refused(home: Home) -> None:
    (home.folder / "file").write_text("")
    home.configure("http://127.0.0.1:9/")
    assert_refused(home.run("crawl", FINARCHIVE_ARCHIVE_ROOT="file/news"), 2, "file/news cannot be written")
    assert_refused(home.run("crawl", FINARCHIVE_ARCHIVE_ROOT="/proc/news"), 2, "/proc/news cannot be written")


def test_an_index_that_is_no_database_is_refused_and_not_changed(home: Home, crawl: Crawl) -> None:
    crawl()
    index = home.root / ".finarchive" / "index.db"
    index.write_bytes(b"rubbish" * 1000)

    for command in ("crawl", "status"):
        assert_refused(home.run(command), 4, "index.db is damaged", "run finarchive rebuild")
    assert index.read_bytes() == b"rubbish" * 1000


def test_an_index_of_a_newer_program_is_refused(home: Home, crawl: Crawl) -> None:
    crawl()
    with sqlite3.connect(home.root / ".finarchive" / "index.db") as index:
        index.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('finarchive', 'm999', '')"
        )
    index.close()

    for command in ("crawl", "status"):
        assert_refused(home.run(command), 4, "written by a newer finarchive", "upgrade")


@pytest.mark.slow
def test_an_index_that_another_program_writes_to_is_waited_for_and_then_refused(home: Home, crawl: Crawl) -> None:
    crawl()
    index = sqlite3.connect(home.root / ".finarchive" / "index.db", isolation_level=None)
    index.execute("BEGIN IMMEDIATE")
    try:
        assert_refused(home.run("crawl"), 5, "index.db is locked by another program")
        assert home.run("status").status == 0  # who only reads need not wait
    finally:
        index.close()


@pytest.mark.slow
def test_a_second_crawl_of_the_same_archive_is_refused_while_the_first_runs(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("stall", match="doc-i", seconds=60)
    first = subprocess.Popen(
        home.command("-v", "crawl"), cwd=home.folder, env=home.env, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr is not None
    for line in first.stderr:
        if "polled feed=feed1" in line:
            break
    try:
        assert_refused(home.run("crawl"), 5, f"in use by process {first.pid} (finarchive crawl")
        assert home.run("status", "--json").json["pending"] == 12
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    mocksite.clear_faults()
    assert home.run("crawl", "--json").json["archived"] == 12


def test_no_network_is_one_line_and_status_3(home: Home) -> None:
    home.configure("http://nowhere.invalid/a", "http://nowhere.invalid/b")

    outcome = home.run("-q", "crawl")

    assert outcome.status == 3
    assert (
        "✗ 栏目1 (feed1), 栏目2 (feed2): the name nowhere.invalid could not be resolved: is there a network?"
        in outcome.out
    )
    assert "Traceback" not in outcome.err


def test_a_read_only_disk_is_refused(home: Home, small_disk: Path) -> None:
    home.configure("http://127.0.0.1:9/")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    outcome = home.run("crawl", FINARCHIVE_ARCHIVE_ROOT=str(small_disk / "news"))

    assert_refused(outcome, 2, "cannot be written (Read-only file system)")


@pytest.mark.slow
def test_a_full_disk_ends_the_crawl_and_loses_nothing(home: Home, small_disk: Path) -> None:
    with MockSite(make_stories(150, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        home.root = small_disk
        home.env |= {"FINARCHIVE_ARCHIVE_ROOT": str(small_disk), "FINARCHIVE_ARCHIVE_MIN_FREE": "0"}

        outcome = home.run("crawl")

        assert_refused(outcome, 1, "free some space")  # of a file or of the index, whichever met it first
        assert 0 < len(home.files()) < 150
        paths = {path.relative_to(home.root).as_posix() for path in home.files()}
        assert {path for (path,) in home.rows("SELECT path FROM revisions")} <= paths
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        assert home.run("crawl", "--json").json["pending"] == 0
        home.assert_whole()
        assert len(home.files()) == 150


@pytest.mark.slow
def test_an_index_that_cannot_grow_ends_the_crawl_and_loses_nothing(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    done = subprocess.run(
        home.command("crawl"), cwd=home.folder, env=home.env, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )  # fmt: skip

    assert_refused(Outcome(done.returncode, done.stdout, done.stderr), 1, "index.db")
    assert home.run("crawl", "--json").json["archived"] == 12
    home.assert_whole()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_and_is_documented(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert f"Example: finarchive {name}" in command.help
    text = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"finarchive {name}" in text
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert option in text, f"{name} {option}"


def test_each_command_is_a_module_of_its_own_and_help_lists_it(home: Home) -> None:
    modules = {path.stem for path in (REPOSITORY / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert modules == COMMANDS.keys()
    help_text = home.run("--help").out
    for name, (target, help_line) in COMMANDS.items():
        assert target == f"cli.commands.{name}:{name}_command"
        assert help_line in help_text


@pytest.mark.slow
def test_the_demo_can_be_run_again(home: Home) -> None:
    for archived in (60, 0):
        done = home.run("demo", "demo archive")
        assert (done.status, done.err) == (0, "")
        assert f"{archived} articles archived, 0 failed, 0 waiting" in done.out
        assert "60 files under demo archive" in done.out
        assert "--root 'demo archive' serve" in done.out
    days = {path.parent.parts[-3:] for path in (home.folder / "demo archive").rglob("*_n*.md")}
    assert len(days) in (5, 6)  # so that charts show something


def test_the_demo_leaves_a_folder_alone_that_has_something_else(home: Home, crawl: Crawl) -> None:
    crawl()
    before = home.run("status", "--json").json["feeds"]
    (home.folder / "file").write_text("text", encoding="utf-8")

    for folder in (home.root, home.folder, home.folder / "file"):
        assert_refused(home.run("demo", str(folder)), 2, f"{folder} is not empty and has no demo: name a new folder")
    assert home.run("status", "--json").json["feeds"] == before
    assert (home.folder / "file").read_text(encoding="utf-8") == "text"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("2026-11-29T09:30", "needs its zone, such as 2026-11-29T09:30+08:00"),
        (
            "2026-11-29+08:00",
            "is no time: write now, a day such as 2026-09-30, or a time such as 2026-09-30T09:30+08:00",
        ),
    ],
)
def test_a_time_without_its_zone_is_refused_with_advice_that_works(home: Home, given: str, message: str) -> None:
    assert_refused(home.run("search", "茅台", "--as-of", given), 2, f"{given!r} {message}")


def test_the_limit_of_open_files_is_raised_to_the_hard_limit() -> None:
    program = (
        "import atexit, resource, sys\n"
        "from cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))\n"
        "atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_NOFILE)))\n"
        "sys.argv = ['finarchive', '--version']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "(512, 512)", done.stderr


def test_too_many_open_files_are_named_so(home: Home) -> None:
    done = subprocess.run(
        home.command("crawl"), cwd=home.folder, env=home.env | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8)),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "too many open files" in done.stderr
    assert "ulimit -n" in done.stderr
