"""Daily manifests: a chained record of all observations that coreutils can check."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.files.layout import image_path, journal_path, manifests_path
from archive.files.manifest import Line, read_manifest, write_manifest
from archive.integrity.seal import adopt, seal
from archive.integrity.verify import verify
from archive.journal.warc import warc_files
from archive.model.image import StoredImage
from config.model import Settings
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.support.fetches import again, version
from tests.support.parsers import PARSERS
from tests.support.sealed_archive import DAY
from tests.support.sealed_archive import add_article as add

DOCUMENT = Path(__file__).parents[2] / "docs" / "proof.md"


def add_picture(archive: Archive, docid: str, at: datetime, data: bytes) -> Path:
    """Keep a picture of an article that is archived; return where its file is."""
    url = f"https://p.cn/{docid}-{data[:4].hex()}-{at:%H%M}.png"
    picture = StoredImage(url, at, hashlib.sha256(data).hexdigest(), "image/png", len(data))
    revision = archive.store.articles.revisions(docid)[-1]
    archive.store.articles.commit(
        [replace(again(version(replace(revision, number=1))), revision=None, pictures={url: "p.cn"})], [None]
    )
    path = image_path(picture.sha256, picture.media_type)
    archive.write_images({path: data})
    archive.store.images.commit([picture], [], at)
    return archive.root / path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of three days, of which two are sealed; an article was revised on the second."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        add(archive, "aaaa", DAY)
        add(archive, "bbbb", DAY + timedelta(minutes=1))
        assert seal(archive.root, archive.store, DAY + timedelta(hours=11)) == [], "the day is not over"
        assert seal(archive.root, archive.store, DAY + timedelta(hours=12)) == ["2026-09-28"]
        add(archive, "aaaa", DAY + timedelta(days=1), 2)
        assert seal(archive.root, archive.store, DAY + timedelta(days=2)) == ["2026-09-29"]
        assert seal(archive.root, archive.store, DAY + timedelta(days=2)) == [], "once"
        add(archive, "cccc", DAY + timedelta(days=2))
    return tmp_path / "news"


def named(root: Path) -> list[tuple[str, str]]:
    return [(problem.kind, problem.path) for problem in verify(root).problems]


def test_what_is_written_is_read_again() -> None:
    lines = [
        Line("0" * 64, "b/題 x.md", "b", "1", "t"),
        Line("1" * 64, "a.md", "a", "2", "u"),
        Line("2" * 64, "w.gz"),
    ]
    data = write_manifest("2026-09-28", ("2026-09-27", "f" * 64), lines)
    day, previous, read = read_manifest(data)
    assert (day, previous) == ("2026-09-28", ("2026-09-27", "f" * 64))
    assert sorted(read, key=str) == sorted(lines, key=str)
    assert write_manifest(day, previous, reversed(read)) == data, "the same whatever the order"


def test_a_sealed_archive_has_no_problem(root: Path) -> None:
    assert named(root) == []
    assert sorted(path.name for path in manifests_path(root).iterdir()) == ["2026-09-28.tsv", "2026-09-29.tsv"]


def test_an_unfinished_day_is_not_sealed(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        for hours, sealed in ((11, [None]), (12, ["2026-09-28"]), (35, ["2026-09-28", None])):
            known = archive.store.history.as_of("aaaa", DAY + timedelta(hours=hours))
            assert known is not None
            assert [revision.sealed for revision in known["revisions"]] == sealed


def test_what_is_observed_late_goes_into_the_next_manifest(root: Path) -> None:
    before = (manifests_path(root) / "2026-09-28.tsv").read_bytes()
    with Archive(root, "test", DAY) as archive:
        add(archive, "late", DAY)
        assert seal(archive.root, archive.store, DAY + timedelta(days=3)) == ["2026-09-30"]
    assert (manifests_path(root) / "2026-09-28.tsv").read_bytes() == before
    assert b"\tlate\t1\t2026-09-28T" in (manifests_path(root) / "2026-09-30.tsv").read_bytes()
    assert named(root) == []


def test_a_manifest_that_a_crash_left_without_its_rows_is_adopted(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        archive.store._db.execute("UPDATE revisions SET sealed = NULL WHERE sealed = '2026-09-29'")
        archive.store._db.execute("DELETE FROM manifests WHERE day = '2026-09-29'")
        before = (manifests_path(root) / "2026-09-29.tsv").read_bytes()
        assert seal(archive.root, archive.store, DAY + timedelta(days=2)) == []
    assert (manifests_path(root) / "2026-09-29.tsv").read_bytes() == before
    assert named(root) == []


@pytest.mark.parametrize("day", ["2026-09-28", "2026-09-29"])
@pytest.mark.parametrize("where", [5, 40, 60, 90, -90, -5])
def test_one_bit_of_a_manifest_is_named_and_nothing_else(root: Path, day: str, where: int) -> None:
    path = manifests_path(root) / f"{day}.tsv"
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    assert named(root) == [("tampered", f".finarchive/manifests/{day}.tsv")]


def test_a_missing_or_extra_manifest_is_named(root: Path) -> None:
    (manifests_path(root) / "2026-09-28.tsv").rename(manifests_path(root) / "2026-09-27.tsv")
    assert named(root) == [
        ("missing", ".finarchive/manifests/2026-09-28.tsv"), ("extra", ".finarchive/manifests/2026-09-27.tsv"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["backup.tsv", "2026-09-29 (copy).tsv", "2026-10-09.tsv", "folder.tsv"])
def test_what_is_no_manifest_of_its_name_is_named_and_disturbs_nothing(root: Path, name: str) -> None:
    stray = manifests_path(root) / name
    if name == "folder.tsv":
        stray.mkdir()
    else:
        stray.write_bytes((manifests_path(root) / "2026-09-29.tsv").read_bytes())
    with Archive(root, "test", DAY) as archive:
        assert seal(root, archive.store, DAY + timedelta(days=3)) == ["2026-09-30"]
    assert [problem.path for problem in verify(root).problems] == [f".finarchive/manifests/{name}"]


@pytest.mark.parametrize("name", ["finarchive-copy.warc.gz", "finarchive-20261001-copy.warc.gz", "notes.txt"])
def test_what_is_no_file_of_raw_pages_is_named_and_disturbs_nothing(root: Path, name: str) -> None:
    stray = journal_path(root) / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"somebody's")
    with Archive(root, "test", DAY) as archive:
        recover(archive, Settings(), DAY + timedelta(days=3), PARSERS)
    assert [(problem.kind, problem.path) for problem in verify(root).problems] == [
        ("extra", f".finarchive/warc/{name}")
    ]


def test_a_row_that_is_not_what_the_manifest_says_is_named(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        archive.store._db.execute(
            "UPDATE revisions SET fetched_at = '2026-09-28T00:00:00.000+00:00' WHERE docid = 'bbbb'"
        )
    assert set(named(root)) == {("index", ".finarchive/index.db")}


def test_a_picture_is_in_the_manifest_of_the_day_it_was_stored_and_no_other(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        late = DAY + timedelta(days=3)
        path = add_picture(archive, "bbbb", late, b"a picture")
        assert seal(archive.root, archive.store, late) == ["2026-09-30"], "its own day is not over"
        assert seal(archive.root, archive.store, late + timedelta(days=1)) == ["2026-10-01"]
        add_picture(archive, "bbbb", late + timedelta(days=1), b"a picture")
        assert seal(archive.root, archive.store, late + timedelta(days=2)) == [], "the same bytes are the same file"
    name = path.relative_to(root).as_posix()
    _, _, lines = read_manifest((manifests_path(root) / "2026-10-01.tsv").read_bytes())
    assert lines == [Line(path.stem, name)]
    assert named(root) == []
    assert run_command(root, 1) == (0, "")

    path.write_bytes(b"A picture")
    assert named(root) == [("tampered", name)]
    assert f"{name}: FAILED" in run_command(root, 1)[1]


def test_a_manifest_covers_a_picture_that_the_index_does_not_know(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        path = add_picture(archive, "bbbb", DAY + timedelta(days=3), b"a picture")
        seal(archive.root, archive.store, DAY + timedelta(days=4))
        archive.store._db.execute("DELETE FROM images")
    name = path.relative_to(root).as_posix()
    assert named(root) == [("extra", name)]
    path.unlink()
    assert named(root) == [("missing", name)]


def test_a_rebuilt_index_learns_from_the_manifests_which_pictures_are_sealed(root: Path) -> None:
    with Archive(root, "test", DAY) as archive:
        add_picture(archive, "bbbb", DAY + timedelta(days=3), b"a picture")
        add_picture(archive, "cccc", DAY + timedelta(days=3, minutes=1), b"a picture")
        seal(archive.root, archive.store, DAY + timedelta(days=4))
        rows = archive.store._db.execute("SELECT * FROM images").fetchall()
        archive.store._db.execute("UPDATE images SET sealed = NULL")
        archive.store._db.execute("DELETE FROM manifests")
        adopt(archive.root, archive.store)
        assert archive.store._db.execute("SELECT * FROM images").fetchall() == rows
        assert [row["sealed"] for row in rows] == ["2026-10-01"] * 2


def commands() -> list[str]:
    """The shell commands that the documentation shows."""
    return re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def run_command(root: Path, number: int) -> tuple[int, str]:
    done = subprocess.run(["bash", "-c", commands()[number]], cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("harm", ["a line less", "no file", "another file"])
def test_a_rebuild_does_not_trust_an_existing_manifest(root: Path, harm: str) -> None:
    path = manifests_path(root) / "2026-09-29.tsv"
    data = path.read_bytes()
    if harm == "no file":
        path.unlink()
    else:
        path.write_bytes(b"no manifest" if harm == "another file" else data[: data[:-1].rindex(b"\n") + 1])
    before = verify(root).problems
    assert [problem.path for problem in before] == [".finarchive/manifests/2026-09-29.tsv"]
    rebuild(root, 1 << 20, DAY)
    assert verify(root).problems == before
    path.write_bytes(data)
    assert verify(root).problems == ()


def test_the_documented_commands_find_nothing_wrong_with_a_good_archive(root: Path) -> None:
    assert len(commands()) == 2
    assert run_command(root, 0) == (0, "")
    assert run_command(root, 1) == (0, "")


def test_the_documented_commands_name_a_broken_chain_and_a_tampered_file(root: Path) -> None:
    path = manifests_path(root) / "2026-09-28.tsv"
    path.write_bytes(path.read_bytes().replace(b"bbbb\t1", b"bbbb\t2"))
    assert run_command(root, 0)[1] == "the chain breaks before .finarchive/manifests/2026-09-29.tsv\n"
    old = root / ".finarchive" / "history" / "金融" / "它's 一个 “题”_aaaa.1.md"
    old.write_text("tampered")
    status, words = run_command(root, 1)
    assert status != 0
    assert "_aaaa.1.md: FAILED" in words


def test_what_is_written_after_the_clock_was_ahead_does_not_change_a_sealed_file(tmp_path: Path) -> None:
    """Its file was sealed as one of the past; then the clock is right again."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        archive.begin_journal()
        add(archive, "aaaa", DAY)
        tomorrow = DAY + timedelta(days=1)
        finished = archive.leave_finished_files(tomorrow)
        assert seal(archive.root, archive.store, tomorrow, finished) == ["2026-09-28"]
    with Archive(tmp_path / "news", "test", DAY) as archive:
        recover(archive, Settings(), DAY, PARSERS)
        add(archive, "bbbb", DAY + timedelta(minutes=1))

    names = [path.name for path in warc_files(journal_path(tmp_path / "news"))]
    assert names == ["finarchive-20260928-0001.warc.gz", "finarchive-20260928-0002.warc.gz"]
    assert [problem for problem in verify(tmp_path / "news").problems if problem.kind == "tampered"] == []


