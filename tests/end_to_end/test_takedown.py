"""``finarchive forget ID``: of an article nothing is left but its tombstone, and nothing brings it back."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.integrity.removals import find_removals
from archive.integrity.takedown import forget_articles
from archive.integrity.verify import verify
from archive.journal.gzip_members import members
from archive.journal.warc import warc_files
from config.model import Settings
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.conftest import NEWEST, Home
from tests.support.images import illustrated
from tests.support.killed_syncs import is_killed
from tests.support.parsers import PARSERS

TITLE, FIRST, SECOND = "鼎鑫旧标题", "琥珀璀璨的第一稿", "翡翠玲珑的第二稿"
OWN, SHARED, OTHER = "/pictures/own.png", "/pictures/shared.png", "/pictures/other.png"
MAX_BODY = 8_388_608

pytestmark = pytest.mark.slow  # each test starts a few processes


class Site:
    """A mock site with three articles, and the archive of it: the first article has two versions."""

    def __init__(self, home: Home, mocksite: MockSite) -> None:
        self.home = home
        self.mocksite = mocksite
        self.docids = [story.docid for story in mocksite.site.stories]
        self.secret = self.docids[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = Home(tmp_path_factory.mktemp("takedown"))
    with MockSite(illustrated([OWN, SHARED], [SHARED], [OTHER])) as mocksite:
        site = Site(home, mocksite)
        home.configure(mocksite.endpoint, more="[archive]\nimages = true\n")
        pictures = f'<p><img src="{OWN}"><img src="{SHARED}"></p>'
        mocksite.site.edit(site.secret, mocksite.clock, title=TITLE, body=f"<p>　　{FIRST}。</p>{pictures}")
        assert home.run("crawl", "--json").json["archived"] == 3
        mocksite.clock += 60
        mocksite.site.edit(site.secret, mocksite.clock, title=f"{TITLE}改", body=f"<p>　　{SECOND}。</p>{pictures}")
        assert home.run("crawl", "--json").json["revised"] == 1
        seal(home.root)
        assert verify(home.root).problems == ()
        yield site


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A copy that a test may change."""
    home = Home(tmp_path)
    shutil.copy(made.home.config, home.config)
    shutil.copytree(made.home.root, home.root)
    return Site(home, made.mocksite)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=2)


def seal(root: Path) -> None:
    """Start as on another day, which seals the days before."""
    with Archive(root, "test", later()) as archive:
        recover(archive, Settings(), later(), PARSERS)


def forget(root: Path, docid: str) -> None:
    """Remove an article, in this process."""
    with Archive(root, "forget", later()) as archive:
        recover(archive, Settings(), later(), PARSERS)
        if plan := archive.store.forgotten.plan([docid], "court order", later()):
            forget_articles(archive, plan, later())


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file, as they are and decompressed."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path.read_bytes()
    for path in warc_files(root / ".finarchive" / "warc"):
        for offset, _, data in members(path):
            yield f"{path.name}:{offset}", data


def traces(root: Path) -> list[str]:
    """Where a word of the article is left, except in manifests, which do not change: in names, files or raw pages."""
    words = [word.encode() for word in (TITLE, FIRST, SECOND, FIRST[:2], SECOND[:2], TITLE[:2])]
    escaped = [word.encode("unicode_escape") for word in (TITLE, FIRST, SECOND)]
    found = [name for name, data in contents(root) if any(word in data for word in words + escaped)]
    found += [name for name, _ in contents(root) if TITLE in name]
    return [name for name in found if "/manifests/" not in name]


def assert_gone(site: Site) -> None:
    """Nothing of the article is left, and all else is as recorded, also in the raw pages."""
    root = site.home.root
    assert traces(root) == []
    assert verify(root).problems == ()
    report, unproven = verify_deep(root, MAX_BODY, later())
    assert (report.problems, unproven) == ((), 0)
    (tombstone,) = report.forgotten
    assert (tombstone["docid"], tombstone["reason"]) == (site.secret, "court order")
    assert [number for number, _, _ in tombstone["versions"]] == [1, 2]
    assert {path.name.rpartition("_")[2] for path in site.home.files()} == {
        f"{docid}.md" for docid in site.docids[1:]
    }


