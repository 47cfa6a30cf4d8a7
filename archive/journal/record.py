"""One record of a WARC file, taken apart and checked before anything relies on it. Pure. See D182."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

OURS = "urn:finarchive:"  # prefix of a metadata record's target; the event's kind follows
FILLER = OURS + "filler"  # target of a record of zeros in the place of removed ones; no event
KINDS = frozenset({"warcinfo", "request", "response", "revisit", "metadata"})  # that are written here

_END = b"\r\n\r\n"  # of a record's head, and of its block
_REQUIRED = ("warc-type", "warc-date", "content-length")
_REQUIRED_OF_OURS = ("warc-record-id", "warc-target-uri")
_LENGTH = re.compile(r"[0-9]{1,18}")
_YEARS = range(1900, 9000)  # others are no times of observations, and calculations with them overflow


class WarcRecord(Struct, frozen=True):
    """A record whose length, date and headers are those of a record."""

    kind: str  # WARC-Type
    headers: Mapping[str, str]  # by name in lower case
    block: bytes
    at: datetime  # WARC-Date; aware

    @property
    def target(self) -> str:
        """WARC-Target-URI; "" if there is none."""
        return self.headers.get("warc-target-uri", "")

    @property
    def is_event(self) -> bool:
        """True for a metadata record that this program writes, the last one of its group."""
        return self.kind == "metadata" and self.target.startswith(OURS) and not self.is_filler

    @property
    def is_filler(self) -> bool:
        """True for a record without content, which fills the place of removed ones."""
        return self.kind == "metadata" and self.target == FILLER

    @property
    def is_foreign(self) -> bool:
        """True for a record of another program."""
        is_other_metadata = self.kind == "metadata" and bool(self.target) and not self.target.startswith(OURS)
        return is_other_metadata or (self.kind not in KINDS and not self.target.startswith(OURS))


def parse_record(data: bytes) -> WarcRecord:
    """Take a record apart.

    :raises ValueError: it is none, or not a whole one; the message says why
    """
    head, separator, block = data.partition(_END)
    if not separator:
        raise ValueError("the head of its record does not end")
    headers = _headers(head)
    for name in _REQUIRED:
        if not headers.get(name):
            raise ValueError(f"the record has no {name}")
    stated = headers["content-length"]
    if not _LENGTH.fullmatch(stated) or len(block) != int(stated) + len(_END) or not block.endswith(_END):
        raise ValueError(
            f"its record states the length {stated[:40]!r}, and has {max(len(block) - len(_END), 0)} bytes"
        )
    record = WarcRecord(headers["warc-type"], headers, block[: -len(_END)], _date(headers["warc-date"]))
    for name in _REQUIRED_OF_OURS if record.kind != "warcinfo" and not record.is_foreign else ():
        if not headers.get(name):
            raise ValueError(f"the record has no {name}")
    return record


def _headers(head: bytes) -> dict[str, str]:
    try:
        version, *lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the head of its record is not UTF-8") from None
    if not version.startswith("WARC/1."):
        raise ValueError("it is no record of WARC/1")
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        key = name.lower()
        if not separator or not name.strip():
            raise ValueError(f"the head of its record has the line {line[:40]!r}")
        if key in headers:
            raise ValueError(f"the record states {key[:40]} twice")
        headers[key] = value.strip()
    return headers


def _date(stated: str) -> datetime:
    try:
        at = datetime.fromisoformat(stated)
    except ValueError:
        raise ValueError(f"its record has the date {stated[:40]!r}") from None
    if at.tzinfo is None or at.year not in _YEARS:
        raise ValueError(f"its record has the date {stated[:40]!r}")
    return at
