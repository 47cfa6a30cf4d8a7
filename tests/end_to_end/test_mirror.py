"""``journal.mirror`` and ``finarchive follow``, over S3 and SFTP: while the daemon writes, and what they say."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from archive.mirror.replica import read_replica
from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_daemon import add_stories
from tests.support.daemon import Running
from tests.support.replicas import differences, files
from tests.support.s3_server import BUCKET, S3Server
from tests.support.sftp_server import SftpServer

pytestmark = pytest.mark.slow  # each test starts several processes

EVERY_SECOND = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "2s"\n'


@pytest.fixture
def s3(home: Home) -> Iterator[S3Server]:
    """An S3 server with a bucket, whose credentials are in the environment of ``home``."""
    with S3Server() as server:
        server.create_bucket()
        home.env |= server.environment
        yield server


def mirrored(home: Home, mocksite: MockSite, place: str, more: str = "") -> None:
    home.configure(mocksite.endpoint, more=f'[journal]\nmirror = "{place}"\n{more}')


def replica(home: Home, name: str = "replica") -> Path:
    return home.folder / name


def run(home: Home, *arguments: str, status: int = 0) -> str:
    done = home.run(*arguments)
    assert done.status == status, done.out + done.err
    return done.out + done.err


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_replica_is_seconds_behind_the_daemon(home: Home, mocksite: MockSite, s3: S3Server) -> None:
    place, target = f"s3://{BUCKET}/news", replica(home)
    mirrored(home, mocksite, place, f'{EVERY_SECOND}[archive]\nimages = "local"\n')
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        until(lambda: any(method == "PUT" and "/heads/" in path for method, path in s3.requests))
        following = Running(home, command=home.command("follow", place, "--root", str(target))).start()
        try:
            following.wait_for("followed sequence=")
            for number in range(3):
                docid, title = mocksite.site.stories[number].docid, f"改后的标题{number}"
                mocksite.clock += 60
                mocksite.site.edit(docid, mocksite.clock, title=title, body="<p>改后的正文。</p>")
                daemon.wait_for(f"revised feed=feed1 docid={docid}")
                until(partial(has_title, target, title), 15)
                found = json.loads(run(home, "search", title, "--json", "--root", str(target), "-q"))
                assert [each["docid"] for each in found] == [docid]
            refused = run(home, "crawl", "--root", str(target), "-q", status=2)
            assert f"is a replica, which only finarchive follow {place} changes" in refused
        finally:
            status = following.stop()
        assert status == 0
        assert daemon.stop() == 0
    run(home, "follow", place, "--root", str(target), "--once")
    assert differences(home.root, target) == []
    run(home, "verify", "--deep", "--root", str(target))


def has_title(root: Path, title: str) -> bool:
    """Whether a replica, which may not have an index yet, has a version with a title."""
    try:
        with closing(sqlite3.connect(f"file:{root}/.finarchive/index.db?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT 1 FROM revisions WHERE title = ?", [title]).fetchall())
    except sqlite3.OperationalError:
        return False


def test_archiving_goes_on_while_the_place_refuses_and_is_caught_up_with(
    home: Home, mocksite: MockSite, s3: S3Server
) -> None:
    place, target = f"s3://{BUCKET}/news", replica(home)
    mirrored(home, mocksite, place, EVERY_SECOND)
    s3.fault = lambda method, path: (403, "AccessDenied")
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        until(lambda: any("mirror-failed" in line for line in daemon.log))
        [line] = [line for line in daemon.log if "mirror-failed" in line]
        assert "AccessDenied by the test; check the credentials, and the rights of that place" in line
        assert "testing-secret" not in line
        s3.fault = lambda method, path: (507, "InsufficientStorage") if method == "PUT" else None
        daemon.wait_for("free some space there")
        s3.fault = lambda method, path: None
        daemon.wait_for("mirrored-again")
        assert daemon.stop() == 0
    run(home, "follow", place, "--root", str(target), "--once")
    assert differences(home.root, target) == []


def test_what_a_crawl_archives_and_forget_removes(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    place, target = f"file://{tmp_path}/mirror", replica(home)
    mirrored(home, mocksite, place)
    assert home.run("crawl", "--json").json["archived"] == 12
    run(home, "follow", place, "--root", str(target), "--once")
    assert differences(home.root, target) == []
    docid = mocksite.site.stories[0].docid
    (tmp_path / "mirror").rename(tmp_path / "away")
    (tmp_path / "mirror").write_text("no folder")
    refused = run(home, "forget", docid, "--reason", "court order", "--yes", status=1)
    assert "the mirror still has what was removed (" in refused
    assert "the daemon, or the next crawl, removes it there" in refused
    (tmp_path / "mirror").unlink()
    (tmp_path / "away").rename(tmp_path / "mirror")
    run(home, "crawl", "-q")
    run(home, "follow", place, "--root", str(target), "--once")
    assert differences(home.root, target) == []
    assert not [name for name in files(target) if docid in name]


def test_sftp_keeps_a_mirror(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / ".ssh").mkdir()
    home.env["HOME"] = str(tmp_path)
    with SftpServer(tmp_path / "served") as server:
        (tmp_path / ".ssh" / "known_hosts").write_text(server.known_host)
        mirrored(home, mocksite, server.address)
        for _ in range(2):
            run(home, "crawl", "-q")
            add_stories(mocksite, 2)
        run(home, "follow", server.address, "--root", str(replica(home)), "--once")
        assert differences(home.root, replica(home)) == []
        text = (home.root / ".finarchive" / "mirror.json").read_text()
        text += (replica(home) / ".finarchive" / "replica.json").read_text()
        assert "hunter2" not in text
        wrong = run(
            home,
            "follow",
            server.address.replace("hunter2", "wr0ng"),
            "--root",
            str(replica(home)),
            "--once",
            status=1,
        )
        assert "wr0ng" not in wrong


def test_what_cannot_be_done_is_refused(home: Home, mocksite: MockSite, s3: S3Server, tmp_path: Path) -> None:
    place = f"s3://{BUCKET}/news"
    mirrored(home, mocksite, place)

    def refuse(*arguments: str, status: int) -> str:
        done = home.run(*arguments)
        assert (done.status, done.out, done.err.count("\n")) == (status, "", 1), done.err
        return done.err

    follow = ("follow", place, "--once", "--root", str(replica(home)))
    assert "there is no mirror at s3://bucket/news: set journal.mirror" in refuse(*follow, status=4)
    assert not replica(home).exists()
    nowhere = refuse("follow", "s3://nobucket/news", "--once", "--root", str(replica(home)), status=4)
    assert "there is no mirror at s3://nobucket/news" in nowhere
    s3.fault = lambda method, path: (403, "InvalidAccessKeyId")
    assert "InvalidAccessKeyId by the test; check the credentials" in refuse(*follow, status=1)
    s3.fault = lambda method, path: None
    run(home, "crawl", "-q")
    assert "has an archive that is no replica" in refuse("follow", place, "--once", status=2)
    other = Home(tmp_path / "other")
    other.folder.mkdir()
    other.env = home.env
    mirrored(other, mocksite, place)
    done = other.run("crawl", "--json")
    assert done.json["archived"] == 12, "archiving goes on"
    assert "is the mirror of another archive" in done.err
    assert read_replica(home.root) is None


def test_what_status_doctor_and_verify_say(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    place = f"file://{tmp_path}/mirror"
    mirrored(home, mocksite, place)
    assert "is empty: finarchive run, or a crawl, fills it" in home.run("doctor").out
    run(home, "crawl", "-q")
    run(home, "follow", place, "--root", str(replica(home)), "--once")
    status = home.run("status", "--json").json["mirror"]
    assert (status["place"], status["age"], status["error"]) == (place, 0, None)
    assert f"mirror {place}: everything is copied" in run(home, "status")
    [check] = [each for each in home.run("doctor", "--json").json if each["name"] == "mirror"]
    assert (check["ok"], check["told"]) == (True, f"{place}: everything is copied")
    assert "replica of file://" not in run(home, "status")
    of_replica = run(home, "status", "--root", str(replica(home)))
    assert f"replica of {tmp_path}/mirror, as of 20" in of_replica
    assert "everything is copied" not in of_replica, "it copies nothing"
    assert home.run("status", "--json", "--root", str(replica(home))).json["replica"]["place"] == f"{tmp_path}/mirror"
    for root in (home.root, replica(home)):
        compared = home.run("verify", "--against", place, "--json", "--root", str(root))
        assert (compared.status, compared.json["files"], compared.json["difference"]) == (0, 1, None)
    assert "There is no difference." in run(home, "verify", "--against", place)
    [raw] = (replica(home) / ".finarchive" / "warc").glob("*.gz")
    data = raw.read_bytes()
    raw.write_bytes(data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
    different = run(home, "verify", "--against", place, "--root", str(replica(home)), status=4)
    assert f"DIFFERENT: the raw pages {raw.name} differ from byte 1000 on" in different
    assert "give it without --repair" in run(home, "verify", "--against", place, "--repair", status=2)

    (tmp_path / "mirror").rename(tmp_path / "away")
    (tmp_path / "mirror").write_text("no folder")
    add_stories(mocksite, 1)
    assert home.run("crawl", "--json").json["archived"] == 1
    assert f"mirror {place}: failing since " in run(home, "status")
    assert home.run("status", "--json").json["mirror"]["age"] >= 0
    assert "✗ mirror" in home.run("doctor").out


def test_a_full_disk_ends_a_first_copy_which_continues_when_there_is_room(
    home: Home, mocksite: MockSite, small_disk: Path, tmp_path: Path
) -> None:
    place, target = f"file://{tmp_path}/mirror", small_disk / "replica"
    mirrored(home, mocksite, place)
    run(home, "crawl", "-q")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_400_000))
    refused = run(home, "follow", place, "--once", "-q", "--root", str(target), status=1)
    assert "free some space, then run this again" in refused
    assert refused.count("\n") == 1
    filler.unlink()
    run(home, "follow", place, "--once", "-q", "--root", str(target))
    assert differences(home.root, target) == []


def test_a_replica_takes_over(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    """The archive is lost; its replica continues the mirror, and another replica follows."""
    place = f"file://{tmp_path}/mirror"
    mirrored(home, mocksite, place)
    run(home, "crawl", "-q")
    for name in ("one", "two"):
        run(home, "follow", place, "--root", str(replica(home, name)), "--once")
    shutil.rmtree(home.root)
    (replica(home, "one") / ".finarchive" / "replica.json").unlink()
    add_stories(mocksite, 3)
    done = home.run("crawl", "--json", "--root", str(replica(home, "one")))
    assert (done.status, done.json["archived"]) == (0, 3), done.err
    run(home, "follow", place, "--root", str(replica(home, "two")), "--once")
    assert differences(replica(home, "one"), replica(home, "two")) == []