def test_traces_are_found_where_there_are_some(site: Site) -> None:
    found = traces(site.home.root)
    for place in (".finarchive/index.db", ".finarchive/history/", "金融/", "finarchive-"):
        assert any(name.startswith(place) for name in found), place


def test_nothing_is_left_but_the_tombstone_and_all_else_is_as_it_was(site: Site) -> None:
    home, root = site.home, site.home.root
    folder = root / ".finarchive"
    manifests = {path.name: path.read_bytes() for path in (folder / "manifests").iterdir()}
    others = {path: path.read_bytes() for path in home.files() if site.secret not in path.name}
    digests = [
        row[0] for row in home.rows(f"SELECT sha256 FROM revisions WHERE docid = '{site.secret}' ORDER BY number")
    ]
    images = len(list((folder / "images").rglob("*.png")))

    done = home.run("forget", site.secret, "--reason", "court order", "--yes")

    assert done.status == 0, done.err
    assert done.out == "Removed 1 article: 2 versions, 2 files, 1 image\n"
    assert_gone(site)
    assert {path: path.read_bytes() for path in others} == others
    assert {name: (folder / "manifests" / name).read_bytes() for name in manifests} == manifests
    assert len(list((folder / "images").rglob("*.png"))) == images - 1, "the shared picture stays"
    (forgotten,) = home.run("verify", "--json").json["forgotten"]
    assert [each["sha256"] for each in forgotten["versions"]] == digests
    assert all(digest.encode() in b"".join(manifests.values()) for digest in digests), "the chain still proves them"
    check = [sys.executable, "-m", "warcio.cli", "check", "-v", *map(str, warc_files(folder / "warc"))]
    assert "fail" not in subprocess.run(check, capture_output=True, text=True, check=True).stdout.lower()


def test_it_is_found_nowhere(site: Site) -> None:
    home = site.home
    assert home.run("search", FIRST[:4], "--as-of", "2999-01-01T00:00+08:00", "--json").json == []
    assert len(home.run("search", SECOND[:4], "--json").json) == 1
    forget(home.root, site.secret)
    for query in (FIRST[:4], SECOND[:4], TITLE, SECOND[:2], SECOND[0]):
        assert home.run("search", query, "--json").json == []
    assert len(home.run("search", "feed:feed1", "--json").json) == 2
    for command in (["show", site.secret], ["diff", site.secret]):
        refused = home.run(*command)
        assert refused.status == 2
        assert re.search(
            rf"{site.secret} was removed from the archive on \d{{4}}-\d\d-\d\d: court order", refused.err
        )
    exported = home.run("export", "jsonl")
    assert (exported.status, exported.out.count("\n"), site.secret in exported.out) == (0, 2, False)
    status = home.run("status", "--json").json
    assert (status["articles"], status["pending"], status["parked"]) == (2, 0, 0)
    assert [feed["archived"] for feed in status["feeds"]] == [2]


def test_a_rebuild_does_not_bring_it_back(site: Site) -> None:
    root = site.home.root
    forget(root, site.secret)
    before = {path: path.read_bytes() for path in site.home.files()}
    dry = rebuild(root, MAX_BODY, later(), dry_run=True)
    assert (dry.made, dry.changed, dry.unknown, dry.rows, dry.damaged) == ([], [], [], {}, [])
    (root / ".finarchive" / "index.db").unlink()
    for path in before:
        path.unlink()
    assert rebuild(root, MAX_BODY, later()).damaged == []
    assert {path: path.read_bytes() for path in site.home.files()} == before
    seal(root)
    assert_gone(site)


