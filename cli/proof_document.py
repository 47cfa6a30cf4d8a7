"""What ``verify`` trusts, and the JSON of what it found about anchors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from archive.integrity.anchor_check import ProofReport, Trust
from cli.context import CommandError
from config.proof_settings import ProofSettings
from scheduler.monitoring.reports import iso


def read_trust(proof: ProofSettings, roots: Sequence[str]) -> Trust:
    """Read what anchors are checked with.

    :param roots: those kept elsewhere, each as DAY=SHA256
    :raises CommandError: a file cannot be read, or a root has another form
    """
    public_key = _read("public_key", proof.public_key)
    if not public_key and proof.key:
        public_key = _own_public_key(_read("key", proof.key))
    return Trust(
        _read("certificates", proof.certificates),
        _read("block_headers", proof.block_headers),
        public_key,
        _parse_roots(roots),
    )


def proof_json(report: ProofReport) -> dict[str, Any]:
    """Return the keys of ``verify --json`` about anchors."""
    return {
        "anchors": [
            {
                "path": each.path,
                "day": each.day,
                "anchor": each.anchor,
                "state": each.state,
                "at": iso(each.at) if each.at else None,
                "detail": each.detail,
            }
            for each in report.anchors
        ],
        "days": [
            {
                "day": each.day,
                "root": each.root,
                "since": iso(each.since) if each.since else None,
                "by": each.by,
                "signed_by": each.signed_by,
                "kept": each.kept,
            }
            for each in report.days
        ],
    }


def _read(setting: str, path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} of proof.{setting} cannot be read: {error.strerror}") from error


def _own_public_key(secret: bytes) -> bytes:
    """Return the file of the public key that belongs to a secret one."""
    from archive.model.errors import ProofError  # noqa: PLC0415 - most archives have no key
    from archive.proof.minisign import read_secret_key, write_public_key  # noqa: PLC0415

    try:
        return write_public_key(read_secret_key(secret).public)
    except ProofError as error:
        raise CommandError(f"the file of proof.key cannot be used: {error}") from error


def _parse_roots(texts: Sequence[str]) -> dict[str, str]:
    roots: dict[str, str] = {}
    for text in texts:
        match = re.fullmatch(r"(\d{4}-\d\d-\d\d)=([0-9a-fA-F]{64})", text.strip(), re.ASCII)
        try:
            if match is None:
                raise ValueError
            day, root = date.fromisoformat(match[1]).isoformat(), match[2].lower()
        except ValueError:
            raise CommandError(f"{text!r} is no root such as 2026-09-29=SHA256, with 64 hexadecimal digits") from None
        if roots.setdefault(day, root) != root:
            raise CommandError(f"two different roots of {day} are given")
    return roots
