"""Proofs of OpenTimestamps: made from the answers of calendars, upgraded, and checked with block headers. Offline.

A calendar puts what it gets into a Bitcoin transaction. Until that is in a block, the proof is pending and proves
nothing: only the calendar knows of it. Then the proof leads to the Merkle root in the header of a block, whose time
is right to about two hours. ``ots verify -f MANIFEST PROOF`` checks the same.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from msgspec import Struct
from opentimestamps.calendar import DEFAULT_AGGREGATORS, DEFAULT_CALENDAR_WHITELIST
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import (
    BytesDeserializationContext,
    BytesSerializationContext,
    DeserializationError,
)
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from archive.model.errors import ProofError

CALENDARS: tuple[str, ...] = DEFAULT_AGGREGATORS  # the public ones, which need no account
MAX_HEIGHT = 2**32  # of a block: 80,000 years. A larger number is nonsense that may have thousands of digits
_HEADER = struct.Struct("<4s32s32sIII")  # version, previous block, Merkle root, time, target, nonce


class CalendarProof(Struct, frozen=True):
    """What a proof says."""

    root: str  # the sha256 that it is about, hex
    blocks: tuple[tuple[int, bytes], ...]  # height of a block, and the Merkle root that its header must have
    pending: tuple[tuple[str, bytes], ...]  # address of a calendar, and the commitment that it knows


def commitment(root: str, nonce: bytes) -> bytes:
    """Return what calendars get: a digest of the root and a random nonce, so that they do not learn the root."""
    message: bytes = _tip(Timestamp(bytes.fromhex(root)), nonce).msg
    return message


def make_proof(root: str, nonce: bytes, answers: Iterable[bytes]) -> bytes:
    """Return a proof (the bytes of an .ots file) from the answers of calendars to :func:`commitment`.

    :raises ProofError: an answer cannot be read
    """
    timestamp = Timestamp(bytes.fromhex(root))
    tip = _tip(timestamp, nonce)
    for answer in answers:
        tip.merge(_read_answer(answer, tip.msg))
    return _write(DetachedTimestampFile(OpSHA256(), timestamp))


def check_answer(answer: bytes, message: bytes) -> None:
    """Check that the answer of a calendar about a commitment can be read.

    :raises ProofError: it cannot
    """
    _read_answer(answer, message)


def upgrade_proof(proof: bytes, answers: Mapping[bytes, bytes]) -> bytes:
    """Add to a proof what calendars have answered about commitments that were pending.

    :param answers: by commitment
    :raises ProofError: the proof or an answer cannot be read
    """
    file = _read(proof)
    for node in _nodes(file.timestamp):
        if node.msg in answers:
            node.merge(_read_answer(answers[node.msg], node.msg))
    return _write(file)


def read_proof(proof: bytes) -> CalendarProof:
    """Return what a proof says.

    :raises ProofError: it cannot be read
    """
    file = _read(proof)
    if not isinstance(file.file_hash_op, OpSHA256):
        raise ProofError("it is not a proof about a sha256")
    blocks, pending = [], []
    for message, attestation in file.timestamp.all_attestations():
        if isinstance(attestation, BitcoinBlockHeaderAttestation):
            if attestation.height >= MAX_HEIGHT:
                raise ProofError("it names a block that does not exist")
            blocks.append((attestation.height, message))
        elif isinstance(attestation, PendingAttestation):
            pending.append((attestation.uri, message))
    return CalendarProof(file.file_digest.hex(), tuple(sorted(blocks)), tuple(sorted(pending)))


def may_ask(calendar: str, configured: str) -> bool:
    """Return whether a calendar that a proof names may be asked: a known public one, or the configured one.

    Other addresses come from an answer, which may name any host.
    """
    return calendar in DEFAULT_CALENDAR_WHITELIST or (
        configured != "" and calendar.rstrip("/") == configured.rstrip("/")
    )


def block_time(header: bytes, merkle_root: bytes) -> datetime:
    """Return the time of a block whose header has this Merkle root. Whether it is in the chain is not checked (D156).

    :param header: 80 bytes
    :raises ProofError: the header has another one, or its hash does not reach the target that it names
    """
    _, _, actual, seconds, target, _ = _HEADER.unpack(header)
    if actual != merkle_root:
        raise ProofError("the header of its block has another Merkle root")
    exponent, mantissa = target >> 24, target & 0x7FFFFF
    limit = mantissa << (8 * (exponent - 3)) if exponent >= 3 else mantissa >> (8 * (3 - exponent))
    digest = hashlib.sha256(hashlib.sha256(header).digest()).digest()
    if int.from_bytes(digest, "little") > limit:
        raise ProofError("the header of its block is not one: its hash is above the target that it names")
    return datetime.fromtimestamp(seconds, UTC)


def read_headers(data: bytes) -> dict[int, bytes]:
    """Parse block headers: a line for each, its height and 160 hexadecimal digits, as ``getblockheader`` prints them.

    :raises ProofError: a line is something else
    """
    headers = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"\s*(\d{1,9})\s+([0-9a-fA-F]{160})\s*", line, re.ASCII)
        if match is None:
            raise ProofError(f"line {number} is not a height and 160 hexadecimal digits")
        headers[int(match[1])] = bytes.fromhex(match[2])
    return headers


def _tip(timestamp: Timestamp, nonce: bytes) -> Timestamp:
    return timestamp.ops.add(OpAppend(nonce)).ops.add(OpSHA256())


def _nodes(timestamp: Timestamp) -> Iterator[Timestamp]:
    yield timestamp
    for below in list(timestamp.ops.values()):
        yield from _nodes(below)


def _read_answer(answer: bytes, message: bytes) -> Timestamp:
    with _wrap_errors("the calendar's answer is not a proof"):
        context = BytesDeserializationContext(answer)
        timestamp = Timestamp.deserialize(context, message)
        context.assert_eof()
        return timestamp


def _read(proof: bytes) -> DetachedTimestampFile:
    with _wrap_errors("it is not a proof of OpenTimestamps"):
        return DetachedTimestampFile.deserialize(BytesDeserializationContext(proof))


def _write(file: DetachedTimestampFile) -> bytes:
    context = BytesSerializationContext()
    with _wrap_errors("no calendar has answered"):
        file.serialize(context)
    data: bytes = context.getbytes()
    return data


@contextmanager
def _wrap_errors(message: str) -> Iterator[None]:
    """Turn the errors that the library raises for bytes that it cannot read into one of ours."""
    try:
        yield
    except (DeserializationError, ValueError, TypeError) as error:
        raise ProofError(message) from error