def test_a_list_that_still_has_it_does_not_bring_it_back(site: Site) -> None:
    home, mocksite = site.home, site.mocksite
    forget(home.root, site.secret)
    mocksite.clock += 3600
    mocksite.site.edit(site.secret, mocksite.clock, title=f"{TITLE}又改", body=f"<p>　　{FIRST}。</p>")
    mocksite.clear_hits()
    home.execute("UPDATE entries SET recheck = '2026-01-01T00:00:00.000+00:00' WHERE status = 'archived'")
    done = home.run("crawl", "--json")
    assert (done.status, done.json["archived"], done.json["revised"], done.json["failed"]) == (0, 0, 0, 0)
    assert not [hit.path for hit in mocksite.hits if site.secret in hit.path]
    assert home.run("retry", "--parked").status == 0
    assert home.run("crawl", "--json").json["archived"] == 0
    assert_gone(site)
    index = home.root / ".finarchive" / "index.db"
    index.unlink()
    rebuild(home.root, MAX_BODY, later())
    seal(home.root)
    assert_gone(site)


def test_what_a_kill_leaves_is_removed_by_the_next_start(site: Site, tmp_path: Path) -> None:
    kills, begun, original = 0, 0, site.home.root
    while True:
        copy = tmp_path / f"copy{kills}"
        shutil.copytree(original, copy)
        if not is_killed(partial(forget, copy, site.secret), kills + 1):
            break
        kills += 1
        site.home.root = copy
        assert verify(copy).problems == ()
        rebuild_first = kills % 2 == 0
        if rebuild_first:  # which may not bring back files of an article whose raw pages are still there
            rebuild(copy, MAX_BODY, later())
        seal(copy)  # any start
        if verify(copy).forgotten:
            begun += 1
            assert_gone(site)
        else:
            assert len(site.home.files()) == 3, "it was killed before anything was recorded"
        shutil.rmtree(copy)
    assert begun >= 4, "the tombstone, the files, the raw pages, the end"


def test_a_page_that_another_article_has_too_stays_for_it(home: Home) -> None:
    with MockSite(illustrated([OWN], [OTHER], [SHARED])) as mocksite:
        one, other, _ = (story.docid for story in mocksite.site.stories)
        home.configure(mocksite.endpoint)
        assert home.run("crawl", "--json").json["archived"] == 3
        for docid in (one, other):
            mocksite.clock += 60
            mocksite.site.delete(docid, mocksite.clock)
            early = "'2026-01-01T00:00:00.000+00:00'"
            home.execute(f"UPDATE entries SET recheck = {early} WHERE docid = '{docid}'")
            assert home.run("crawl", "--json").status == 0
    gone = home.rows("SELECT docid, digest FROM observations WHERE outcome = 'gone' ORDER BY id")
    assert len(gone) == 2
    assert gone[0][1] == gone[1][1], "the notice of deletion is the same page"
    first, second = gone[0][0], gone[1][0]
    dry = home.run("forget", first, "--reason", "court order", "--dry-run", "--json")
    assert dry.json["shared"] == [first]
    assert home.run("forget", first, "--reason", "court order", "--yes").status == 0
    assert home.run("verify", "--deep").status == 0
    assert home.rows("SELECT docid FROM entries WHERE gone IS NOT NULL") == [(second,)]
    assert home.run("rebuild").status == 0
    assert home.rows(f"SELECT outcome FROM observations WHERE docid = '{second}'") == [("first",), ("gone",)]


def test_a_feed_is_forgotten_as_a_whole_and_a_dry_run_changes_nothing(site: Site) -> None:
    home = site.home
    before = dict(contents(home.root))
    dry = home.run("forget", "--feed", "feed1", "--reason", "the publisher asks", "--dry-run", "--json").json
    assert {each["docid"] for each in dry["articles"]} == set(site.docids)
    assert (len(dry["files"]), sum(each["fetches"] for each in dry["raw"]), dry["dry_run"]) == (4, 4, True)
    shown = home.run("forget", "--feed", "feed1", "--reason", "the publisher asks", "--dry-run")
    assert shown.out.startswith("Would remove 3 articles: 4 versions, 4 files, 3 images\n")
    assert dict(contents(home.root)) == before
    done = home.run("forget", "--feed", "feed1", "--reason", "the publisher asks", "--yes", "--json")
    assert {each["docid"] for each in done.json["articles"]} == set(site.docids)
    assert home.files() == []
    assert list((home.root / ".finarchive" / "images").rglob("*.png")) == []
    assert [path for path in home.root.iterdir() if path.name != ".finarchive"] == [], "nor empty folders"
    assert home.run("verify", "--deep").status == 0
    again = home.run("forget", site.secret, "--reason", "once more", "--yes")
    assert (again.status, again.out) == (0, "These articles were removed before.\n")


