"""``verify`` checks anchors offline and says since when each day is anchored; a forged folder does not pass."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.files.layout import index_path, manifests_path
from archive.files.manifest import read_manifest, write_manifest
from archive.integrity.anchor_check import Trust
from archive.integrity.verify import Report, verify
from archive.model.errors import TrustError
from archive.proof import minisign, open_timestamps, rfc3161
from archive.proof.anchor_files import anchor_file_name
from archive.proof.receipts import Receipt, write_receipt
from pipeline.rebuild import rebuild
from tests.support.calendar_server import HEIGHT, CalendarServer, header
from tests.support.sealed_archive import DAY, DAYS, make_sealed_archive, root_of
from tests.support.time_stamping import Certificates

FIRST, SECOND, THIRD = DAYS
TSA, OTS, GIT = "rfc3161-0123456789ab", "opentimestamps-0123456789ab", "git-0123456789ab"
MINED = 1_790_700_000


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_sealed_archive(tmp_path / "news")
    return tmp_path / "news"


def stamp(root: Path, tsa: Certificates, day: str, name: str = TSA) -> datetime:
    """Have an authority stamp a day's root; return the time."""
    folder = manifests_path(root)
    reply = tsa.reply(rfc3161.make_request((folder / f"{day}.tsv").read_bytes()).data)
    (folder / anchor_file_name(day, name)).write_bytes(reply)
    return rfc3161.read_time(reply, root_of(folder, day))


def trusting(tsa: Certificates) -> Trust:
    return Trust(certificates=tsa.ca.read_bytes())


def since(report: Report) -> dict[str, datetime | None]:
    return {day.day: day.since for day in report.proof.days}


def found(report: Report) -> list[tuple[str, str]]:
    return [(problem.kind, Path(problem.path).name) for problem in report.problems]


# Which days are anchored


def test_an_anchor_covers_its_day_and_all_days_before(root: Path, tsa: Certificates) -> None:
    at = stamp(root, tsa, SECOND)
    report = verify(root, trust=trusting(tsa))
    assert report.problems == ()
    assert since(report) == {FIRST: at, SECOND: at, THIRD: None}
    assert {day.root for day in report.proof.days} == {root_of(manifests_path(root), day) for day in DAYS}


def test_the_earliest_anchor_counts(root: Path, tsa: Certificates) -> None:
    later = stamp(root, tsa, THIRD)
    with CalendarServer() as calendar:
        sha256 = root_of(manifests_path(root), SECOND)
        answer = calendar.take(open_timestamps.commitment(sha256, b"0" * 16))
        proof = open_timestamps.make_proof(sha256, b"0" * 16, [answer])
        headers = calendar.mine(MINED)
    upgraded = open_timestamps.upgrade_proof(proof, calendar.blocks)
    (manifests_path(root) / anchor_file_name(SECOND, OTS)).write_bytes(upgraded)
    mined = datetime.fromtimestamp(MINED, UTC)

    report = verify(root, trust=Trust(tsa.ca.read_bytes(), headers.encode()))

    assert since(report) == {FIRST: mined, SECOND: mined, THIRD: later}
    assert [each.state for each in report.proof.anchors] == ["proven", "proven"]


def test_a_broken_chain_covers_nothing_before_the_break(root: Path, tsa: Certificates) -> None:
    at = stamp(root, tsa, THIRD)
    path = manifests_path(root) / f"{SECOND}.tsv"
    path.write_bytes(path.read_bytes().replace(b"bbbb", b"xxxx"))
    report = verify(root, trust=trusting(tsa))
    assert since(report) == {FIRST: None, SECOND: None, THIRD: at}
    path.unlink()
    assert since(verify(root, trust=trusting(tsa))) == {FIRST: None, THIRD: at}


