"""Anchoring roots: each kind by its real child process, failures in words without secrets, an end in time."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.archive import Archive
from archive.files.layout import manifests_path
from archive.integrity.anchor_check import Trust
from archive.integrity.seal import seal
from archive.integrity.verify import verify
from archive.model.errors import ProofError
from archive.proof import minisign, open_timestamps, rfc3161
from config.model import Settings
from scheduler.anchors import anchor_process, renewal
from scheduler.anchors.anchorer import Anchorer
from scheduler.anchors.renewal import Renewal, anchors_of, renew
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY, CrawlContext, RunPolicy, one_off_policy
from tests.support.calendar_server import HEIGHT, CalendarServer
from tests.support.parsers import PARSERS
from tests.support.sealed_archive import DAY, DAYS, add_article, make_sealed_archive, root_of
from tests.support.time_stamping import Authority, Certificates

NEWEST = DAYS[-1]
FAST = Clock(lambda: DAY + timedelta(days=3), speed=6000.0)  # a minute takes ten milliseconds


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def authority(certificates: Certificates) -> Iterator[Authority]:
    with Authority(certificates) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_sealed_archive(tmp_path / "news")
    return tmp_path / "news"


@pytest.fixture(autouse=True)
def _no_configuration_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def settings(*anchors: str, **more: Any) -> Settings:
    return Settings.model_validate({"proof": {"anchors": anchors, **more}})


def anchored(root: Path, *anchors: str, **more: Any) -> list[Renewal]:
    """Anchor the newest root once at each place."""
    newest = (NEWEST, root_of(manifests_path(root), NEWEST))

    async def run() -> list[Renewal]:
        return [
            each
            for anchor in anchors_of(settings(*anchors, **more).proof)
            for each in await renew(root, newest, anchor)
        ]

    return asyncio.run(run())


def failure(root: Path, *anchors: str, **more: Any) -> str:
    """The reason why an anchor fails; nothing is written, and nothing secret said."""
    before = sorted(manifests_path(root).iterdir())
    [renewed] = anchored(root, *anchors, **more)
    assert renewed.failure is not None
    assert "hush" not in str(renewed)
    assert sorted(manifests_path(root).iterdir()) == before
    return renewed.failure


def evidence(root: Path, pattern: str = "*.json") -> bytes:
    [path] = manifests_path(root).glob(pattern)
    return path.read_bytes()


def test_an_anchor_does_not_show_what_it_sends() -> None:
    [anchor] = anchors_of(settings("git:https://me:hush@git.example.org/me/roots.git").proof)
    assert "hush" in anchor.request["address"]
    assert "hush" not in f"{anchor!r} {anchor}"


# Time-stamping authorities


def test_a_time_stamp_is_kept_and_verified(root: Path, authority: Authority) -> None:
    tsa = authority.certificates.ca
    [done] = anchored(root, f"rfc3161:{authority.url}", certificates=str(tsa))
    assert (done.change, done.failure, done.day) == ("anchored", None, NEWEST)
    report = verify(root, trust=Trust(certificates=tsa.read_bytes()))
    assert report.problems == ()
    assert None not in {day.since for day in report.proof.days}
    assert authority.requests[0]["Authorization"] == "Basic bmFtZTpodXNo"
    assert authority.requests[0]["Content-Type"] == "application/timestamp-query"
    assert anchored(root, f"rfc3161:{authority.url}") == [], "once for each root"
    assert len(authority.requests) == 1


@pytest.mark.slow
def test_an_answer_that_is_no_proof_is_not_kept(root: Path, authority: Authority, tmp_path: Path) -> None:
    place = f"rfc3161:{authority.url}"
    right = authority.answer
    for answer, reason in (
        (lambda query: b"<html>hush</html>", "not a time-stamp response"),
        (lambda query: b"", "not a time-stamp response"),
        (lambda query: bytes(100_000), "more than 65536 bytes"),
    ):
        authority.answer = answer
        assert reason in failure(root, place)
    authority.answer = lambda query: right(rfc3161.make_request(b"another").data)
    assert "about another root" in failure(root, place)
    manifest = (manifests_path(root) / f"{NEWEST}.tsv").read_bytes()
    authority.answer = lambda query: right(rfc3161.make_request(manifest).data)
    assert "another nonce" in failure(root, place)
    authority.answer = right
    other = Certificates(tmp_path, "other")
    assert "do not confirm" in failure(root, place, certificates=str(other.ca))
    assert "cannot be read" in failure(root, place, certificates=str(tmp_path / "none.pem"))
    assert "no certificates" in failure(root, place, certificates=str(manifests_path(root) / f"{NEWEST}.tsv"))


def test_a_server_that_refuses_redirects_or_is_away_is_named_without_its_address(
    root: Path, authority: Authority
) -> None:
    authority.status = 503
    assert failure(root, f"rfc3161:{authority.url}") == "the server answered with status 503"
    authority.status, authority.headers = 302, {"Location": "http://127.0.0.1:9/hush"}
    assert failure(root, f"rfc3161:{authority.url}") == "the server answered with status 302"
    assert "cannot be reached (Connection refused)" in failure(root, "rfc3161:http://me:hush@127.0.0.1:9/hush")
    assert "TLS" in failure(root, f"rfc3161:{authority.url.replace('http:', 'https:')}")
    assert "cannot be reached" in failure(root, "rfc3161:http://away.invalid/hush")


# OpenTimestamps


def test_a_calendar_is_asked_again_until_it_has_a_block(root: Path) -> None:
    with CalendarServer() as calendar:
        place = f"opentimestamps:{calendar.url}"
        [done] = anchored(root, place)
        assert done.change == "anchored"
        assert [each.state for each in verify(root).proof.anchors] == ["pending"]
        assert anchored(root, place) == []
        headers = calendar.mine(1_790_800_000)
        [done] = anchored(root, place)
        assert (done.change, done.day) == ("confirmed", NEWEST)
        asked = len(calendar.requests)
        assert anchored(root, place) == []
        assert len(calendar.requests) == asked, "a proof with a block is complete"
    report = verify(root, trust=Trust(block_headers=headers.encode()))
    assert report.problems == ()
    assert {day.since.timestamp() for day in report.proof.days if day.since} == {1_790_800_000}
    assert f"block {HEIGHT}" in report.proof.anchors[0].detail


def test_a_calendar_cannot_send_requests_elsewhere(root: Path, authority: Authority) -> None:
    """Its answer names where to ask again: any address of the local network, if it likes."""
    with CalendarServer() as calendar, CalendarServer() as inner:
        take = calendar.take
        calendar.take = lambda digest, uri="": take(digest, inner.url)  # type: ignore[method-assign]
        place = f"opentimestamps:{calendar.url}"
        anchored(root, place)
        assert anchored(root, place) == []
        assert inner.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("answer", [b"", b"<html>hush</html>", bytes(100_000), b"\xff" * 5000])
def test_a_calendar_whose_answer_is_no_proof_is_left_out(root: Path, answer: bytes) -> None:
    with CalendarServer() as calendar:
        calendar.answer = answer
        assert failure(root, f"opentimestamps:{calendar.url}").startswith("no calendar has answered: ")
    assert "cannot be reached" in failure(root, "opentimestamps:http://127.0.0.1:9/hush")


@pytest.mark.slow
def test_a_calendar_that_hangs_or_fails_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor_process, "CALENDARS_TIMEOUT_SECONDS", 1.0)
    goes_on = threading.Event()

    def hangs() -> bytes:
        goes_on.wait()
        return b"too late"

    def fails() -> bytes:
        raise ProofError("away")

    started = time.monotonic()
    assert anchor_process.collect_answers({"a": hangs, "b": fails, "c": lambda: b"proof"}) == {
        "b": "away",
        "c": b"proof",
    }
    assert 1.0 <= time.monotonic() - started < 30
    goes_on.set()


def test_the_addresses_of_the_public_calendars_are_those_of_the_library() -> None:
    assert len(open_timestamps.CALENDARS) >= 3
    assert all(calendar.startswith("https://") for calendar in open_timestamps.CALENDARS)


# git


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "roots.git"
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    return folder


def other_commit(remote: Path, name: str, content: str) -> str:
    """Somebody else pushes a file."""
    work = remote.parent / f"work-{name}"
    git(remote.parent, "clone", "--quiet", str(remote), str(work))
    (work / name).write_text(content)
    git(work, "add", ".")
    git(work, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "-m", "x")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    return git(work, "rev-parse", "HEAD").strip()


def test_a_root_is_pushed_and_sha256sum_checks_it(root: Path, remote: Path) -> None:
    [done] = anchored(root, f"git:{remote}")
    assert done.change == "anchored"
    receipt = json.loads(evidence(root))
    assert receipt["commit"] == git(remote, "rev-parse", "main").strip()
    clone = root.parent / "clone"
    git(root.parent, "clone", "--quiet", str(remote), str(clone))
    subprocess.run(
        ["sha256sum", "--check", "--quiet", clone / f"{NEWEST}.sha256"], cwd=manifests_path(root), check=True
    )
    [anchor] = verify(root).proof.anchors
    assert (anchor.state, anchor.detail) == ("receipt", f"{remote} has it, commit {receipt['commit']} of main")
    assert not list(root.parent.glob("finarchive-anchor-*"))


def test_what_others_have_pushed_stays(root: Path, remote: Path) -> None:
    before = other_commit(remote, "readme", "x")
    anchored(root, f"git:{remote}")
    assert git(remote, "rev-parse", "main~1").strip() == before
    assert git(remote, "ls-tree", "--name-only", "main").split() == [f"{NEWEST}.sha256", "readme"]


def test_a_push_that_comes_too_late_is_made_again_on_top(root: Path, remote: Path) -> None:
    """Somebody pushes between our fetch and our push, once: a hook of the remote does it."""
    other = other_commit(remote, "readme", "x")
    work = remote.parent / "work-readme"
    (work / "second").write_text("y")
    git(work, "add", ".")
    git(work, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "-m", "y")
    git(work, "push", "--quiet", "origin", "HEAD:refs/heads/aside")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(
        '#!/bin/sh\nunset GIT_QUARANTINE_PATH\nrm "$0"\ngit update-ref refs/heads/main refs/heads/aside\n'
    )
    hook.chmod(0o755)
    [done] = anchored(root, f"git:{remote}")
    assert done.failure is None, done
    assert git(remote, "ls-tree", "--name-only", "main").split() == [f"{NEWEST}.sha256", "readme", "second"]
    assert other in git(remote, "log", "--format=%H", "main")


def test_a_branch_of_its_own(root: Path, remote: Path) -> None:
    anchored(root, f"git:file://{remote}#archives/news")
    assert git(remote, "ls-tree", "--name-only", "archives/news").strip() == f"{NEWEST}.sha256"


def test_a_root_that_the_branch_has_already_is_not_pushed_again(root: Path, remote: Path) -> None:
    anchored(root, f"git:{remote}")
    [path] = manifests_path(root).glob("*.json")
    path.unlink()
    before = git(remote, "rev-parse", "main")
    [done] = anchored(root, f"git:{remote}")
    assert done.failure is None
    assert git(remote, "rev-parse", "main") == before


def test_another_root_of_the_day_is_not_replaced(root: Path, remote: Path) -> None:
    other_commit(remote, f"{NEWEST}.sha256", f"{'0' * 64}  {NEWEST}.tsv\n")
    assert "has another root of" in failure(root, f"git:{remote}")
    assert git(remote, "show", f"main:{NEWEST}.sha256").startswith("0000")


def test_a_remote_that_is_away_or_refuses_is_named(root: Path, remote: Path) -> None:
    assert "there is no repository at the address" in failure(root, f"git:{remote}-none")
    assert "failed: the remote cannot be reached" in failure(root, "git:https://me:hush@127.0.0.1:9/hush.git")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho hush; exit 1\n")
    hook.chmod(0o755)
    assert failure(root, f"git:{remote}") == "git push failed: a rule of the remote declines the push"


def test_git_is_not_asked_in_the_name_of_another_repository(
    root: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / "index"))
    [done] = anchored(root, f"git:{remote}")
    assert done.failure is None


def test_no_password_is_in_a_list_of_processes(root: Path) -> None:
    """The remote takes the connection and says nothing, so that the processes can be looked at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"git:http://me:hush-{os.getpid()}@127.0.0.1:{server.getsockname()[1]}/roots.git"
        newest = (NEWEST, root_of(manifests_path(root), NEWEST))
        [anchor] = anchors_of(settings(place).proof)

        async def run() -> list[str]:
            renewing = asyncio.ensure_future(renew(root, newest, anchor))
            connection, _ = await asyncio.to_thread(server.accept)
            with connection:
                found = commands()
                renewing.cancel()
                await asyncio.wait([renewing])
            return found

        found = asyncio.run(run())
    assert any("remote-http" in command for command in found), "git runs"
    assert not [command for command in found if f"hush-{os.getpid()}" in command]


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return found


