"""Anchors and signatures by the real program: crawl, run, proof, verify, doctor."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.files.hashing import sha256_of_file
from archive.files.layout import manifests_path
from archive.files.manifest import read_manifest, write_manifest
from archive.integrity.seal import seal
from archive.journal.gzip_members import members
from archive.journal.warc_records import digest
from mocksite.server import MockSite
from tests.conftest import Home
from tests.support import processes
from tests.support.calendar_server import CalendarServer
from tests.support.daemon import Running
from tests.support.sealed_archive import DAYS, make_sealed_archive, root_of
from tests.support.time_stamping import Authority, Certificates
from tests.support.tools import needs

pytestmark = pytest.mark.slow

NEWEST = DAYS[-1]
HOURLY = '[schedule]\nmin = "1h"\nevery = "1h"\nmax = "1h"\n'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def authority(certificates: Certificates) -> Iterator[Authority]:
    with Authority(certificates) as running:
        yield running


@pytest.fixture
def sealed(home: Home) -> Home:
    """A home whose archive has three sealed days."""
    make_sealed_archive(home.root)
    return home


def proof(*anchors: str, **more: object) -> str:
    lines = [f"anchors = {json.dumps(anchors)}", *(f'{key} = "{value}"' for key, value in more.items())]
    return "\n".join(["[proof]", *lines, ""])


def bare_repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", folder], check=True)
    return folder


def days(home: Home, *options: str) -> dict[str, dict[str, str | None]]:
    return {day["day"]: day for day in home.run("verify", "--json", *options).json["days"]}


def test_a_crawl_anchors_and_signs_the_newest_root_and_verify_says_since_when(
    sealed: Home, mocksite: MockSite, authority: Authority, tmp_path: Path
) -> None:
    remote = bare_repository(tmp_path / "roots.git")
    key = tmp_path / "roots.key"
    assert sealed.run("proof", "--new-key", str(key)).status == 0
    assert key.stat().st_mode & 0o777 == 0o600
    places = (f"rfc3161:{authority.url}", f"git:file://{remote}")
    sealed.configure(mocksite.endpoint, more=proof(*places, certificates=authority.certificates.ca, key=key))

    done = sealed.run("-v", "crawl", "--json")

    assert done.status == 0, done.err
    assert (done.json["archived"], done.err.count("anchored anchor=")) == (12, 3), done.err
    outcome = sealed.run("verify", "--json")
    assert (outcome.status, outcome.json["problems"]) == (0, []), outcome.out
    assert {anchor["state"] for anchor in outcome.json["anchors"]} == {"proven", "receipt"}
    for day in DAYS:
        row = days(sealed)[day]
        assert row["root"] == root_of(manifests_path(sealed.root), day)
        assert abs(datetime.fromisoformat(row["since"] or "") - datetime.now(UTC)) < timedelta(minutes=5)
        assert row["signed_by"] == f".finarchive/manifests/{NEWEST}.tsv.minisig"
    text = sealed.run("verify").out
    assert f"{DAYS[0]} to {NEWEST}: since " in text
    assert f"receipt .finarchive/manifests/{NEWEST}.git-" in text
    everything = (
        done.err + done.out + outcome.out + text + sealed.run("proof").out + sealed.run("proof", "--json").out
    )
    assert "hush" not in everything
    assert not any(
        b"hush" in path.read_bytes() for path in (sealed.root / ".finarchive").rglob("*") if path.is_file()
    )
    again = sealed.run("-v", "crawl")
    assert "anchored anchor=" not in again.err, "once for each root"
    assert sealed.run("verify", "--deep").status == 0
    assert sealed.run("rebuild").status == 0
    assert days(sealed)[NEWEST] == row


@pytest.mark.parametrize(
    ("missing", "place"), [("rfc3161_client", "rfc3161:http://127.0.0.1:9/"), ("opentimestamps", "opentimestamps")]
)
def test_without_the_extra_anchors_are_refused_and_evidence_is_unchecked(
    sealed: Home, authority: Authority, missing: str, place: str
) -> None:
    """In a process that finds no such library."""
    with CalendarServer() as calendar:
        sealed.configure(more=proof(f"rfc3161:{authority.url}", f"opentimestamps:{calendar.url}"))
        assert sealed.run("proof", "--anchor").status == 0
    code = f"import sys; sys.modules[{missing!r}] = None; from cli.main import main; main()"
    sealed.command = lambda *arguments: [sys.executable, "-c", code, *arguments]  # type: ignore[method-assign]
    sealed.configure(more=proof(certificates=authority.certificates.ca))
    outcome = sealed.run("verify", "--json")
    assert outcome.status == 0, outcome.out + outcome.err
    details = {anchor["anchor"].partition("-")[0]: anchor["detail"] for anchor in outcome.json["anchors"]}
    assert "pip install 'finarchive[proof]'" in details[place.partition(":")[0]]
    sealed.configure(more=proof(place))
    outcome = sealed.run("verify")
    assert (outcome.status, "pip install 'finarchive[proof]'" in outcome.err) == (2, True)


def test_verify_compares_a_root_that_was_kept(sealed: Home) -> None:
    kept = sealed.run("proof").out.splitlines()[0]
    assert kept == f"{NEWEST}={root_of(manifests_path(sealed.root), NEWEST)}"
    outcome = sealed.run("verify", "--json", "--kept-root", kept.upper().replace("=", "="), "--kept-root", kept)
    assert (outcome.status, outcome.json["problems"]) == (0, [])
    assert {day["kept"] for day in outcome.json["days"]} == {NEWEST}
    assert f"as in the root of {NEWEST}" in sealed.run("verify", "--kept-root", kept).out

    other = sealed.run("verify", "--json", "--kept-root", f"{NEWEST}={'0' * 64}")

    assert other.status == 4
    [problem] = other.json["problems"]
    assert (problem["kind"], problem["path"]) == ("root", f".finarchive/manifests/{NEWEST}.tsv")
    assert "0" * 64 in problem["detail"]
    assert sealed.run("verify", "--kept-root", f"2026-09-01={'0' * 64}").status == 4


@pytest.mark.parametrize(
    "root",
    ["", "x", NEWEST, f"{NEWEST}=", f"{NEWEST}=abc", f"2026-02-30={'0' * 64}", f"{NEWEST}={'0' * 65}", f"={'0' * 64}",
     f"{NEWEST} {'0' * 64}", f"{NEWEST}={'g' * 64}", f"２０２６-09-30={'0' * 64}"],
)  # fmt: skip
def test_a_root_of_another_form_is_bad_usage(sealed: Home, root: str) -> None:
    outcome = sealed.run("verify", "--kept-root", root)
    assert (outcome.status, outcome.out) == (2, "")
    assert "is no root such as" in outcome.err


def test_two_roots_of_one_day_are_bad_usage(sealed: Home) -> None:
    outcome = sealed.run("verify", "--kept-root", f"{NEWEST}={'0' * 64}", "--kept-root", f"{NEWEST}={'1' * 64}")
    assert (outcome.status, "two different roots" in outcome.err) == (2, True)


def test_verify_says_that_nothing_is_anchored(sealed: Home) -> None:
    assert "No manifest is anchored: who can write this folder could have made all of it" in sealed.run("verify").out


def test_proof_anchors_now_and_says_what_failed(sealed: Home, authority: Authority, tmp_path: Path) -> None:
    assert sealed.run("proof", "--anchor").status == 2
    authority.status = 500
    remote = bare_repository(tmp_path / "roots.git")
    sealed.configure(more=proof(f"rfc3161:{authority.url}", f"git:{remote}"))

    failed = sealed.run("proof", "--anchor", "--json")

    assert failed.status == 1
    rows = {row["place"]: (row["anchored"], row["failure"]) for row in failed.json["anchors"]}
    host = authority.url.partition("@")[2].partition("/")[0]
    assert rows == {f"rfc3161:{host}": (False, "the server answered with status 500"), f"git:{remote}": (True, None)}
    assert failed.json["newest"] == {"day": NEWEST, "root": root_of(manifests_path(sealed.root), NEWEST)}
    authority.status = 200
    assert sealed.run("proof", "--anchor").status == 0
    assert f"rfc3161:{host}: anchored" in sealed.run("proof").out


def test_proof_of_an_archive_without_a_sealed_day(home: Home, mocksite: MockSite) -> None:
    assert home.run("proof").status == 2
    home.configure(mocksite.endpoint, more=proof("command:/bin/false"))
    assert home.run("crawl").status == 0
    outcome = home.run("proof", "--anchor")
    assert (outcome.status, outcome.out) == (0, "No day is sealed yet.\ncommand:false: not anchored\n")
    assert home.run("verify", "--json").json["days"] == []


def test_a_key_is_never_replaced(home: Home) -> None:
    key = home.folder / "roots.key"
    first = home.run("proof", "--new-key", str(key), "--json")
    assert first.json["id"] in (home.folder / "roots.key.pub").read_text()
    before = key.read_bytes()
    for name in ("roots.key", "roots.key.pub"):
        outcome = home.run("proof", "--new-key", str(key))
        assert (outcome.status, "exists already" in outcome.err) == (2, True)
        assert key.read_bytes() == before
        (home.folder / "roots.key.pub").write_text(name)
    assert home.run("proof", "--new-key", str(home.folder / "none" / "key")).status == 2


@needs("minisign")
def test_minisign_checks_a_signed_manifest(sealed: Home, tmp_path: Path) -> None:
    key = tmp_path / "roots.key"
    sealed.run("proof", "--new-key", str(key))
    sealed.configure(more=proof(key=key))
    anchored = sealed.run("proof", "--anchor")
    assert (anchored.status, f"minisign:{key}: anchored" in anchored.out) == (0, True)
    subprocess.run(
        ["minisign", "-Vm", f"{NEWEST}.tsv", "-p", f"{key}.pub"], cwd=manifests_path(sealed.root), check=True
    )
    sealed.configure(more=proof(public_key=f"{key}.pub"))
    assert days(sealed)[DAYS[0]]["signed_by"]


@pytest.mark.parametrize("setting", ["key", "public_key", "certificates", "block_headers"])
def test_a_file_of_proof_that_is_away_is_bad_usage(sealed: Home, setting: str) -> None:
    sealed.configure(more=proof(**{setting: "away/file"}))
    outcome = sealed.run("verify")
    assert (outcome.status, f"away/file of proof.{setting} cannot be read" in outcome.err) == (2, True)
    checks = {check["told"]: check["ok"] for check in sealed.run("doctor", "--json").json}
    assert [ok for told, ok in checks.items() if f"proof.{setting}" in told] == [False]


def test_doctor_checks_what_anchors_need(sealed: Home, authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "roots.key"
    sealed.run("proof", "--new-key", str(key))
    places = (
        f"rfc3161:{authority.url}", "rfc3161:http://me:hush@127.0.0.1:9/", f"git:{bare_repository(tmp_path / 'r')}",
        f"git:{tmp_path}/none", "command:/bin/true hush", "command:/none/keep hush",
    )  # fmt: skip
    sealed.configure(more=proof(*places, key=key, certificates=authority.certificates.ca))
    outcome = sealed.run("doctor", "--json")
    anchors = [check["ok"] for check in outcome.json if check["name"] == "anchor"]
    assert anchors == [True, False, True, False, True, False], outcome.out
    assert [check["ok"] for check in outcome.json if check["name"] == "proof"] == [True, True]
    key.chmod(0o644)
    said = sealed.run("doctor").out
    assert "others may read it" in said
    assert "hush" not in said + outcome.out
    assert authority.requests == []


def forge(home: Home, old: bytes, new: bytes) -> None:
    """Change a text in the raw pages, and make everything else follow from it: files, index, manifests, chain."""
    inner = home.root / ".finarchive"
    for path in (inner / "warc").glob("*.gz"):
        records = [_forged(record, old, new) for _, _, record in members(path)]
        path.write_bytes(b"".join(gzip.compress(record) for record in records))
    for _ in range(2):  # the second time with the manifests of what the first has made
        (inner / "index.db").unlink()
        assert home.run("rebuild").status == 0
        previous = None
        for path in sorted((inner / "manifests").glob("*.tsv")):
            day, _, lines = read_manifest(path.read_bytes())
            lines = [replace(line, sha256=sha256_of_file(home.root / line.path)) for line in lines]
            path.write_bytes(write_manifest(day, previous, lines))
            previous = day, sha256_of_file(path)


def _forged(record: bytes, old: bytes, new: bytes) -> bytes:
    """A record with another text in its page, and the lengths and digests that follow."""
    head, _, block = record.partition(b"\r\n\r\n")
    http, _, body = block.removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
    if b"WARC-Type: response" not in head:
        return record
    packed = re.search(rb"(?i)content-encoding: gzip", http) is not None
    page = (gzip.decompress(body) if packed else body).replace(old, new)
    body = gzip.compress(page) if packed else page
    http = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), http)
    content = http + b"\r\n\r\n" + body
    head = re.sub(rb"(Content-Length: )\d+", rb"\g<1>%d" % len(content), head)
    for name, data in ((b"Block", content), (b"Payload", body)):
        head = re.sub(rb"(WARC-%s-Digest: )[^\r]+" % name, rb"\g<1>" + digest(data).encode(), head)
    return head + b"\r\n\r\n" + content + b"\r\n\r\n"


@pytest.mark.slow
def test_a_forged_archive_passes_every_check_but_that_of_its_anchor(
    home: Home, mocksite: MockSite, authority: Authority
) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl").status == 0
    now = datetime.now(UTC)
    with Archive(home.root, "test", now) as archive:
        [day] = seal(archive.root, archive.store, now + timedelta(days=2))
    kept = home.run("proof").out.split()[0]
    [article] = home.root.glob(f"**/*{mocksite.site.stories[0].docid}.md")
    text = re.findall(r"[\u4e00-\u9fff]{6}", article.read_text().partition("<div>")[2])[0]

    forge(home, text.encode(), "编造的文字啊".encode())

    assert "编造的文字啊" in article.read_text()
    for options in ((), ("--deep",)):
        outcome = home.run("verify", "--json", *options)
        assert (outcome.status, outcome.json["problems"]) == (0, []), outcome.out
    outcome = home.run("verify", "--json", "--kept-root", kept)
    assert (outcome.status, [each["kind"] for each in outcome.json["problems"]]) == (4, ["root"])
    # The same with a time stamp of the genuine manifest, which the forger has left or has no substitute for.
    home.configure(mocksite.endpoint, more=proof(f"rfc3161:{authority.url}", certificates=authority.certificates.ca))
    assert home.run("proof", "--anchor").status == 0
    assert home.run("verify").status == 0
    forge(home, "编造的文字啊".encode(), text.encode())
    outcome = home.run("verify", "--json")
    assert (outcome.status, [each["kind"] for each in outcome.json["problems"]]) == (4, ["anchor"])
    assert f"{day}.rfc3161" in outcome.json["problems"][0]["path"]


@pytest.mark.slow
@pytest.mark.timing
def test_the_daemon_anchors_retries_and_ends_in_time_while_an_anchor_hangs(
    sealed: Home, mocksite: MockSite, authority: Authority, tmp_path: Path
) -> None:
    authority.goes_on.clear()
    remote = bare_repository(tmp_path / "roots.git")
    places = (f"rfc3161:{authority.url}", f"git:{remote}", "git:https://me:hush@127.0.0.1:9/none.git")
    sealed.configure(mocksite.endpoint, more=HOURLY + proof(*places))
    with Running(sealed) as daemon:
        assert authority.asked.acquire(timeout=60)
        daemon.wait_for(r"anchored anchor=git-", r"anchor-failed anchor=git-.* attempt=1 ", r"polled feed=feed1")
        sealed.configure(mocksite.endpoint, more=HOURLY + proof(f"git:{remote}"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(r"reloaded changed=proof.anchors")
        sealed.configure(mocksite.endpoint, more=HOURLY + proof(f"rfc3161:{authority.url}"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(r"reloaded changed=proof.anchors")
        assert authority.asked.acquire(timeout=60)
        started = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - started < 10
        assert "hush" not in "\n".join(daemon.log)
    authority.goes_on.set()
    assert not [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _is_anchoring(pid, sealed)]
    assert sealed.run("verify").status == 0


def _is_anchoring(process: Path, home: Home) -> bool:
    try:
        command = (process / "cmdline").read_text()
        return "scheduler.anchors" in command and (process / "cwd").readlink() == home.folder
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.timing
def test_ctrl_c_ends_a_crawl_that_waits_for_an_anchor(sealed: Home, mocksite: MockSite, authority: Authority) -> None:
    authority.goes_on.clear()
    sealed.configure(mocksite.endpoint, more=proof(f"rfc3161:{authority.url}"))
    process = processes.popen(
        sealed.command("-v", "crawl"), cwd=sealed.folder, env=sealed.env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    with process.stderr as lines:
        archived = 0
        while archived < 12:
            archived += "archived feed=" in next(lines)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        lines.read()
    assert process.wait(60) == 130
    assert time.monotonic() - started < 10


@pytest.mark.slow
@pytest.mark.timing
def test_a_crawl_whose_anchor_hangs_ends(sealed: Home, mocksite: MockSite, authority: Authority) -> None:
    authority.goes_on.clear()
    sealed.configure(mocksite.endpoint, more=proof(f"rfc3161:{authority.url}"))
    started = time.monotonic()
    outcome = sealed.run("crawl", "--json")
    assert (outcome.status, outcome.json["archived"]) == (0, 12)
    assert time.monotonic() - started < 45
    assert "hush" not in outcome.err


def test_of_many_receipts_verify_shows_the_newest(sealed: Home) -> None:
    sealed.configure(more=proof("command:/bin/true"))
    assert sealed.run("proof", "--anchor").status == 0
    [newest] = manifests_path(sealed.root).glob("*.json")
    for day in DAYS[:-1]:
        old = newest.read_text().replace(NEWEST, day)
        sha256 = root_of(manifests_path(sealed.root), day)
        old = old.replace(root_of(manifests_path(sealed.root), NEWEST), sha256)
        newest.with_name(newest.name.replace(NEWEST, day)).write_text(old)
    outcome = sealed.run("verify")
    assert outcome.status == 0, outcome.out
    assert [line.split()[1] for line in outcome.out.splitlines() if line.startswith("receipt")] == [
        f".finarchive/manifests/{newest.name}:"
    ]
    assert len(sealed.run("verify", "--json").json["anchors"]) == 3