def test_a_sealed_file_that_is_the_newest_is_not_resumed(tmp_path: Path) -> None:
    with Archive(tmp_path / "news", "test", DAY) as archive:
        archive.begin_journal()
        add(archive, "aaaa", DAY)
    with Archive(tmp_path / "news", "test", DAY, raw=False) as archive:
        assert seal(archive.root, archive.store, DAY + timedelta(days=1)) == ["2026-09-28"]
    with Archive(tmp_path / "news", "test", DAY) as archive:
        recover(archive, Settings(), DAY, PARSERS)
        add(archive, "bbbb", DAY + timedelta(minutes=1))

    assert len(warc_files(journal_path(tmp_path / "news"))) == 2
    assert [problem for problem in verify(tmp_path / "news").problems if problem.kind == "tampered"] == []


@pytest.mark.parametrize("raw", [True, False])
def test_the_torn_end_of_a_file_does_not_change_after_its_day_is_sealed(tmp_path: Path, raw: bool) -> None:
    """A crash has torn the last record; the next start is on another day."""
    root = tmp_path / "news"
    with Archive(root, "test", DAY) as archive:
        recover(archive, Settings(), DAY, PARSERS)
        add(archive, "aaaa", DAY)
    [path] = warc_files(journal_path(root))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    for days, keeps in ((1, raw), (2, True)):
        now = DAY + timedelta(days=days)
        with Archive(root, "test", now, raw=keeps) as archive:
            recover(archive, Settings(), now, PARSERS)
            add(archive, f"bb{days}", now)

    assert [problem for problem in verify(root).problems if problem.kind == "tampered"] == []
    assert (path.read_bytes() == whole) is raw