# Commands


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "keep"
    path.write_text(f"#!{sys.executable}\nimport os, subprocess, sys, time\n{text}\n")
    path.chmod(0o755)
    return f"command:{path}"


def test_a_program_gets_the_root_and_its_output_is_kept(root: Path, tmp_path: Path) -> None:
    place = program(
        tmp_path,
        "print(sys.argv[1:], sys.stdin.read(), os.environ['ANCHOR_DAY'], os.environ['ANCHOR_ROOT'], "
        "open(os.environ['ANCHOR_MANIFEST']).readline())",
    )
    [done] = anchored(root, f"{place} 'a b' hush")
    assert done.failure is None
    sha256 = root_of(manifests_path(root), NEWEST)
    receipt = json.loads(evidence(root))
    assert receipt["output"] == (
        f"['a b', 'hush'] {sha256}  {NEWEST}.tsv\n {NEWEST} {sha256} # finarchive manifest 1"
    )
    assert receipt["place"] == "keep"
    assert [each.state for each in verify(root).proof.anchors] == ["receipt"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sys.exit('hush')", "the program ended with status 1"),
        ("os.kill(os.getpid(), 9)", "the program ended with status -9"),
        ("while True: print('x' * 9999)", "the program prints more than 65536 bytes"),
    ],
)
def test_a_program_that_fails_is_named_by_its_status(root: Path, tmp_path: Path, text: str, reason: str) -> None:
    assert failure(root, f"{program(tmp_path, text)} hush") == reason


