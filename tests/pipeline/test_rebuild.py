"""Rebuilding files and index from the raw pages: the same bytes and the same rows after any history."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support import processes
from tests.support.images import ON, local_pictures, stored

TABLES = (
    "entries", "listings", "revisions", "texts", "symbols", "changes", "observations", "images", "searchable",
    "addresses", "moves", "stated", "facts", "unlisted", "stock_names", "misses", "feeds", "sources", "spans",
    "settled", "lateness", "gaps", "rhythms", "rests", "containments", "unconfirmed", "journal",
    "listing_counts",
)  # fmt: skip
RECORD = TABLES[:16]  # observations; the others are the progress of reading lists
NUMBERED = ("changes", "observations", "unlisted", "gaps", "searchable", "moves", "misses")


def tree(home: Home) -> dict[str, bytes]:
    """Articles and their history."""
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in sorted(home.root.rglob("*.md"))
        if "unfinished" not in path.parts
    }


def index(home: Home, tables: tuple[str, ...] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table, without automatic numbers."""
    return {
        table: sorted(
            (row[1:] if table in NUMBERED else row for row in home.rows(f"SELECT * FROM {table}")), key=repr
        )
        for table in tables
    }


def vocabulary(home: Home) -> set[tuple[Any, ...]]:
    """Every searchable word, with its version, its column and its position."""
    connection = sqlite3.connect(home.root / ".finarchive" / "index.db")
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, instance)")
        return set(
            connection.execute(
                "SELECT term, docid, number, col, offset FROM temp.vocabulary JOIN searchable ON searchable.id = doc"
            )
        )
    finally:
        connection.close()


