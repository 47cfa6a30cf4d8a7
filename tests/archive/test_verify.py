"""``verify`` names exactly the files that are not as recorded, and repairs those that the raw pages contain."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.integrity.verify import verify
from archive.journal.gzip_members import members
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home

pytestmark = pytest.mark.slow  # each test runs the program a few times


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with a history, that tests copy."""
    home = Home(tmp_path_factory.mktemp("lived"))
    with MockSite(make_stories(6, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        assert home.run("crawl").status == 0
        mocksite.clock += 60
        mocksite.site.edit(mocksite.site.stories[0].docid, mocksite.clock, title="改题")
        assert home.run("crawl").status == 0
    return home


@pytest.fixture
def archive(lived: Home, home: Home) -> Home:
    """A copy of it, to be tampered with."""
    os.system(f"cp -a {lived.folder}/. {home.folder}/")  # noqa: S605 - paths of pytest's
    return home


def problems(home: Home, *options: str) -> list[tuple[str, str]]:
    done = home.run("verify", "--json", *options)
    found = [(problem["kind"], problem["path"]) for problem in done.json["problems"]]
    assert done.status == (4 if found else 0)
    return sorted(found)


def files(home: Home) -> list[Path]:
    """All files that verify must know about: articles, a superseded version, raw pages."""
    return sorted(path for path in home.root.rglob("*") if path.suffix in (".md", ".gz"))


def name(home: Home, path: Path) -> str:
    return path.relative_to(home.root).as_posix()


def flip(path: Path, at: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def test_an_archive_as_it_was_recorded_has_no_problem(archive: Home) -> None:
    done = archive.run("verify", "--json")
    assert (done.status, done.json) == (
        0,
        {"articles": 6, "files": 7, "problems": [], "rewritten": [], "forgotten": [], "anchors": [], "days": []},
    )
    assert "Everything is as recorded." in archive.run("verify").out


@pytest.mark.parametrize("number", range(8))
def test_one_bit_flipped_in_any_file_is_named_and_nothing_else(archive: Home, number: int) -> None:
    path = files(archive)[number]
    flip(path)
    kind = "warc" if path.suffix == ".gz" else "tampered"
    assert set(problems(archive)) == {(kind, name(archive, path))}


def raw_pages(home: Home) -> Path:
    [path] = (home.root / ".finarchive" / "warc").iterdir()
    return path


def record(kind: str, url: str) -> bytes:
    """A manifest written by another tool."""
    headers = (
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: {url}",
        "WARC-Date: 2026-09-30T00:00:00Z",
        "Content-Length: 2",
    )
    return gzip.compress("\r\n".join(("WARC/1.1", *headers, "", "{}", "", "")).encode())


def test_raw_pages_that_end_before_the_recorded_position_are_named(archive: Home) -> None:
    path = raw_pages(archive)
    ends = [end for _, end, _ in members(path)]
    for size in (each + more for each in reversed(ends[-12:-1]) for more in (3, 0)):
        os.truncate(path, size)
        assert {(each.kind, each.path) for each in verify(archive.root).problems} == {("warc", name(archive, path))}


def test_what_is_torn_behind_all_that_is_recorded_is_no_problem(archive: Home) -> None:
    """It is being written, or a crash has left it: the next start cuts it off."""
    path = raw_pages(archive)
    begin, end, _ = list(members(path))[-1]
    path.write_bytes(path.read_bytes() + path.read_bytes()[begin : (begin + end) // 2])
    assert verify(archive.root).problems == ()


@pytest.mark.parametrize("kind", ["metadata", "resource"])
def test_a_foreign_record_is_named_and_skipped(archive: Home, kind: str) -> None:
    path = raw_pages(archive)
    path.write_bytes(path.read_bytes() + record(kind, "urn:note"))
    [problem] = verify(archive.root).problems
    assert (problem.kind, problem.path) == ("warc", name(archive, path))
    assert f"not a record of finarchive: {kind} urn:note" in problem.detail
    assert archive.run("rebuild").status == 0


def test_a_copy_of_raw_pages_is_named(archive: Home) -> None:
    path = raw_pages(archive)
    copy = path.with_name(path.name.replace("-0001", "-0002"))
    copy.write_bytes(path.read_bytes())
    [problem] = verify(archive.root).problems
    assert (problem.kind, problem.path) == ("warc", name(archive, copy))
    assert f"a copy of {path.name}" in problem.detail


def test_a_file_whose_row_is_about_to_be_written_is_no_problem(archive: Home) -> None:
    archive.execute(
        "INSERT INTO entries (docid, first_seen, status, path) VALUES ('late', '2026-09-30', 'pending', 'a/late.md')"
    )
    late = archive.root / "a" / "late.md"
    late.parent.mkdir()
    late.write_text("news")
    assert verify(archive.root).problems == ()


@pytest.mark.parametrize("number", range(8))
def test_a_file_that_is_deleted_is_named_and_nothing_else(archive: Home, number: int) -> None:
    path = files(archive)[number]
    path.unlink()
    assert problems(archive) == [("missing", name(archive, path))]


def swap(home: Home) -> list[tuple[str, str]]:
    one, other = home.files()[:2]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return [("tampered", name(home, one)), ("tampered", name(home, other))]


def add(home: Home) -> list[tuple[str, str]]:
    (home.root / "金融" / "extra.md").write_text("extra")
    (home.root / ".finarchive" / "history" / "extra.md").write_text("extra")
    return [("extra", ".finarchive/history/extra.md"), ("extra", "金融/extra.md")]


def link(home: Home) -> list[tuple[str, str]]:
    path = home.files()[0]
    elsewhere = home.folder / "elsewhere.md"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    return [("missing", name(home, path))]


@pytest.mark.parametrize("tamper", [swap, add, link])
def test_what_is_swapped_added_or_linked_is_named(
    archive: Home, tamper: Callable[[Home], list[tuple[str, str]]]
) -> None:
    expected = sorted(tamper(archive))
    assert problems(archive) == expected


def test_an_inconsistent_index_is_named(archive: Home) -> None:
    archive.execute("DELETE FROM revisions WHERE number = 1 AND docid = 'nreplica0000000'")
    assert ("index", ".finarchive/index.db") in problems(archive)


def test_a_version_that_search_does_not_know_is_named(archive: Home) -> None:
    archive.execute("DELETE FROM searchable WHERE number = 1 AND docid = 'nreplica0000000'")
    assert problems(archive) == [("index", ".finarchive/index.db")]


def test_what_is_missing_or_tampered_with_is_mended_from_the_raw_pages(archive: Home) -> None:
    before = {path: path.read_bytes() for path in files(archive)}
    damaged, lost = archive.files()[:2]
    old = next((archive.root / ".finarchive" / "history").rglob("*.md"))
    flip(damaged)
    lost.unlink()
    flip(old)
    extra = archive.root / "extra.md"
    extra.write_text("mine")

    done = archive.run("verify", "--json", "--repair")
    assert done.status == 4
    assert sorted(done.json["repaired"]) == sorted(name(archive, path) for path in (damaged, lost, old))
    assert done.json["problems"] == [
        {"kind": "extra", "path": "extra.md", "detail": "the index has no record of this file"}
    ]
    assert {path: path.read_bytes() for path in before} == before
    assert (archive.root / ".finarchive" / "quarantine" / name(archive, damaged)).exists()
    extra.unlink()
    assert problems(archive) == []


@pytest.mark.parametrize("command", [("verify", "--repair"), ("rebuild",)])
def test_everything_in_the_place_of_an_article_is_preserved(archive: Home, command: tuple[str, ...]) -> None:
    path, other = archive.files()[:2]
    kept = archive.root / ".finarchive" / "quarantine"
    for note in (b"one", b"two", b"three"):
        path.write_bytes(note)
        other.unlink()
        other.mkdir()
        if command == ("rebuild",):  # which preserves existing files only if no index records them
            (archive.root / ".finarchive" / "index.db").unlink()
        assert archive.run(*command).status == 0
    found = [each.read_bytes() for each in kept.rglob("*.md") if each.is_file()]
    assert sorted(found) == [b"one", b"three", b"two"]
    assert len([each for each in kept.rglob("*.md") if each.is_dir()]) == 3
    assert problems(archive) == []


def test_where_the_index_is_lost_it_says_what_to_do(archive: Home) -> None:
    (archive.root / ".finarchive" / "index.db").unlink()
    done = archive.run("verify")
    assert done.status == 4
    assert "index.db: finarchive rebuild creates it" in done.err
    assert archive.run("rebuild").status == 0
    assert problems(archive) == []