def test_a_program_that_does_not_exist_or_does_not_read(root: Path, tmp_path: Path) -> None:
    assert "cannot be run (No such file or directory)" in failure(root, f"command:{tmp_path}/none hush")
    [done] = anchored(root, program(tmp_path, "sys.stdout.buffer.write(b'\\xff\\x00')"))
    assert done.failure is None


@pytest.mark.slow
def test_a_program_that_hangs_is_killed_with_what_it_started(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "ANCHOR_TIMEOUT_SECONDS", 3.0)
    place = program(
        tmp_path,
        f"child = subprocess.Popen(['sleep', '1000']); open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); "
        "time.sleep(1000)",
    )
    assert failure(root, place) == "there was no result within 3 s"
    pid = int((tmp_path / "pid").read_text())
    assert until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait for a condition; return False if it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# Signatures


def test_the_newest_root_is_signed(root: Path, tmp_path: Path) -> None:
    key = minisign.generate_key()
    (tmp_path / "key").write_bytes(minisign.write_secret_key(key))
    [done] = anchored(root, key=str(tmp_path / "key"))
    assert (done.change, done.anchor) == ("anchored", "minisign")
    report = verify(root, trust=Trust(public_key=minisign.write_public_key(key.public)))
    assert report.problems == ()
    assert all(day.signed_by for day in report.proof.days)
    assert b"signature of finarchive" in evidence(root, "*.minisig")


