"""Put a record in the place of longer ones. What is left is filled with zeros, which a disk need not store. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from archive.journal.gzip_members import write_zeros
from archive.journal.record import FILLER

_END = b"\r\n\r\n"
# Of a filler besides its zeros: the head of its record, compressed, and the frames of gzip and deflate.
_MOST_OVERHEAD = 1024
# Its zeros are at least a whole block of the disk, 4 KiB, wherever they begin.
LEAST_FILLER = 2 * 4096 + _MOST_OVERHEAD


def fill(member: bytes, at: datetime, size: int) -> bytes | None:
    """Return a record and a filler, which together have exactly this size; None if that would free no room.

    :param member: the record, a member of a gzip file
    :param at: WARC-Date of the filler; aware
    :param size: in bytes
    """
    left = size - len(member)
    if left < LEAST_FILLER:
        return None
    count = left - _MOST_OVERHEAD - left // 0xFFFF * 5  # a stored block has five bytes of its own
    head = (
        "WARC/1.1",
        "WARC-Type: metadata",
        f"WARC-Record-ID: <urn:uuid:{uuid4()}>",
        f"WARC-Date: {at.isoformat()}",
        f"WARC-Target-URI: {FILLER}",
        "Content-Type: application/octet-stream",
        f"Content-Length: {count}",
    )
    filler = write_zeros("\r\n".join(head).encode() + _END, count, _END, left)
    return member + filler if filler else None
