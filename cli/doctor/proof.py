"""The checks of ``doctor`` about anchors and signatures. Nothing is anchored."""

from __future__ import annotations

import shlex
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from archive.model.errors import ProofError
from archive.proof.minisign import read_public_key, read_secret_key
from cli.doctor.check import Check
from config.anchors import COMMAND, GIT, AnchorTarget
from config.proof_settings import ProofSettings
from scheduler.exits import Exit

CONNECT_TIMEOUT_SECONDS = 5.0  # a reachable host answers within one


def check_proof(proof: ProofSettings) -> Iterator[Check]:
    """Check what anchors need, and the files with which they are verified."""
    for target in proof.targets:
        problem = _problem(target)
        yield Check("anchor", problem is None, f"{target}: {problem or 'finarchive proof --anchor anchors there'}")
    for setting, path, read in (
        ("key", proof.key, _secret_key),
        ("public_key", proof.public_key, lambda path: f"the key {read_public_key(path.read_bytes()).id}"),
        ("certificates", proof.certificates, _certificates),
        ("block_headers", proof.block_headers, _block_headers),
    ):
        if path is not None:
            yield _check_file(setting, path, read)


def _problem(target: AnchorTarget) -> str | None:
    """Return what a place for anchors lacks, without its credentials; None if nothing is known to be missing."""
    if target.kind == COMMAND:
        program = shlex.split(target.address)[0]
        return None if shutil.which(program) else "there is no such program, or it may not be run"
    if target.kind == GIT:
        if shutil.which("git") is None:
            return "git is not installed"
        is_missing = target.address.startswith("/") and not Path(target.address).is_dir()
        return "there is no such folder" if is_missing else None
    if not target.address:
        return None  # the public calendars: one of them is enough, and the anchor names those that do not answer
    parts = urlsplit(target.address)
    try:
        address = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection(address, CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        return f"it cannot be reached ({error.strerror or 'it takes too long'})"
    return None


def _check_file(setting: str, path: Path, read: Callable[[Path], str]) -> Check:
    try:
        return Check("proof", True, f"{path}: {read(path)}")
    except OSError as error:
        return Check("proof", False, f"proof.{setting}: {path} cannot be read: {error.strerror}", Exit.USAGE)
    except ProofError as error:
        return Check("proof", False, f"proof.{setting}: {path} cannot be used: {error}", Exit.USAGE)


def _secret_key(path: Path) -> str:
    key = read_secret_key(path.read_bytes())
    if path.stat().st_mode & 0o077:
        raise ProofError("others may read it: chmod 600, or make another key")
    return f"signs roots with the key {key.public.id}"


def _certificates(path: Path) -> str:
    try:
        from archive.proof.rfc3161 import read_certificates  # noqa: PLC0415 - needs finarchive[proof]
    except ImportError:
        raise ProofError("this needs pip install 'finarchive[proof]'") from None
    return f"{len(read_certificates(path.read_bytes()))} certificates"


def _block_headers(path: Path) -> str:
    try:
        from archive.proof.open_timestamps import read_headers  # noqa: PLC0415 - needs finarchive[proof]
    except ImportError:
        raise ProofError("this needs pip install 'finarchive[proof]'") from None
    return f"{len(read_headers(path.read_bytes()))} block headers"