YEARS = timedelta(days=4 * 365)


def test_a_clock_that_was_years_ahead_holds_up_no_sealing(tmp_path: Path) -> None:
    """An article was archived and its day sealed while the clock was ahead."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        recover(archive, Settings(), DAY, PARSERS)
        add(archive, "aaaa", DAY)
        add(archive, "bbbb", DAY + YEARS)
        archive.leave_finished_files(DAY)
        assert seal(archive.root, archive.store, DAY + YEARS + timedelta(days=1)) == ["2026-09-28", "2030-09-27"]
    for number in range(1, 4):
        now = DAY + timedelta(days=number)
        with Archive(tmp_path / "news", "test", now) as archive:
            recover(archive, Settings(), now, PARSERS)
            add(archive, f"cc{number}", now)
            for path in warc_files(journal_path(archive.root)):
                os.utime(path, (now.timestamp(), now.timestamp()))
            assert seal(archive.root, archive.store, now, archive.leave_finished_files(now)) == []
            assert max(archive.store.manifests.roots()) == f"2030-09-{27 + number}"
            assert len(archive.store.manifests.unsealed(now + timedelta(days=1))) == 1, "that of today"
    assert named(tmp_path / "news") == []


def test_what_was_observed_with_a_clock_ahead_is_sealed_with_yesterday(tmp_path: Path) -> None:
    """No day was sealed meanwhile, so the names of the manifests do not move ahead."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        archive.begin_journal()
        add(archive, "bbbb", DAY + YEARS)
        picture = add_picture(archive, "bbbb", DAY + YEARS, b"\x89PNG")
        now = DAY + timedelta(days=1)
        assert seal(archive.root, archive.store, now, archive.leave_finished_files(now)) == ["2026-09-28"]
        add(archive, "cccc", now)
        assert seal(archive.root, archive.store, now, archive.leave_finished_files(now)) == []
    data = (manifests_path(tmp_path / "news") / "2026-09-28.tsv").read_bytes()
    paths = [line.path for line in read_manifest(data)[2]]
    assert len(paths) == 3
    assert picture.relative_to(tmp_path / "news").as_posix() in paths
    assert named(tmp_path / "news") == []


