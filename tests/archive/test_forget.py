"""``finarchive forget --secrets``: old journal files lose their secrets, and nothing else; verify says so."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr, replace

from archive.archive import Archive
from archive.integrity.forget import find_secrets, forget_secrets
from archive.integrity.verify import verify
from archive.journal.gzip_members import first_member, members, write_member
from archive.journal.journal import events
from archive.journal.tombstones import Rewrite
from archive.journal.warc import warc_files
from archive.model.fetch import Fetch, RawResponse
from config.model import Settings
from pipeline.recovery import recover
from tests.conftest import Home
from tests.support.fetches import make_fetch
from tests.support.killed_syncs import is_killed
from tests.support.parsers import PARSERS

DAY = datetime(2026, 9, 28, 4, tzinfo=UTC)
LATER = DAY + timedelta(days=1)
NOW = DAY + timedelta(days=60)
COOKIE, PASSWORD = "id=5ecre7", "cHJveHk6aHVudGVyMg"


def old_fetch(docid: str, body: bytes, at: datetime) -> Fetch:
    """A fetch as an earlier version recorded it, with secrets."""
    fetch = make_fetch(docid, at)
    headers = (("Content-Type", "text/html"), ("Set-Cookie", COOKIE), ("Set-Cookie", f"{COOKIE}; Path=/"))
    response = RawResponse(fetch.pending.entry.url, 200, (), body)
    # Past the rule that removes them when a response is made.
    force_setattr(response, "headers", (*headers, ("Location", f"http://user:{PASSWORD}@a.cn/"), ("Age", "3")))
    force_setattr(response, "request_headers", (("Proxy-Authorization", f"Basic {PASSWORD}"), ("Accept", "*/*")))
    return replace(fetch, response=response)


def append(root: Path, at: datetime, fetches: Sequence[Fetch]) -> None:
    """Record fetches; the next start applies them, and seals the day."""
    with Archive(root, "test", at) as archive:
        recover(archive, Settings(), at, PARSERS)
        bodies = archive.store.articles.positions([])
        archive.append_fetches(fetches, bodies)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of two sealed days with secrets, and a revisit."""
    root = tmp_path / "archive"
    page = b"<html><body><p>a page</p></body></html>"
    append(root, DAY, [old_fetch(f"a{number}", page + b"%d" % number * 50, DAY) for number in range(4)])
    append(root, DAY, [old_fetch("b", page, DAY), old_fetch("c", page, DAY)])
    append(root, LATER, [old_fetch("d", page, LATER)])
    append(root, NOW, [])
    assert len(list((root / ".finarchive" / "manifests").iterdir())) == 2
    assert verify(root).problems == ()
    return root


