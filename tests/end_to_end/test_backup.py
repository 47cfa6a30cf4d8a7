"""``finarchive backup`` and ``restore``: while the daemon writes, and what they say."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.backup.create import create_backup
from archive.backup.storage import open_storage
from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_daemon import add_stories
from tests.support.daemon import Running

pytestmark = pytest.mark.slow  # each test starts several processes

EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'


def restored(home: Home, root: Path) -> Home:
    """The same configuration, for the restored archive."""
    copy = Home(home.folder)
    copy.root = root
    copy.env = home.env | {"FINARCHIVE_ARCHIVE_ROOT": str(root)}
    return copy


def test_a_backup_while_the_daemon_writes_is_restored_whole(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    """After every second file that is copied the site changes, and the daemon archives that, before the next."""
    home.configure(mocksite.endpoint, more=EVERY_SECOND)
    docids = [story.docid for story in mocksite.site.stories]
    place = tmp_path / "backup"
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)

        def change(files: int) -> None:
            if files % 2 and files < 12:
                docid = docids[(files * 5) % len(docids)]
                mocksite.clock += 60
                text = f"<p>第{files}次更正的正文。</p>"
                mocksite.site.edit(docid, mocksite.clock, title=f"改后的标题{files}", body=text)
                add_stories(mocksite, 1)
                daemon.wait_for(f"revised feed=feed1 docid={docid}", "archived ")

        result = create_backup(home.root, open_storage(str(place)), datetime.now(UTC), on_progress=change)
        assert result.was_in_use
        assert daemon.stop() == 0
    done = home.run("restore", str(place), str(tmp_path / "restored"), "--json")
    assert done.status == 0, done.out + done.err
    assert (done.json["damaged"], done.json["problems"]) == ([], [])
    copy = restored(home, tmp_path / "restored")
    # The next start applies what the journal has and the index lacks.
    crawl = copy.run("crawl", "--json")
    assert crawl.status == 0, crawl.err
    assert "recovered records=" in crawl.err
    copy.assert_whole()
    for check in (["verify"], ["verify", "--deep"]):
        verified = copy.run(*check)
        assert verified.status == 0, verified.out
    query = "SELECT docid, number, sha256, title FROM revisions ORDER BY docid, number"
    assert copy.rows(query) == home.rows(query), "all that the daemon archived is in the journal, or on the site"


def test_what_the_commands_say(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl", "--json").json["archived"] == 12
    place = tmp_path / "backup"
    first = home.run("backup", str(place))
    assert first.status == 0, first.err
    assert first.out.startswith(f"{place}: snapshot 20")
    assert "of 14 files, " in first.out
    second = home.run("backup", str(place), "--keep", "1", "--json")
    assert (second.json["files"], second.json["new_objects"]) == (14, 0)
    names = home.run("backup", str(place), "--list", "--json").json
    assert names == [second.json["snapshot"]]
    assert home.run("backup", str(place), "--list").out == f"{names[0]}\n"
    checked = home.run("backup", str(place), "--verify")
    assert (checked.status, "Everything is as it was backed up." in checked.out) == (0, True)

    done = home.run("restore", str(place), str(tmp_path / "restored"))
    assert done.status == 0, done.err
    assert "14 files of snapshot" in done.out
    assert "Everything is as recorded." in done.out
    copy = restored(home, tmp_path / "restored")
    assert copy.run("crawl", "--json").json["archived"] == 0
    assert copy.run("verify", "--deep").status == 0

    largest = max(place.glob("objects/*/*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"?")
    damaged = home.run("backup", str(place), "--verify")
    assert damaged.status == 4
    assert "DAMAGED: " in damaged.out
    broken = home.run("restore", str(place), str(tmp_path / "again"))
    assert broken.status == 4
    assert "DAMAGED: " in broken.out


def test_what_cannot_be_done_is_refused(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    home.configure(mocksite.endpoint)
    place = tmp_path / "backup"

    def refuse(*arguments: str, status: int = 2) -> str:
        done = home.run(*arguments)
        assert (done.status, done.out, done.err.count("\n")) == (status, "", 1), done.err
        return done.err

    assert "there is no archive at" in refuse("backup", str(place))
    assert not place.exists()
    assert home.run("crawl").status == 0
    for inside in (home.root / "backup", home.root, home.folder):
        assert "are inside one another" in refuse("backup", str(inside))
    assert "there is no backup at" in refuse("restore", str(place), str(tmp_path / "x"))
    assert "there is no backup at" in refuse("backup", str(place), "--verify")
    assert home.run("backup", str(place)).status == 0
    other = refuse("restore", str(place), str(tmp_path / "x"), "--snapshot", "y")
    assert "has no snapshot y; the newest are 20" in other
    assert "exists and is not empty" in refuse("restore", str(place), str(home.root))
    assert "exclude each other" in refuse("backup", str(place), "--list", "--verify")
    assert "nothing://h/p: " in refuse("backup", "nothing://h/p", status=1)
    shutil.rmtree(place / "snapshots")
    (place / "snapshots").write_text("")
    assert str(place) in refuse("backup", str(place))