def test_the_next_manifest_that_a_killed_process_left_is_not_extra_and_another_one_is(root: Path) -> None:
    path = manifests_path(root) / "2026-09-30.tsv"
    newest = "2026-09-29", hashlib.sha256((manifests_path(root) / "2026-09-29.tsv").read_bytes()).hexdigest()
    path.write_bytes(write_manifest("2026-09-30", newest, []))
    assert named(root) == []
    path.write_bytes(write_manifest("2026-09-30", (newest[0], "0" * 64), []))
    assert named(root) == [("extra", ".finarchive/manifests/2026-09-30.tsv")]


def test_a_file_to_which_the_writer_appends_is_not_sealed(tmp_path: Path) -> None:
    """A fetch of yesterday is written after midnight, when the file of yesterday is sealed already."""
    with Archive(tmp_path / "news", "test", DAY) as archive:
        archive.begin_journal()
        add(archive, "aaaa", DAY)
        now = DAY + timedelta(days=1)
        finished = archive.leave_finished_files(now)
        add(archive, "bbbb", DAY + timedelta(minutes=1))
        seal(archive.root, archive.store, now, finished)
        assert archive.store.manifests.raw_files() == {"finarchive-20260928-0001.warc.gz"}
        add(archive, "cccc", DAY + timedelta(minutes=2))
    assert named(tmp_path / "news") == []