def test_a_key_that_cannot_be_used_is_a_failure(root: Path, tmp_path: Path) -> None:
    assert failure(root, key=str(tmp_path / "none")) == "proof.key cannot be read (No such file or directory)"
    (tmp_path / "key").write_text("hush")
    assert failure(root, key=str(tmp_path / "key")) == "it is not a secret key of minisign"


# What is anchored, and when


def test_a_manifest_that_was_changed_is_not_anchored(root: Path, authority: Authority) -> None:
    path = manifests_path(root) / f"{NEWEST}.tsv"
    newest = (NEWEST, root_of(manifests_path(root), NEWEST))
    path.write_bytes(path.read_bytes() + b"x")
    [anchor] = anchors_of(settings(f"rfc3161:{authority.url}").proof)
    [done] = asyncio.run(renew(root, newest, anchor))
    assert done.failure == f"the manifest of {NEWEST} is not as recorded: finarchive verify"
    assert authority.requests == []


def test_a_folder_that_cannot_be_written_is_a_failure(root: Path, remote: Path) -> None:
    (manifests_path(root).parent / "unfinished").rmdir()
    (manifests_path(root).parent / "unfinished").write_bytes(b"")
    [done] = anchored(root, f"git:{remote}")
    assert "cannot be written" in (done.failure or "")


@contextmanager
def opened(root: Path, configured: Settings, policy: RunPolicy = DAEMON_POLICY) -> Iterator[CrawlContext]:
    with Archive(root, "test", DAY) as archive:
        yield CrawlContext(archive, configured, FAST, policy, PARSERS)


