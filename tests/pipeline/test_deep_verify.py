"""`verify --deep` names any row of what was observed that was changed, taken away or added, and no other."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.integrity.seal import seal
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.deep_verify import verify_deep
from tests.conftest import NEWEST, Home

pytestmark = pytest.mark.slow  # each test reads the raw pages again, in processes of its own

INDEX = ".finarchive/index.db"
MISSING = "the row is missing: the raw pages have it"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with an edit, a deletion, an article that waits, and a day that is sealed; tests copy it."""
    home = Home(tmp_path_factory.mktemp("lived"))
    with MockSite(make_stories(6, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint)
        stories = mocksite.site.stories
        mocksite.fault("status", match=stories[5].path, status=503)
        assert home.run("crawl").status == 1
        mocksite.clock += 60
        mocksite.site.edit(stories[0].docid, mocksite.clock, title="改题", body="<p>改过的正文。</p>")
        mocksite.fault("status", match=stories[1].path, status=404)
        mocksite.site.edit(stories[1].docid, mocksite.clock)
        home.run("crawl")
    seal_all(home)
    return home


def seal_all(home: Home) -> None:
    """Let the day be over: only the manifests notice."""
    now = datetime.now(UTC)
    with Archive(home.root, "test", now) as archive:
        assert seal(archive.root, archive.store, now + timedelta(days=2))


@pytest.fixture
def archive(lived: Home, home: Home) -> Home:
    """A copy of it, to be tampered with."""
    os.system(f"cp -a {lived.folder}/. {home.folder}/")  # noqa: S605 - paths of pytest's
    return home


def named(home: Home) -> list[str]:
    """The problems of the index, by table and key."""
    done = home.run("verify", "--deep", "--json")
    assert {(problem["kind"], problem["path"]) for problem in done.json["problems"]} <= {("index", INDEX)}
    assert done.status == (4 if done.json["problems"] else 0), done.err
    return [problem["detail"] for problem in done.json["problems"]]


def test_an_archive_as_it_was_recorded_has_no_problem(archive: Home) -> None:
    done = archive.run("verify", "--deep", "--json")
    assert (done.status, done.json["problems"], done.json["unproven"]) == (0, [], 0), done.err
    assert "Everything is as recorded." in archive.run("verify", "--deep").out
    assert not (archive.root / ".finarchive" / "rebuild").exists()


def test_fingerprints_of_an_older_rule_are_not_compared_and_other_values_are(archive: Home) -> None:
    older = "UPDATE revisions SET fingerprint = '2:ab', story = 'cd'"
    archive.execute(older)
    assert named(archive) == []
    archive.execute("UPDATE revisions SET title = 'x' WHERE docid = 'nreplica0000002'")
    assert named(archive) == ["revisions docid=nreplica0000002 number=1: title differs from the raw pages"]


CHANGES = {
    "an entry's address": (
        "UPDATE entries SET url = 'https://a.cn/x' WHERE docid = 'nreplica0000002'",
        "entries docid=nreplica0000002: url differs from the raw pages",
    ),
    "when an entry was seen": (
        "UPDATE entries SET first_seen = '2020-01-01T00:00:00.000+00:00' WHERE docid = 'nreplica0000005'",
        "entries docid=nreplica0000005: first_seen differs from the raw pages",
    ),
    "an entry added": (
        "INSERT INTO entries (docid, url, first_seen, status) VALUES ('zzzz', 'https://a.cn/z', '2026', 'pending')",
        "entries docid=zzzz: the raw pages do not have this row",
    ),
    "an entry taken away": (
        "DELETE FROM entries WHERE docid = 'nreplica0000005'",
        "entries docid=nreplica0000005: the row is missing: the raw pages have it",
    ),
    "a listing taken away": (
        "DELETE FROM listings WHERE docid = 'nreplica0000003'",
        "listings feed=feed1 docid=nreplica0000003: the row is missing: the raw pages have it",
    ),
    "a listing added": (
        "INSERT INTO listings (feed, docid, ground) VALUES ('other', 'nreplica0000003', 0)",
        "listings feed=other docid=nreplica0000003: the raw pages do not have this row",
    ),
    "a version's title and story": (
        "UPDATE revisions SET title = 'x', story = 'y' WHERE docid = 'nreplica0000000' AND number = 1",
        "revisions docid=nreplica0000000 number=1: title, story differ from the raw pages",
    ),
    "a text": (
        "UPDATE texts SET text = replace(text, '改过', '没改') WHERE docid = 'nreplica0000000' AND number = 2",
        "texts docid=nreplica0000000 number=2: text differs from the raw pages",
    ),
    "a symbol added": (
        "INSERT INTO symbols VALUES ('sh600000', 'nreplica0000002', 1)",
        "symbols symbol=sh600000 docid=nreplica0000002 number=1: the raw pages do not have this row",
    ),
    "an observation": (
        "UPDATE observations SET evidence = 'x' WHERE outcome = 'gone'",
        "observations docid=nreplica0000001 at={at}: evidence differs from the raw pages",
    ),
    "an observation doubled": (
        """INSERT INTO observations SELECT id + 100, docid, at, outcome, revision, again, returned, given_up, kind,
           evidence, status, digest, file, "offset" FROM observations WHERE outcome = 'gone'""",
        "observations docid=nreplica0000001 at={at}: the number of copies differs from the raw pages",
    ),
    "a change taken away": (
        "DELETE FROM changes WHERE docid = 'nreplica0000001'",
        f"changes docid=nreplica0000001 feed=feed1 seen={{seen}}: {MISSING}",
    ),
    "an address added": (
        "INSERT INTO addresses (docid, until, url) VALUES ('nreplica0000002', '2026', 'https://a.cn/x')",
        "addresses docid=nreplica0000002 until=2026: the raw pages do not have this row",
    ),
    "a picture added": (
        "INSERT INTO images (url, host, status, attempts, due, first_seen) VALUES ('x', 'a', 'parked', 1, '', '')",
        "images url=x: the raw pages do not have this row",
    ),
    "position of applied fetches": (
        'UPDATE journal SET "offset" = "offset" + 1 WHERE writer = \'looks\'',
        "journal writer=looks: offset differs from the raw pages",
    ),
    "a sealed file": (
        "DELETE FROM sealed_files",
        "sealed_files file={file}: the row is missing: the raw pages have it",
    ),
}


@pytest.mark.parametrize("how", sorted(CHANGES))
def test_a_row_that_was_changed_added_or_taken_away_is_named_and_no_other(archive: Home, how: str) -> None:
    statement, expected = CHANGES[how]
    [(at,)] = archive.rows("SELECT at FROM observations WHERE outcome = 'gone'")
    [(seen,)] = archive.rows("SELECT seen FROM changes WHERE docid = 'nreplica0000001'")
    [(file,)] = archive.rows("SELECT file FROM sealed_files")
    archive.execute(statement)
    assert named(archive) == [expected.format(at=at, seen=seen, file=file)]


def test_without_deep_none_of_these_is_checked(archive: Home) -> None:
    archive.execute("UPDATE revisions SET title = 'x'")
    assert archive.run("verify").status == 0


def test_a_symbol_that_a_version_names_is_missed(archive: Home) -> None:
    [symbol, docid, number] = archive.rows("SELECT * FROM symbols ORDER BY 1, 2 LIMIT 1")[0]
    archive.execute(f"DELETE FROM symbols WHERE symbol = '{symbol}' AND docid = '{docid}'")
    assert named(archive) == [f"symbols symbol={symbol} docid={docid} number={number}: {MISSING}"]


def test_a_removed_text_is_named(archive: Home) -> None:
    archive.execute("DELETE FROM texts WHERE docid = 'nreplica0000000' AND number = 1")
    assert named(archive) == ["texts docid=nreplica0000000 number=1: the row is missing: the raw pages have it"]


def test_of_many_differing_rows_the_first_are_named_and_the_others_counted(
    archive: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive.integrity import index_diff

    monkeypatch.setattr(index_diff, "MAX_ROWS", 2)
    archive.execute("UPDATE texts SET text = 'x'")
    report, _ = verify_deep(archive.root, 8 << 20, datetime.now(UTC))
    assert [problem.detail.partition(":")[0] for problem in report.problems] == [
        "texts docid=nreplica0000000 number=1", "texts docid=nreplica0000000 number=2", "texts",
    ]  # fmt: skip
    assert "4 more rows" in report.problems[-1].detail


def test_records_that_a_crash_left_only_in_the_raw_pages_are_no_problem(
    home: Home, mocksite: MockSite, tmp_path: Path
) -> None:
    """The index of an earlier moment, as after a kill: the next start brings it up to date."""
    home.configure(mocksite.endpoint)
    assert home.run("crawl").status == 0
    index, earlier = home.root / INDEX, tmp_path / "earlier.db"
    shutil.copy(index, earlier)
    for story in make_stories(3, newest=NEWEST + 900, seed=3):
        mocksite.site.add(story)
    mocksite.clock += 2000
    mocksite.site.edit(mocksite.site.stories[-1].docid, mocksite.clock - 9, title="改题")
    assert home.run("crawl").status == 0
    assert home.rows("SELECT count(*) FROM revisions") == [(16,)]
    assert named(home) == []

    shutil.copy(earlier, index)
    assert home.rows("SELECT count(*) FROM revisions") == [(12,)]
    assert named(home) == []
    home.execute("UPDATE texts SET text = 'x' WHERE docid = 'nreplica0000004'")
    found = home.run("verify", "--deep", "--json").json["problems"]
    assert [problem["detail"] for problem in found if problem["kind"] == "index"] == [
        "texts docid=nreplica0000004 number=1: text differs from the raw pages"
    ]


def test_where_raw_pages_are_damaged_rows_are_not_compared(archive: Home) -> None:
    [path] = (archive.root / ".finarchive" / "warc").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    archive.execute("UPDATE texts SET text = 'x'")
    found = archive.run("verify", "--deep", "--json").json["problems"]
    assert [each["detail"] for each in found if each["kind"] == "index"] == [
        "its rows were not compared with the raw pages: they are damaged themselves"
    ]


def test_articles_archived_without_raw_pages_are_counted_and_no_problem(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more='[archive]\nraw = "none"')
    assert home.run("crawl").status == 0
    none = home.run("verify", "--deep", "--json")
    assert [each["detail"] for each in none.json["problems"]] == [
        "its rows were not compared with the raw pages: there are none"
    ]
    home.configure(mocksite.endpoint)
    for story in make_stories(2, newest=NEWEST + 900, seed=3):
        mocksite.site.add(story)
    mocksite.clock += 2000
    assert home.run("crawl").status == 0
    done = home.run("verify", "--deep", "--json")
    assert (done.status, done.json["problems"], done.json["unproven"]) == (0, [], 12)
    assert "nothing proves their rows: 12 articles" in home.run("verify", "--deep").out


def test_an_archive_in_use_is_not_compared(archive: Home) -> None:
    with Archive(archive.root, "test", datetime.now(UTC)):
        assert archive.run("verify", "--deep").status == 5
        assert archive.run("verify").status == 0
