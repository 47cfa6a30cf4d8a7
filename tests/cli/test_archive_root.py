"""Which archive a command uses, and what it says if there is none."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, CREATING, cli
from cli.settings import find_source, load_settings
from cli.systemd_units import NAME
from config.errors import ConfigError
from mocksite.server import MockSite
from tests.cli.test_main import assert_refused
from tests.conftest import Home

# Commands that need no archive: they are about the configuration or the machine, or make an archive.
NEED_NONE = {"cluster", "completion", "doctor", "feeds", "fetcher", "help", "init", "restore", "service"}
ARGUMENTS = {
    "add": ("https://example.com/",),
    "compact": ("--older-than", "2y"),
    "backup": ("elsewhere",),
    "diff": ("x",),
    "export": ("jsonl",),
    "forget": ("--secrets",),
    "search": ("x",),
    "show": ("x",),
}
USES_AN_ARCHIVE = sorted(COMMANDS.keys() - CREATING - NEED_NONE)
# Commands that read the index; the others make it again, or need it only beside the raw pages.
NEEDS_AN_INDEX = sorted(set(USES_AN_ARCHIVE) - {"add", "backup", "forget", "rebuild", "retry"})


@pytest.mark.parametrize("name", USES_AN_ARCHIVE)
def test_without_an_archive_a_command_ends_and_creates_none(home: Home, name: str) -> None:
    outcome = home.run(name, *ARGUMENTS.get(name, ()))

    assert_refused(outcome, 2, f"there is no archive at {home.root} (root from the built-in default)")
    assert (outcome.out, len(outcome.err.splitlines())) == ("", 1)
    assert list(home.folder.iterdir()) == []


@pytest.mark.parametrize("name", NEEDS_AN_INDEX)
def test_an_archive_that_lost_its_index_is_not_taken_for_an_empty_one(home: Home, name: str) -> None:
    warc = home.root / ".finarchive" / "warc"
    warc.mkdir(parents=True)
    (warc / "2026-09-29.warc.gz").write_bytes(b"")

    outcome = home.run(name, *ARGUMENTS.get(name, ()))

    assert_refused(outcome, 4, "there is no index", "finarchive rebuild creates it from the raw pages")
    assert [path.name for path in home.root.rglob("*")] == [".finarchive", "warc", "2026-09-29.warc.gz"]


def test_a_folder_that_a_first_crawl_only_locked_holds_no_archive(home: Home) -> None:
    (home.root / ".finarchive" / "warc").mkdir(parents=True)
    (home.root / ".finarchive" / "lock").touch()
    assert_refused(home.run("status"), 2, f"there is no archive at {home.root} ")


def test_the_doctor_reports_a_missing_archive_and_where_its_root_is_from(home: Home) -> None:
    (check,) = [each for each in home.run("doctor", "--json").json if each["name"] == "index"]
    assert check["ok"]
    assert check["told"].startswith(f"there is no archive at {home.root} (root from the built-in default)")


def test_the_message_says_what_sets_the_root(home: Home) -> None:
    assert_refused(home.run("status", "--root", "other"), 2, f"at {home.folder}/other (root from --root)")
    outcome = home.run("status", FINARCHIVE_ARCHIVE_ROOT="other")
    assert_refused(outcome, 2, f"at {home.folder}/other (root from FINARCHIVE_ARCHIVE_ROOT)")
    home.config.write_text('[archive]\nbody = "clean"\n')
    assert_refused(home.run("status"), 2, "(root from the default, beside finarchive.toml)")
    home.config.write_text('[archive]\nbody = "clean"\nroot = "other"\n')
    assert_refused(home.run("status"), 2, f"at {home.folder}/other (root from finarchive.toml:3)")


@pytest.mark.slow
def test_a_root_in_a_file_is_relative_to_the_file(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more='[archive]\nroot = "here"\n')
    outside = home.folder / "elsewhere"
    outside.mkdir()

    assert home.run("-c", str(home.config), "crawl", "--json", forked=False).json["archived"] == 12
    home.folder = outside
    assert home.run("status", "--json", "-c", "../finarchive.toml").json["articles"] == 12
    assert list(outside.iterdir()) == []


def test_global_options_stand_before_or_after_the_command(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.config.rename(home.folder / "other.toml")

    done = home.run("crawl", "--json", "--root", "a", "-c", "other.toml", "-q")
    assert (done.json["archived"], done.err) == (12, "")
    assert "INFO archived feed=feed1" in home.run("--root=b", "-c", "other.toml", "crawl", "-v").err
    for arguments in (("--root", "a", "status"), ("status", "--root", "a"), ("--root=b", "status", "--root=b")):
        assert home.run(*arguments, "--json").json["articles"] == 12
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--root", "a", "crawl", "--root", "b"), "crawl takes one archive: name one --root instead of a, b"),
        (("-c", "a.toml", "-c", "b.toml", "status"), "-c is given twice, as a.toml and as b.toml"),
        (("-q", "status", "-v"), "-v and -q exclude each other"),
        (("demo", "--root", "a"), "demo does not take --root: name its folder after the command"),
        (("--root", "a", "demo"), "demo does not take --root: name its folder after the command"),
        (("service", "print", "--root", "a"), "service does not take --root: set FINARCHIVE_ARCHIVE_ROOT"),
    ],
)
def test_options_that_contradict_each_other_are_refused(home: Home, arguments: tuple[str, ...], message: str) -> None:
    outcome = home.run(*arguments)
    assert (outcome.status, message in outcome.err) == (2, True), outcome.err
    assert list(home.folder.iterdir()) == []


def test_every_command_says_which_options_are_global() -> None:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert "-c FILE, --root DIR, --utc, -v and -q" in command.get_help(click.Context(command, info_name=name))


# The service's archive


@pytest.fixture
def unit_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two folders for units, the more important first. The current folder is another one, without an archive."""
    folders = [tmp_path / "etc", tmp_path / "lib"]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    for variable in ("FINARCHIVE_ARCHIVE_ROOT", "FINARCHIVE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    return folders


def install(folder: Path, root: str, command: str = "/bin/finarchive run") -> Path:
    unit = folder / NAME
    unit.write_text(f"[Service]\nExecStart={command}\nEnvironment=FINARCHIVE_ARCHIVE_ROOT={root}\n")
    return unit


def test_without_a_configuration_readers_find_the_archive_of_the_service(unit_folders: list[Path]) -> None:
    install(unit_folders[1], "/srv/hidden")
    unit = install(unit_folders[0], "/srv/news")

    source = find_source(None, None, creates=False, unit_folders=unit_folders)

    assert load_settings(source).archive.root == Path("/srv/news")
    assert source.describe_root() == f"FINARCHIVE_ARCHIVE_ROOT in {unit}"


def test_a_drop_in_overrides_the_unit_and_hides_those_of_its_name(unit_folders: list[Path]) -> None:
    install(unit_folders[1], "/srv/news")
    for folder, name, root in [(1, "a", "/srv/a"), (1, "b", "/srv/b"), (0, "b", "/srv/other"), (0, "0", "/srv/0")]:
        drop_ins = unit_folders[folder] / f"{NAME}.d"
        drop_ins.mkdir(exist_ok=True)
        (drop_ins / f"{name}.conf").write_text(f"[Service]\nEnvironment=FINARCHIVE_ARCHIVE_ROOT={root}\n")

    source = find_source(None, None, creates=False, unit_folders=unit_folders)

    assert load_settings(source).archive.root == Path("/srv/other")


def test_the_configuration_of_the_service_is_used_with_its_archive(unit_folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[network]\ndelay = 3\n")
    install(unit_folders[0], "/srv/news", f"/bin/finarchive -c {tmp_path}/own.toml run")

    source = find_source(None, None, creates=False, unit_folders=unit_folders)

    settings = load_settings(source)
    assert (settings.archive.root, settings.network.delay) == (Path("/srv/news"), 3)
    (tmp_path / "own.toml").unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        find_source(None, None, creates=False, unit_folders=unit_folders)


def test_the_service_is_not_used_where_the_user_means_another_archive(
    unit_folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(unit_folders[0], "/srv/news")

    def root(config: Path | None = None, option: Path | None = None, *, creates: bool = False) -> Path:
        return load_settings(find_source(config, option, creates=creates, unit_folders=unit_folders)).archive.root

    assert root(creates=True) == Path("news")  # a crawl without a configuration archives in ./news
    assert root(option=Path("mine")) == Path("mine")
    Path("own.toml").touch()
    assert root(Path("own.toml")) == Path("news")
    Path("news/.finarchive").mkdir(parents=True)
    assert root() == Path("news")
    monkeypatch.setenv("FINARCHIVE_ARCHIVE_ROOT", "theirs")
    assert root() == Path("theirs")


def test_without_a_unit_or_with_a_masked_one_there_is_no_service(unit_folders: list[Path]) -> None:
    missing = find_source(None, None, creates=False, unit_folders=unit_folders)
    (unit_folders[0] / NAME).symlink_to("/dev/null")
    masked = find_source(None, None, creates=False, unit_folders=unit_folders)
    assert missing == masked
    assert load_settings(missing).archive.root == Path("news")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('finarchive', 'm999', '')",
            "newer finarchive",
        ),
        ("DELETE FROM _sqlite_migrations WHERE name LIKE 'm01%'", "cannot be upgraded to this version"),
    ],
)
def test_an_index_of_another_version_that_cannot_be_used_is_one_line_and_unchanged(
    home: Home, mocksite: MockSite, statement: str, message: str
) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl").status == 0
    home.execute(statement)
    before = home.rows("SELECT name, sql FROM sqlite_master")

    waits = {"tail"} if "DELETE" in statement else set()  # for the daemon to upgrade the index
    copies = {"backup"}  # the files as they are, whatever their version
    elsewhere = {"demo", "follow"}  # in another folder, or only in a replica
    for name in sorted({*USES_AN_ARCHIVE, *CREATING} - {"run"} - waits - copies - elsewhere):
        outcome = home.run(name, *{"backfill": ("feed1", "--from", "2026-09-01")}.get(name, ARGUMENTS.get(name, ())))
        assert outcome.status == 4, (name, outcome.err)
        lines = [line for line in outcome.err.splitlines() if line]
        assert len(lines) == 1, (name, lines)
        assert message in lines[0], name
    assert home.rows("SELECT name, sql FROM sqlite_master") == before