def test_without_certificates_or_headers_nothing_is_proven_and_nothing_is_a_problem(
    root: Path, tsa: Certificates
) -> None:
    stamp(root, tsa, THIRD)
    sha256 = root_of(manifests_path(root), THIRD)
    with CalendarServer() as calendar:
        proof = open_timestamps.make_proof(sha256, b"0", [calendar.take(open_timestamps.commitment(sha256, b"0"))])
        calendar.mine(MINED)
    (manifests_path(root) / anchor_file_name(THIRD, OTS)).write_bytes(proof)
    report = verify(root)
    assert report.problems == ()
    assert set(since(report).values()) == {None}
    assert {each.anchor: each.state for each in report.proof.anchors} == {TSA: "unchecked", OTS: "pending"}
    upgraded = open_timestamps.upgrade_proof(proof, calendar.blocks)
    (manifests_path(root) / anchor_file_name(THIRD, OTS)).write_bytes(upgraded)
    details = {each.anchor: each.detail for each in verify(root).proof.anchors}
    assert details[OTS] == f"proof.block_headers has no header of the Bitcoin block {HEIGHT}"


def test_a_signature_covers_days_and_proves_no_time(root: Path) -> None:
    key, other = minisign.generate_key(), minisign.generate_key()
    folder = manifests_path(root)
    (folder / f"{SECOND}.tsv.minisig").write_bytes(
        minisign.sign((folder / f"{SECOND}.tsv").read_bytes(), key, "timestamp:1")
    )
    report = verify(root, trust=Trust(public_key=minisign.write_public_key(key.public)))
    assert report.problems == ()
    assert [day.signed_by is not None for day in report.proof.days] == [True, True, False]
    assert set(since(report).values()) == {None}
    assert [each.state for each in verify(root).proof.anchors] == ["unchecked"]
    wrong = verify(root, trust=Trust(public_key=minisign.write_public_key(other.public)))
    assert found(wrong) == [("anchor", f"{SECOND}.tsv.minisig")]


def test_a_receipt_proves_nothing(root: Path) -> None:
    folder = manifests_path(root)
    receipt = Receipt(THIRD, root_of(folder, THIRD), "git.example.org", "2026-10-01T00:00:00+00:00", "c0ffee", "main")
    (folder / anchor_file_name(THIRD, GIT)).write_bytes(write_receipt(receipt))
    report = verify(root)
    assert report.problems == ()
    [anchor] = report.proof.anchors
    assert (anchor.state, anchor.detail) == ("receipt", "git.example.org has it, commit c0ffee of main")
    assert set(since(report).values()) == {None}


def test_a_time_before_the_end_of_the_day_says_that_a_clock_was_wrong(root: Path) -> None:
    """The machine's clock was two days ahead, so it sealed a day that had not begun."""
    sha256 = root_of(manifests_path(root), THIRD)
    with CalendarServer() as calendar:
        proof = open_timestamps.make_proof(sha256, b"0", [calendar.take(open_timestamps.commitment(sha256, b"0"))])
        headers = calendar.mine(MINED - 86_400)
    (manifests_path(root) / anchor_file_name(THIRD, OTS)).write_bytes(
        open_timestamps.upgrade_proof(proof, calendar.blocks)
    )
    report = verify(root, trust=Trust(block_headers=headers.encode()))
    assert report.problems == ()
    assert [(each.state, "before the end of the day" in each.detail) for each in report.proof.anchors] == [
        ("early", True)
    ]
    assert set(since(report).values()) == {None}


# What is wrong with an anchor


def test_an_anchor_of_another_manifest_is_named(root: Path, tsa: Certificates) -> None:
    folder = manifests_path(root)
    stamp(root, tsa, FIRST)
    (folder / anchor_file_name(FIRST, TSA)).rename(folder / anchor_file_name(SECOND, TSA))
    receipt = write_receipt(Receipt(FIRST, root_of(folder, FIRST), "h", "2026-10-01T00:00:00+00:00"))
    (folder / anchor_file_name(SECOND, GIT)).write_bytes(receipt)
    sha256 = root_of(folder, FIRST)
    with CalendarServer() as calendar:
        proof = open_timestamps.make_proof(sha256, b"0", [calendar.take(open_timestamps.commitment(sha256, b"0"))])
    (folder / anchor_file_name(SECOND, OTS)).write_bytes(proof)
    names = [anchor_file_name(SECOND, name) for name in (GIT, OTS, TSA)]
    for trust in (Trust(), trusting(tsa)):
        assert found(verify(root, trust=trust)) == [("anchor", name) for name in names]


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"[]", b"\xff" * 100, b"[" * 100_000, b"x" * 2**21])
def test_a_file_that_is_no_anchor_is_named_whatever_it_has(root: Path, content: bytes) -> None:
    folder = manifests_path(root)
    names = sorted([*(anchor_file_name(FIRST, name) for name in (TSA, OTS, GIT)), f"{FIRST}.tsv.minisig"])
    for name in names:
        (folder / name).write_bytes(content)
    key = minisign.write_public_key(minisign.generate_key().public)
    assert found(verify(root, trust=Trust(public_key=key))) == [("anchor", name) for name in names]


