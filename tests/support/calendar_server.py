"""A calendar of OpenTimestamps on loopback, and a chain of blocks with the difficulty of Bitcoin's regtest."""

from __future__ import annotations

import hashlib
import struct

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp

from tests.support.http_service import HttpService, QuietHandler

HEIGHT = 840_000
EASIEST = 0x207FFFFF  # every second hash is below this target


def serialized(timestamp: Timestamp) -> bytes:
    """The bytes of a timestamp, as calendars send it."""
    context = BytesSerializationContext()
    timestamp.serialize(context)
    data: bytes = context.getbytes()
    return data


def header(merkle_root: bytes, time: int) -> bytes:
    """A block header whose hash is below its target."""
    for nonce in range(1000):
        data = struct.pack("<I32s32sIII", 2, b"\1" * 32, merkle_root, time, EASIEST, nonce)
        if hashlib.sha256(hashlib.sha256(data).digest()).digest()[-1] < 0x7F:
            return data
    raise AssertionError("no nonce fits")


class CalendarServer(HttpService):
    """Takes digests; :meth:`mine` puts each into a block."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []
        self.blocks: dict[bytes, bytes] = {}  # commitment -> answer
        self.requests: list[str] = []
        self.answer: bytes | None = None  # sent in place of a proof
        calendar = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                digest = self.rfile.read(int(self.headers["Content-Length"]))
                calendar.requests.append(self.path)
                self._send(200, calendar.answer if calendar.answer is not None else calendar.take(digest))

            def do_GET(self) -> None:
                calendar.requests.append(self.path)
                found = calendar.blocks.get(bytes.fromhex(self.path.rpartition("/")[2]))
                self._send(200 if found else 404, found or b"Pending confirmation in Bitcoin blockchain")

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)
        self.url = f"http://127.0.0.1:{self.port}"

    def take(self, digest: bytes, uri: str = "") -> bytes:
        """The answer to a digest: a commitment, which is pending."""
        timestamp = Timestamp(digest)
        tip = timestamp.ops.add(OpAppend(b"calendar")).ops.add(OpSHA256())
        tip.attestations.add(PendingAttestation(uri or self.url))
        self.digests.append(tip.msg)
        return serialized(timestamp)

    def mine(self, time: int) -> str:
        """Put each commitment into a block of its own; return the lines for the file of block headers."""
        lines = []
        for height, digest in enumerate(self.digests, start=HEIGHT):
            timestamp = Timestamp(digest)
            tip = timestamp.ops.add(OpAppend(b"block")).ops.add(OpSHA256())
            tip.attestations.add(BitcoinBlockHeaderAttestation(height))
            self.blocks[digest] = serialized(timestamp)
            lines.append(f"{height} {header(tip.msg, time).hex()}\n")
        return "".join(lines)
