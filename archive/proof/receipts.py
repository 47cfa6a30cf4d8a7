"""Receipts: what is kept of an anchor in a git repository or by a command. Pure.

A receipt says where the root went. It proves nothing, because who can write the folder can write it. The repository
does, or whoever got the root from the command (D154).
"""

from __future__ import annotations

import json
from datetime import datetime

from msgspec import Struct

from archive.model.errors import ProofError
from archive.records import as_dict

_HEADING = "finarchive anchor 1"


class Receipt(Struct, frozen=True):
    """The receipt of an anchored root."""

    day: str  # of the manifest
    root: str  # sha256 of the manifest, hex
    place: str  # host, folder or program, without credentials
    at: str  # when it was anchored, by the clock of this machine; ISO 8601, UTC
    commit: str = ""  # git: the commit, hex
    branch: str = ""  # git
    output: str = ""  # command: what it printed


def write_receipt(receipt: Receipt) -> bytes:
    """Return a receipt as JSON on several lines."""
    values = {key: value for key, value in as_dict(receipt).items() if value}
    return (json.dumps({"format": _HEADING, **values}, ensure_ascii=False, indent=1) + "\n").encode()


def read_receipt(data: bytes) -> Receipt:
    """Parse the bytes of :func:`write_receipt`.

    :raises ProofError: they are not a receipt
    """
    try:
        values = json.loads(data)
        if values.pop("format") != _HEADING or not all(isinstance(value, str) for value in values.values()):
            raise ValueError("another format")
        receipt = Receipt(**values)
        if datetime.fromisoformat(receipt.at).tzinfo is None:
            raise ValueError("a time without its zone")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProofError("it is not a receipt of finarchive") from error
    return receipt