def test_an_anchor_that_is_a_folder_or_a_link_is_named(root: Path) -> None:
    folder = manifests_path(root)
    (folder / anchor_file_name(FIRST, TSA)).mkdir()
    (folder / anchor_file_name(SECOND, TSA)).symlink_to("/dev/zero")
    assert found(verify(root)) == [("anchor", anchor_file_name(day, TSA)) for day in (FIRST, SECOND)]


def test_an_anchor_without_its_manifest_shows_that_a_manifest_was_removed(root: Path, tsa: Certificates) -> None:
    stamp(root, tsa, THIRD)
    (manifests_path(root) / f"{THIRD}.tsv").unlink()
    with sqlite3.connect(index_path(root)) as index:
        index.execute("DELETE FROM manifests WHERE day = ?", [THIRD])
        index.execute("UPDATE revisions SET sealed = NULL WHERE sealed = ?", [THIRD])
    index.close()
    assert found(verify(root)) == [("anchor", anchor_file_name(THIRD, TSA))]


@pytest.mark.parametrize(
    "name",
    [
        "note.txt", f"{FIRST}.tsv.asc", f"{FIRST}.rfc3161-0123456789ab.ots", f"{FIRST}.rfc3161-0123.tsr",
        f"{FIRST}.other-0123456789ab.json", "2026-13-40.tsv.minisig", f"{FIRST}.git-0123456789AB.json",
        f"{FIRST}.git-0123456789ab.json.new",
    ],
)  # fmt: skip
def test_a_foreign_file_is_still_extra(root: Path, name: str) -> None:
    (manifests_path(root) / name).write_bytes(b"x")
    assert found(verify(root)) == [("extra", name)]


@pytest.mark.parametrize("setting", ["certificates", "block_headers", "public_key"])
def test_a_file_to_check_with_that_is_none_is_named(root: Path, tsa: Certificates, setting: str) -> None:
    stamp(root, tsa, FIRST)
    folder = manifests_path(root)
    key = minisign.generate_key()
    (folder / f"{FIRST}.tsv.minisig").write_bytes(minisign.sign((folder / f"{FIRST}.tsv").read_bytes(), key, "x"))
    sha256 = root_of(folder, FIRST)
    with CalendarServer() as calendar:
        proof = open_timestamps.make_proof(sha256, b"0", [calendar.take(open_timestamps.commitment(sha256, b"0"))])
        calendar.mine(MINED)
    upgraded = open_timestamps.upgrade_proof(proof, calendar.blocks)
    (folder / anchor_file_name(FIRST, OTS)).write_bytes(upgraded)
    with pytest.raises(TrustError, match=f"proof.{setting} cannot be used"):
        verify(root, trust=Trust(**{setting: b"nonsense"}))


def test_a_header_of_another_block_is_a_problem(root: Path) -> None:
    sha256 = root_of(manifests_path(root), FIRST)
    with CalendarServer() as calendar:
        proof = open_timestamps.make_proof(sha256, b"0", [calendar.take(open_timestamps.commitment(sha256, b"0"))])
        calendar.mine(MINED)
    name = anchor_file_name(FIRST, OTS)
    (manifests_path(root) / name).write_bytes(open_timestamps.upgrade_proof(proof, calendar.blocks))
    wrong = f"{HEIGHT} {header(bytes(32), MINED).hex()}".encode()
    assert found(verify(root, trust=Trust(block_headers=wrong))) == [("anchor", name)]