def test_the_daemon_anchors_each_new_root_and_tries_again_after_a_failure(root: Path, authority: Authority) -> None:
    authority.status = 503
    outcomes: list[bool] = []

    async def run(context: CrawlContext) -> None:
        anchorer = Anchorer(context, FAST, lambda name, is_done: outcomes.append(is_done))
        async with anchorer.running():
            assert list(anchorer.missing().values()) == [True]
            await asyncio.to_thread(until, lambda: len(outcomes) >= 3)
            authority.status = 200
            await asyncio.to_thread(until, lambda: True in outcomes)
            assert list(anchorer.missing().values()) == [False]
            add_article(context.archive, "dddd", DAY + timedelta(days=3))
            assert seal(root, context.store, DAY + timedelta(days=4)) == ["2026-10-01"]
            assert list(anchorer.missing().values()) == [True]
            anchorer.sealed()
            await asyncio.to_thread(until, lambda: outcomes.count(True) == 2)
            assert list(anchorer.missing().values()) == [False]

    with opened(root, settings(f"rfc3161:{authority.url}")) as context:
        asyncio.run(run(context))
    assert outcomes[:3] == [False] * 3
    assert sorted(path.name[:10] for path in manifests_path(root).glob("*.tsr")) == [NEWEST, "2026-10-01"]


def test_an_anchor_that_hangs_blocks_neither_the_others_nor_the_end(
    root: Path, authority: Authority, remote: Path
) -> None:
    authority.goes_on.clear()
    outcomes: dict[str, bool] = {}

    async def run(context: CrawlContext) -> float:
        anchorer = Anchorer(context, FAST, lambda name, is_done: outcomes.update({name: is_done}))
        async with anchorer.running():
            assert await asyncio.to_thread(authority.asked.acquire, True, 60)
            assert await asyncio.to_thread(until, lambda: outcomes)
            started = time.monotonic()
        return time.monotonic() - started

    with opened(root, settings(f"rfc3161:{authority.url}", f"git:{remote}")) as context:
        assert asyncio.run(run(context)) < 5
    assert [(name[:3], is_done) for name, is_done in outcomes.items()] == [("git", True)]


def test_new_settings_are_used_and_equal_ones_disturb_nothing(root: Path, authority: Authority, remote: Path) -> None:
    outcomes: list[str] = []

    async def run(context: CrawlContext) -> None:
        anchorer = Anchorer(context, FAST, lambda name, is_done: outcomes.append(name[:3]))
        async with anchorer.running():
            authority.goes_on.clear()
            context.settings = settings(f"rfc3161:{authority.url}")
            await anchorer.reconfigure()
            assert await asyncio.to_thread(authority.asked.acquire, True, 60)
            context.settings = settings(f"rfc3161:{authority.url}")
            await anchorer.reconfigure()
            authority.goes_on.set()
            assert await asyncio.to_thread(until, lambda: outcomes == ["rfc"])
            context.settings = settings(f"git:{remote}")
            await anchorer.reconfigure()
            assert await asyncio.to_thread(until, lambda: outcomes == ["rfc", "git"])

    with opened(root, settings()) as context:
        asyncio.run(run(context))
    assert len(authority.requests) == 1


@pytest.mark.slow
def test_a_one_off_crawl_waits_for_its_anchors_but_not_long(
    root: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.anchors.anchorer.ONE_OFF_WAIT_SECONDS", 1.0)

    async def run(context: CrawlContext) -> None:
        async with Anchorer(context, FAST).running():
            pass

    authority.goes_on.clear()
    with opened(root, settings(f"rfc3161:{authority.url}"), one_off_policy(DAY)) as context:
        asyncio.run(run(context))
        assert not list(manifests_path(root).glob("*.tsr"))
        authority.goes_on.set()
        monkeypatch.setattr("scheduler.anchors.anchorer.ONE_OFF_WAIT_SECONDS", 60.0)
        asyncio.run(run(context))
    assert len(list(manifests_path(root).glob("*.tsr"))) == 1


def test_the_daemon_does_not_import_the_libraries() -> None:
    libraries = ("rfc3161_client", "opentimestamps", "bitcoin", "archive.proof.rfc3161", "archive.proof.minisign")
    code = f"import sys, scheduler.daemon.daemon; print(*[name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