def lose(home: Home) -> None:
    """Take everything away but the raw pages, and the pictures, which are in no page."""
    for path in home.root.iterdir():
        if path.name != ".finarchive":
            shutil.rmtree(path)
    for path in (home.root / ".finarchive").iterdir():
        if path.name not in ("warc", "images"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(home: Home, *arguments: str) -> str:
    done = home.run(*arguments, timeout=200)
    assert done.status == 0, done.err
    return done.out


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    """A mock site that serves its own pictures."""
    with MockSite(local_pictures(make_stories(12, newest=NEWEST))) as running:
        yield running


@pytest.fixture
def lived(home: Home, mocksite: MockSite) -> Home:
    """An archive to which something has happened."""
    home.configure(mocksite.endpoint, more=ON)
    site = mocksite.site
    mocksite.fault("status", match=r"\.jpg", status=404)
    mocksite.fault("status", match=site.stories[5].path, status=503, times=1)
    assert home.run("crawl").status == 1
    mocksite.clock += 60
    site.edit(site.stories[0].docid, mocksite.clock, title="新标题", body="<p>新的正文。</p>")
    site.edit(site.stories[1].docid, mocksite.clock, title="又一个新标题")
    site.edit(site.stories[2].docid, mocksite.clock)
    mocksite.fault("status", match=site.stories[3].path, status=404)
    site.edit(site.stories[3].docid, mocksite.clock)
    for story in local_pictures(make_stories(5, newest=NEWEST + 900, seed=3)):
        site.add(story)
    mocksite.clock += 2000
    site.pages[site.stories[0].path] = b"<html><body>no article</body></html>"
    home.run("retry")
    home.run("crawl")
    mocksite.clear_faults()
    return home


@pytest.mark.slow
def test_what_is_lost_comes_back_byte_for_byte_and_row_for_row(lived: Home) -> None:
    files, rows, words = tree(lived), index(lived), vocabulary(lived)
    assert len([path for path in files if path.startswith(".finarchive/history/")]) == 2
    assert len(stored(lived)) > 1
    assert {row[2] for row in rows["images"]} == {"kept", "wanted"}
    assert {"新标", "标题", "题", "新的", "正文", "文"} <= {word[0] for word in words}
    found = run(lived, "search", "--json", "新标题 OR 服务 OR 正文")
    lose(lived)

    run(lived, "rebuild")

    assert tree(lived) == files
    assert index(lived) == rows
    assert vocabulary(lived) == words
    assert run(lived, "search", "--json", "新标题 OR 服务 OR 正文") == found
    document = json.loads(run(lived, "rebuild", "--json", "--dry-run"))
    assert (document["articles"], document["made"], document["changed"], document["rows"]) == (len(files), [], [], {})
    assert lived.run("crawl", "--json").json["archived"] == 0, "and later crawls continue as usual"


@pytest.mark.slow
def test_a_rebuild_that_is_killed_leaves_no_process_behind(lived: Home) -> None:
    marked = lived.env | {"MARKED": str(lived.folder)}
    killed = subprocess.Popen(lived.command("rebuild"), cwd=lived.folder, env=marked, stderr=subprocess.DEVNULL)
    while len(marked_processes(lived)) < 2 and killed.poll() is None:
        time.sleep(0.01)  # a moment is waited for, not a time
    assert killed.poll() is None, "it was over before its parser process was seen"
    killed.kill()
    killed.wait()
    while marked_processes(lived):
        time.sleep(0.01)  # the test's own time-out ends this


def marked_processes(home: Home) -> list[Path]:
    """Processes with a mark in their environment, and their children."""
    mark, found = f"MARKED={home.folder}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


@pytest.mark.slow
def test_a_dry_run_reports_what_would_change(lived: Home) -> None:
    files = tree(lived)
    spoilt, lost = lived.files()[:2]
    spoilt.write_bytes(b"spoilt")
    lost.unlink()
    (lived.root / "mine.md").write_text("mine")
    spoilt_name, lost_name = (path.relative_to(lived.root).as_posix() for path in (spoilt, lost))
    lived.execute("UPDATE revisions SET title = 'tampered' WHERE number = 2")

    document = json.loads(run(lived, "rebuild", "--json", "--dry-run"))
    assert (document["made"], document["changed"], document["unknown"]) == ([lost_name], [spoilt_name], ["mine.md"])
    assert document["rows"] == {"revisions": 4}, "two rows that are there and should not be, and two the other way"
    assert spoilt.read_bytes() == b"spoilt"

    assert json.loads(run(lived, "rebuild", "--json"))["changed"] == [spoilt_name]
    assert tree(lived) == files | {"mine.md": b"mine"}
    assert lived.rows("SELECT count(*) FROM revisions WHERE title = 'tampered'") == [(0,)]


@pytest.mark.slow
def test_articles_archived_without_raw_pages_are_kept(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more='[archive]\nraw = "none"')
    run(home, "crawl")
    assert not (home.root / ".finarchive" / "warc").exists()
    files, rows, words = tree(home), index(home), vocabulary(home)

    assert json.loads(run(home, "rebuild", "--json"))["taken_over"] == 12
    assert tree(home) == files
    assert index(home) == rows
    assert vocabulary(home) == words


@pytest.fixture
def mixed(home: Home, mocksite: MockSite) -> Home:
    """An archive whose first versions were archived without raw pages, and later ones with them."""
    stories = mocksite.site.stories
    home.configure(mocksite.endpoint, more='[archive]\nraw = "none"')
    run(home, "crawl")
    home.configure(mocksite.endpoint)
    for number in (2, 3):
        mocksite.clock += 60
        mocksite.site.edit(stories[0].docid, mocksite.clock, title=f"第{number}个标题", body=f"<p>{number}</p>")
        for story in local_pictures(make_stories(3, newest=NEWEST + 600 * number, seed=number)):
            mocksite.site.add(story)
        if number == 3:
            shutil.copy(home.root / ".finarchive" / "index.db", home.folder / "before.db")
        run(home, "crawl")
    return home


@pytest.mark.slow
def test_what_was_archived_without_raw_pages_stays_with_what_came_of_it_later(mixed: Home) -> None:
    files, rows, words = tree(mixed), index(mixed), vocabulary(mixed)
    assert len([path for path in files if path.startswith(".finarchive/history/")]) == 2
    assert mixed.run("verify", "--deep", "--json").json["problems"] == []

    assert json.loads(run(mixed, "rebuild", "--json"))["taken_over"] == 12
    assert tree(mixed) == files
    assert index(mixed) == rows
    assert vocabulary(mixed) == words


@pytest.mark.slow
def test_what_a_crash_left_to_the_journal_is_done_again_with_what_it_does_not_know(mixed: Home) -> None:
    files, rows, words = tree(mixed), index(mixed, RECORD), vocabulary(mixed)
    shutil.copy(mixed.folder / "before.db", mixed.root / ".finarchive" / "index.db")
    [second] = [path for path in files if path.endswith(".2.md")]
    newest = second.removeprefix(".finarchive/history/").removesuffix(".2.md") + ".md"
    (mixed.root / newest).write_bytes(files[second])  # as it was before the crash
    (mixed.root / second).unlink()

    run(mixed, "rebuild")
    assert tree(mixed) == files
    assert index(mixed, RECORD) == rows
    assert vocabulary(mixed) == words


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_without_a_readable_index_no_existing_file_is_lost(mixed: Home, damaged: bool) -> None:
    """The journal has only the later versions, and would number them from 1."""
    before = set(tree(mixed).values())
    for path in (mixed.root / ".finarchive").glob("index.db*"):
        path.unlink()
    if damaged:
        (mixed.root / ".finarchive" / "index.db").write_bytes(b"no database" * 1000)

    document = json.loads(run(mixed, "rebuild", "--json"))
    assert document["changed"]
    assert before <= set(tree(mixed).values())
    assert (mixed.root / ".finarchive" / "quarantine" / document["changed"][0]).exists()


@pytest.mark.slow
def test_a_damaged_raw_page_is_named_and_all_others_are_restored(lived: Home) -> None:
    [(offset, docid)] = lived.rows("SELECT \"offset\", docid FROM observations WHERE outcome = 'first' LIMIT 1")
    [path] = (lived.root / ".finarchive" / "warc").iterdir()
    data = bytearray(path.read_bytes())
    data[offset + 60] ^= 4
    path.write_bytes(data)
    files = tree(lived)
    lose(lived)

    done = lived.run("rebuild", "--json")
    assert done.status == 4
    assert done.json["damaged"] == [f"{path.name} cannot be read at byte {offset}"]
    assert {name for name in files if docid not in name} <= set(tree(lived))


@pytest.mark.slow
@pytest.mark.parametrize("table", ["texts", "observations", "feeds"])
def test_an_index_with_a_damaged_page_is_recreated(lived: Home, table: str) -> None:
    files, rows = tree(lived), index(lived, RECORD)
    [(page,)] = lived.rows(f"SELECT max(pageno) FROM dbstat WHERE name = '{table}'")
    with (lived.root / ".finarchive" / "index.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    result = lived.run("verify")
    assert "finarchive rebuild" in result.out + result.err
    run(lived, "rebuild")
    assert tree(lived) == files
    assert index(lived, RECORD) == rows
    assert (lived.root / ".finarchive" / "quarantine" / "index.db").exists(), "it is preserved for inspection"


@pytest.mark.slow
def test_an_index_that_another_program_holds_is_not_taken_for_a_damaged_one(lived: Home) -> None:
    files = tree(lived)
    holder = sqlite3.connect(lived.root / ".finarchive" / "index.db")
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    done = lived.run("rebuild")
    holder.rollback()
    holder.close()
    assert done.status == 5
    assert "index.db is locked by another program" in done.err
    assert tree(lived) == files
    assert not (lived.root / ".finarchive" / "quarantine").exists()


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["a bit", "the end", "the file"])
def test_what_the_raw_pages_have_lost_stays_as_it_is(lived: Home, harm: str) -> None:
    """Remove the first version of an article, or all later ones: a rebuild would number the others differently."""
    [(offset,)] = lived.rows(
        "SELECT \"offset\" FROM observations WHERE outcome = 'first' AND docid IN "
        "(SELECT docid FROM revisions WHERE number = 2) LIMIT 1"
    )
    files, rows = tree(lived), index(lived, RECORD)
    [path] = (lived.root / ".finarchive" / "warc").iterdir()
    data = bytearray(path.read_bytes())
    data[offset + 60] ^= 4
    if harm == "the file":
        path.unlink()
    else:
        path.write_bytes(data if harm == "a bit" else data[:offset])

    for _ in range(2):
        done = lived.run("rebuild", "--json")
        assert done.status == 4
        assert any(path.name in words for words in done.json["damaged"]), done.json["damaged"]
        assert tree(lived) == files
        after = index(lived, RECORD)
        assert {table for table in RECORD if after[table] != rows[table]} <= {"listings", "changes"}
    assert not (lived.root / ".finarchive" / "quarantine").exists()
    assert lived.run("crawl", "--json").json["feeds"][0]["error"] is None


@pytest.mark.slow
def test_a_crawl_after_the_index_was_lost_starts_from_the_raw_pages(lived: Home) -> None:
    files, rows = tree(lived), index(lived, RECORD)
    lose(lived)

    done = lived.run("crawl", "--json")
    assert "recovered records=" in done.err
    assert (done.json["archived"], done.json["feeds"][0]["new"]) == (0, 0)
    assert tree(lived) == files
    after = index(lived, RECORD)
    assert after["revisions"] == rows["revisions"]
    assert after["texts"] == rows["texts"]


@pytest.mark.slow
@pytest.mark.timeout(600)  # half a minute of both cores; several minutes on a loaded machine
@pytest.mark.parametrize("articles", [300, pytest.param(5000, marks=pytest.mark.long)])
def test_articles_with_edits_deletions_and_kills_come_out_the_same_twice(home: Home, articles: int) -> None:
    dice = random.Random(20)
    with MockSite(make_stories(articles, newest=NEWEST)) as mocksite:
        home.configure(mocksite.endpoint, more="[schedule]\npages = 150\nrechecks = 100000")
        stories = mocksite.site.stories
        for round_ in range(3):
            killed = processes.popen(
                home.command("crawl"),
                cwd=home.folder,
                env=home.env,
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            wanted = articles // 10 * (round_ + 1)
            while killed.poll() is None and len(mocksite.hits) < wanted:
                time.sleep(0.01)  # a moment is waited for, not a time
            killed.kill()
            killed.wait()
            mocksite.clear_hits()
            mocksite.clock += 60
            for story in dice.sample(stories, 40):
                mocksite.site.edit(story.docid, mocksite.clock, body=f"<p>第{round_}次修改。</p>")
            for story in dice.sample(stories, 10):
                mocksite.site.delete(story.docid, mocksite.clock)
        assert home.run("crawl", timeout=200).status in (0, 1)
        mocksite.clock += 60
        for story in dice.sample(stories, 40):
            mocksite.site.edit(story.docid, mocksite.clock, title=f"改题 {story.docid}")
        assert home.run("crawl", timeout=200).status in (0, 1)

    files, rows, words = tree(home), index(home, RECORD), vocabulary(home)
    assert len(home.files()) > articles - 100
    lose(home)
    run(home, "rebuild")
    assert tree(home) == files
    assert index(home, RECORD) == rows
    assert vocabulary(home) == words
    first = home.folder / "first"
    shutil.copytree(home.root, first)
    lose(home)
    run(home, "rebuild")
    same = subprocess.run(
        ["diff", "-r", "-x", "index.db*", "-x", "lock", first, home.root], capture_output=True, text=True, check=False
    )
    assert (same.returncode, same.stdout) == (0, "")
    assert Path(first).is_dir()


@pytest.mark.slow
def test_names_of_stocks_that_an_older_program_did_not_record_come_with_a_rebuild(lived: Home) -> None:
    names = index(lived, ("stock_names",))
    assert {row[3] for row in names["stock_names"]} >= {"贵州茅台", "微软"}
    assert all(named == 1 for (named,) in lived.rows("SELECT named FROM revisions"))
    lived.execute("DELETE FROM stock_names")
    problems = lived.run("verify", "--deep", "--json").json["problems"]
    assert any("stock_names" in problem["detail"] for problem in problems), "a row is lost"

    lived.execute("UPDATE revisions SET named = NULL")

    assert lived.run("verify", "--deep", "--json").json["problems"] == []
    run(lived, "rebuild")
    assert index(lived, ("stock_names",)) == names
