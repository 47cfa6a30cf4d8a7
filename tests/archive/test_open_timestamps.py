"""Proofs of OpenTimestamps: pending, upgraded, and checked with the header of a block."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.timestamp import Timestamp

from archive.model.errors import ProofError
from archive.proof import open_timestamps
from tests.support.calendar_server import HEIGHT, CalendarServer, header, serialized

ROOT = hashlib.sha256(b"# finarchive manifest 1\n").hexdigest()
NONCE = b"0123456789abcdef"
MINED = 1_790_700_000
with CalendarServer() as _calendar:
    CALENDAR_ANSWER = _calendar.take(open_timestamps.commitment(ROOT, NONCE))


def made(calendar: CalendarServer) -> bytes:
    return open_timestamps.make_proof(ROOT, NONCE, [calendar.take(open_timestamps.commitment(ROOT, NONCE))])


def test_a_proof_is_pending_until_its_calendar_has_a_block() -> None:
    with CalendarServer() as calendar:
        proof = made(calendar)
    read = open_timestamps.read_proof(proof)
    assert (read.root, read.blocks, read.pending) == (ROOT, (), ((calendar.url, calendar.digests[0]),))

    headers = open_timestamps.read_headers(calendar.mine(MINED).encode())
    upgraded = open_timestamps.upgrade_proof(proof, calendar.blocks)

    [(height, merkle_root)] = open_timestamps.read_proof(upgraded).blocks
    assert height == HEIGHT
    assert open_timestamps.block_time(headers[height], merkle_root) == datetime.fromtimestamp(MINED, UTC)


def test_calendars_do_not_learn_the_root() -> None:
    assert open_timestamps.commitment(ROOT, NONCE) != bytes.fromhex(ROOT)
    assert open_timestamps.commitment(ROOT, NONCE) != open_timestamps.commitment(ROOT, b"1" * 16)


def test_a_header_with_another_merkle_root_or_without_work_proves_nothing() -> None:
    merkle_root = b"\2" * 32
    with pytest.raises(ProofError, match="another Merkle root"):
        open_timestamps.block_time(header(b"\3" * 32, MINED), merkle_root)
    genuine = header(merkle_root, MINED)
    cheap = genuine[:72] + bytes.fromhex("ffff001d") + genuine[76:]  # the target of Bitcoin's first block
    with pytest.raises(ProofError, match="above the target"):
        open_timestamps.block_time(cheap, merkle_root)


@pytest.mark.parametrize("line", ["840000", "840000 00", "x " + "0" * 160, f"1 {'0' * 159}g", f"-1 {'0' * 160}"])
def test_a_line_that_is_no_header_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ProofError, match="line 2 is not"):
        open_timestamps.read_headers(f"# comment\n{line}\n".encode())


def test_only_known_calendars_and_the_configured_one_are_asked() -> None:
    assert open_timestamps.may_ask("https://alice.btc.calendar.opentimestamps.org", "")
    assert open_timestamps.may_ask("http://127.0.0.1:8080", "http://127.0.0.1:8080/")
    for calendar in ("http://127.0.0.1:8080", "https://169.254.169.254", "https://x.org/?q", ""):
        assert not open_timestamps.may_ask(calendar, "")


def test_without_an_answer_there_is_no_proof() -> None:
    with pytest.raises(ProofError, match="no calendar has answered"):
        open_timestamps.make_proof(ROOT, NONCE, [])


def test_a_block_number_with_thousands_of_digits_is_refused() -> None:
    timestamp = Timestamp(open_timestamps.commitment(ROOT, NONCE))
    timestamp.attestations.add(BitcoinBlockHeaderAttestation(1 << 20_000))
    proof = open_timestamps.make_proof(ROOT, NONCE, [serialized(timestamp)])
    with pytest.raises(ProofError, match="does not exist"):
        open_timestamps.read_proof(proof)


@given(st.binary(max_size=200), st.integers(0, 150), st.integers(0, 255))
def test_any_bytes_are_a_proof_or_refused(data: bytes, at: int, byte: int) -> None:
    proof = bytearray(open_timestamps.make_proof(ROOT, NONCE, [CALENDAR_ANSWER]))
    proof[at % len(proof)] = byte
    for candidate in (data, proof[:-1], bytes(proof), bytes(proof) + data):
        try:
            open_timestamps.read_proof(bytes(candidate))
        except ProofError:
            continue
    for answer in (data, CALENDAR_ANSWER + b"x", CALENDAR_ANSWER[:-1]):
        try:
            open_timestamps.check_answer(answer, b"\0" * 32)
        except ProofError:
            continue