USAGE = [
    ([], "say what to forget"),
    (["x", "--secrets"], "say what to forget"),
    (["{id}"], "--reason TEXT is missing"),
    (["{id}", "--reason", "  "], "--reason TEXT is missing"),
    (["{id}", "--reason", "two\nlines"], "--reason TEXT is missing"),
    (["{id}", "nothing", "--reason", "r", "--yes"], "has no article nothing: nothing was removed"),
    (["--feed", "other", "--reason", "r", "--yes"], "has no articles of a feed other: nothing was removed"),
    (["{id}", "--reason", "r"], "this cannot be undone: repeat it with --yes"),
]


def test_each_article_of_a_long_list_of_similar_ones_can_be_removed(home: Home) -> None:
    """There a stub takes more bytes than its entry, which shares most of them with other entries."""
    stories = make_stories(60, newest=NEWEST, every=7200)
    with MockSite(stories) as mocksite:
        home.configure(mocksite.endpoint)
        assert home.run("crawl", "--json").json["archived"] > 40

    stuck = [story.docid for story in stories for each in find_removals(home.root, [story.docid]) if each.stuck]
    assert stuck == []


def test_what_is_unclear_is_refused_and_changes_nothing(site: Site) -> None:
    before = dict(contents(site.home.root))
    for arguments, words in USAGE:
        done = site.home.run("forget", *(each.replace("{id}", site.secret) for each in arguments))
        assert (done.status, done.err.count("\n")) == (2, 1), arguments
        assert words in done.err
    assert dict(contents(site.home.root)) == before
    with Archive(site.home.root, "test", later()):
        assert site.home.run("forget", site.secret, "--reason", "r", "--yes").status == 5


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 130), (b"\n", 130), (b"y\n", 0)])
def test_on_a_terminal_it_asks(site: Site, answer: bytes, status: int) -> None:
    master, slave = pty.openpty()
    command = site.home.command("forget", site.secret, "--reason", "court order")
    with subprocess.Popen(
        command, cwd=site.home.folder, env=site.home.env, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.write(master, answer)
        _, err = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    assert process.returncode == status
    assert b"Remove 1 article for good? [y/N]: " in err
    assert len(site.home.files()) == (3 if status else 2)


def test_an_article_is_named_by_its_path_too(site: Site) -> None:
    path = next(path for path in site.home.files() if site.secret in path.name)
    assert site.home.run("forget", str(path), "--reason", "court order", "--yes").status == 0
    assert_gone(site)


def test_an_archive_without_raw_pages_forgets_too(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with MockSite(illustrated([OWN], [OTHER])) as mocksite:
        home.configure(mocksite.endpoint, more='[archive]\nraw = "none"\n')
        assert home.run("crawl", "--json").json["archived"] == 2
        secret = mocksite.site.stories[0].docid
        assert home.run("forget", secret, "--reason", "court order", "--yes").status == 0
        assert len(home.files()) == 1
        assert home.run("verify").status == 0
        assert home.run("rebuild").status == 0
        assert len(home.files()) == 1
        mocksite.clock += 60
        mocksite.site.edit(secret, mocksite.clock, title="又改", body="<p>又一次更正。</p>")
        assert home.run("crawl", "--json").json["archived"] == 0
        assert home.rows("SELECT docid FROM forgotten WHERE done IS NOT NULL") == [(secret,)]