def forget(root: Path) -> list[Rewrite]:
    with Archive(root, "forget", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        return forget_secrets(archive, list(find_secrets(root)), NOW)


def files(root: Path) -> list[Path]:
    return warc_files(root / ".finarchive" / "warc")


def sealed_files(root: Path) -> list[Path]:
    """Without the one that tombstones are appended to."""
    return files(root)[:2]


def has_secrets(root: Path) -> bool:
    records = b"".join(data for path in files(root) for _, _, data in members(path))
    return COOKIE.encode() in records or PASSWORD.encode() in records


def offsets(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    return [(path.name, begin, end) for path in paths for begin, end, _ in members(path)]


def test_secrets_are_removed_and_no_record_moves(root: Path) -> None:
    old = sealed_files(root)
    before, read = offsets(old), list(events(root / ".finarchive" / "warc"))
    assert has_secrets(root)
    rewritten = forget(root)
    assert not has_secrets(root)
    assert offsets(old) == before
    assert list(events(root / ".finarchive" / "warc"))[: len(read)] == read, "all else is as it was"
    assert [(each.file, each.records) for each in rewritten] == [(old[0].name, 12), (old[1].name, 2)]
    assert rewritten[0].headers == {"location": 6, "proxy-authorization": 6, "set-cookie": 12}
    command = [sys.executable, "-m", "warcio.cli", "check", "-v", *map(str, files(root))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail" not in done.stdout.lower()


def test_verify_reports_rewritten_files_and_no_problem(root: Path) -> None:
    rewritten = forget(root)
    report = verify(root)
    assert report.problems == ()
    assert report.rewritten == tuple(rewritten)
    append(root, NOW + timedelta(days=1), [])  # which seals the tombstones
    assert verify(root).problems == ()
    assert forget(root) == [], "there is nothing left"


def test_a_rewritten_file_without_its_tombstone_is_tampered_with(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    forget(root)
    for old, new in zip(sealed_files(copy), sealed_files(root), strict=True):
        old.write_bytes(new.read_bytes())
    assert {problem.kind for problem in verify(copy).problems} == {"tampered"}


def test_a_tombstone_excuses_no_other_change(root: Path) -> None:
    forget(root)
    path = files(root)[0]
    path.write_bytes(path.read_bytes().replace(b"\x02\xff", b"\x02\x03", 1))  # gzip does not mind
    name = path.relative_to(root).as_posix()
    assert [(each.kind, each.path) for each in verify(root).problems] == [("tampered", name)]


def test_a_kill_at_any_step_leaves_an_archive_that_verifies_and_can_be_mended(root: Path, tmp_path: Path) -> None:
    old = {path: path.read_bytes() for path in sealed_files(root)}
    forget(root)
    new = {path: path.read_bytes() for path in old}
    for done in range(len(old)):  # the tombstones are there, and only some files are replaced
        for number, path in enumerate(old):
            path.write_bytes((new if number < done else old)[path])
        (root / ".finarchive" / "unfinished" / "left").write_bytes(b"half")
        assert verify(root).problems == ()
        assert len(forget(root)) == len(old) - done
        assert {path: path.read_bytes() for path in old} == new
        assert verify(root).problems == ()


def test_a_process_that_is_killed_before_any_sync_leaves_an_archive_that_verifies(root: Path, tmp_path: Path) -> None:
    copies = (tmp_path / str(number) for number in itertools.count(1))
    kills = 0
    while is_killed(partial(forget, copy := shutil.copytree(root, next(copies))), kills + 1):
        kills += 1
        assert verify(copy).problems == ()
        forget(copy)
        assert not has_secrets(copy)
        assert verify(copy).problems == ()
    assert not has_secrets(copy)
    assert kills > 4, "for each file: the copy, the tombstone and the folder"


@pytest.mark.slow
def test_the_command_shows_what_it_would_do_does_it_and_needs_the_lock(home: Home, root: Path) -> None:
    shutil.copytree(root, home.root)
    home.configure("http://127.0.0.1:9/")
    assert home.run("forget").status == 2
    dry = home.run("forget", "--secrets", "--dry-run", "--json")
    assert (dry.status, len(dry.json["found"]), dry.json["rewritten"]) == (0, 2, [])
    assert has_secrets(home.root)
    with Archive(home.root, "test", NOW):
        assert home.run("forget", "--secrets").status == 5
    done = home.run("forget", "--secrets")
    assert done.status == 0
    assert "secrets were removed from 12 records (location 6, proxy-authorization 6, set-cookie 12)" in done.out
    assert not has_secrets(home.root)
    assert "The raw pages have no secrets." in home.run("forget", "--secrets").out
    verified = home.run("verify")
    assert verified.status == 0
    assert verified.out.count("rewritten .finarchive/warc/finarchive-") == 2
    assert len(home.run("verify", "--json").json["rewritten"]) == 2
    assert home.run("rebuild").status == 0
    assert home.run("verify", "--deep").status == 0


def test_the_file_that_is_written_to_loses_its_secrets_and_no_tombstone(tmp_path: Path) -> None:
    append(tmp_path, NOW, [old_fetch("a", b"<p>page</p>", NOW)])
    rewritten = forget(tmp_path)
    assert len(rewritten) == 1
    report = verify(tmp_path)
    assert (report.problems, report.rewritten) == ((), tuple(rewritten))
    assert not has_secrets(tmp_path)
    append(tmp_path, NOW + timedelta(days=1), [])
    assert verify(tmp_path).problems == ()


@pytest.mark.parametrize("cookie", ["", "1", "ab", "a=1", "id=abcdef", "x" * 5000, "".join(map(chr, range(33, 126)))])
def test_a_record_fits_into_its_place_whatever_it_loses(tmp_path: Path, cookie: str) -> None:
    fetches = []
    for number in range(30):
        fetch = old_fetch(f"a{number}", b"", DAY + timedelta(seconds=number))
        force_setattr(fetch.response, "headers", (("Set-Cookie", cookie), ("Date", "today")))
        fetches.append(fetch)
    append(tmp_path, DAY, fetches)
    append(tmp_path, LATER, [])
    [found] = find_secrets(tmp_path)
    assert found.stuck == []
    assert len(forget(tmp_path)) == 1
    assert list(find_secrets(tmp_path)) == []
    assert verify(tmp_path).problems == ()


@given(st.binary(max_size=3000), st.integers(0, 5000))
def test_a_member_has_the_size_of_its_place(tmp_path_factory: pytest.TempPathFactory, rest: bytes, more: int) -> None:
    content = b"WARC/1.1\r\n" + rest
    least = next(size for size in range(20, 4000) if write_member(size, content))
    member = write_member(least + more, content)
    assert member is not None
    assert len(member) == least + more
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert stream.decompress(member) == content
    assert stream.eof
    assert not stream.unused_data
    path = tmp_path_factory.mktemp("member") / "file"
    path.write_bytes(b"torn" + member)
    assert first_member(path, 0) == 4