# Forging


def forge(root: Path) -> None:
    """Change an article and compute everything again that follows from it: what an anchor is for."""
    [article] = (root / "金融").glob("*aaaa.md")
    article.write_bytes(b"another text")
    new = hashlib.sha256(b"another text").hexdigest()
    previous = None
    with sqlite3.connect(index_path(root)) as index:
        index.execute("UPDATE revisions SET sha256 = ? WHERE docid = 'aaaa'", [new])
        for path in sorted(manifests_path(root).glob("*.tsv")):
            day, _, lines = read_manifest(path.read_bytes())
            changed = [type(line)(new, *_rest(line)) if line.docid == "aaaa" else line for line in lines]
            data = write_manifest(day, previous, changed)
            path.write_bytes(data)
            previous = day, hashlib.sha256(data).hexdigest()
            index.execute("UPDATE manifests SET root = ? WHERE day = ?", [previous[1], day])
    index.close()


def _rest(line: object) -> list[str]:
    return [getattr(line, name) for name in ("path", "docid", "revision", "observed")]


def test_a_forged_folder_passes_without_an_anchor_and_fails_with_one(root: Path, tsa: Certificates) -> None:
    folder = manifests_path(root)
    kept = root_of(folder, THIRD)
    copy = root.parent / "copy"
    shutil.copytree(root, copy)
    stamp(root, tsa, THIRD)
    assert verify(copy).problems == verify(root).problems == ()

    forge(copy)
    forge(root)

    assert verify(copy).problems == ()
    assert found(verify(copy, trust=Trust(roots={THIRD: kept}))) == [("root", f"{THIRD}.tsv")]
    for trust in (Trust(), trusting(tsa)):
        assert found(verify(root, trust=trust)) == [("anchor", anchor_file_name(THIRD, TSA))]
    assert set(since(verify(root, trust=trusting(tsa))).values()) == {None}


def test_a_forger_who_removes_anchors_gets_days_that_are_not_anchored(root: Path, tsa: Certificates) -> None:
    stamp(root, tsa, THIRD)
    forge(root)
    (manifests_path(root) / anchor_file_name(THIRD, TSA)).unlink()
    report = verify(root, trust=trusting(tsa))
    assert report.problems == ()
    assert set(since(report).values()) == {None}
    stamp(root, tsa, THIRD)  # a new token has today's time, which is later than it should be
    assert None not in since(verify(root, trust=trusting(tsa))).values()


# A root that was kept elsewhere


def test_a_kept_root_covers_the_days_before_it(root: Path) -> None:
    report = verify(root, trust=Trust(roots={SECOND: root_of(manifests_path(root), SECOND)}))
    assert report.problems == ()
    assert [day.kept for day in report.proof.days] == [SECOND, SECOND, None]


def test_a_kept_root_of_a_day_without_a_manifest_is_a_problem(root: Path) -> None:
    assert found(verify(root, trust=Trust(roots={"2026-09-01": "0" * 64}))) == [("root", "2026-09-01.tsv")]


# What else touches the folder


@pytest.mark.parametrize("change", [lambda root: rebuild(root, 2**20, DAY), lambda root: index_path(root).unlink()])
def test_a_rebuild_keeps_anchors(root: Path, tsa: Certificates, change: Callable[[Path], object]) -> None:
    at = stamp(root, tsa, THIRD)
    key = minisign.generate_key()
    folder = manifests_path(root)
    (folder / f"{THIRD}.tsv.minisig").write_bytes(minisign.sign((folder / f"{THIRD}.tsv").read_bytes(), key, "x"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    change(root)
    rebuild(root, 2**20, DAY)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    moved = root.parent / "another machine"
    root.rename(moved)
    assert since(verify(moved, trust=trusting(tsa))) == dict.fromkeys(DAYS, at)


def test_receipts_are_json_that_anybody_reads(root: Path) -> None:
    data = write_receipt(Receipt(FIRST, "0" * 64, "h.org", "2026-10-01T00:00:00+00:00", output="票据\n2"))
    assert json.loads(data)["output"] == "票据\n2"
