"""Anchors the newest root at one place, and writes the file of the anchor. The work is done by a child process.

The newest root covers all earlier days through the chain of manifests, so an anchor of each new root is enough. D150
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct

from archive.files import atomic
from archive.files.layout import MANIFESTS_FOLDER, manifests_path, unfinished_path
from archive.model.article import Post
from archive.model.errors import ArchiveError
from archive.proof.anchor_files import MINISIGN, OPENTIMESTAMPS, anchor_file_name, parse_anchor_file
from config.anchors import AnchorTarget
from config.proof_settings import ProofSettings
from scheduler.child_process import run_child

# For a whole anchor: a push over a slow line takes ten seconds, four calendars at once up to thirty.
ANCHOR_TIMEOUT_SECONDS = 60.0
MODULE = "scheduler.anchors.anchor_process"


class Anchor(Struct, frozen=True):
    """A configured place for roots, or the key that signs them."""

    name: str  # in file names, log lines and metrics
    place: str  # for people, without credentials
    kind: str
    request: Mapping[str, Any]  # what the child process needs; secret

    def __repr__(self) -> str:
        return f"Anchor(name={self.name!r}, place={self.place!r}, kind={self.kind!r})"  # without the request


class Renewal(Struct, frozen=True):
    """What was done for an anchor."""

    anchor: str  # its name
    place: str
    day: str  # of the root
    change: str  # "anchored", "confirmed" (a pending proof has its block), or "" for nothing
    failure: str | None = None  # why it failed, without secrets


def anchors_of(proof: ProofSettings) -> list[Anchor]:
    """Return the configured anchors; the signature is one of them."""
    anchors = [_anchor(target, proof.certificates) for target in proof.targets]
    if proof.key:
        anchors.append(Anchor(MINISIGN, f"{MINISIGN}:{proof.key}", MINISIGN, {"address": str(proof.key.absolute())}))
    return anchors


def _anchor(target: AnchorTarget, certificates: Path | None) -> Anchor:
    request = {
        "address": target.address,
        "branch": target.branch,
        "place": target.place,
        "certificates": str(certificates.absolute()) if certificates else None,
    }
    return Anchor(target.name, str(target), target.kind, request)


def is_anchored(root: Path, day: str, anchor: Anchor) -> bool:
    """Return whether there is a file of this anchor of a day's root."""
    return (manifests_path(root) / anchor_file_name(day, anchor.name)).exists()


async def renew(root: Path, newest: tuple[str, str], anchor: Anchor) -> list[Renewal]:
    """Anchor the newest root if it is not, and look whether pending proofs are confirmed by now.

    :param root: the archive's folder
    :param newest: day and sha256 of the newest manifest
    :return: what was done, and what failed; empty if there was nothing to do
    """
    done: list[Renewal] = []
    if not is_anchored(root, newest[0], anchor):
        done.append(await _renew(root, newest, anchor))
    if anchor.kind == OPENTIMESTAMPS:
        done += await _upgrade(root, anchor)
    return done


async def _renew(root: Path, newest: tuple[str, str], anchor: Anchor) -> Renewal:
    day, sha256 = newest
    manifest = manifests_path(root) / f"{day}.tsv"
    # The parent makes and removes the folder: a child that is killed cannot.
    with tempfile.TemporaryDirectory(prefix="finarchive-anchor-", ignore_cleanup_errors=True) as work:
        request = {
            **anchor.request,
            "action": "anchor",
            "kind": anchor.kind,
            "day": day,
            "root": sha256,
            "work": work,
        }
        answer = await run_child(MODULE, request | {"manifest": str(manifest.absolute())}, ANCHOR_TIMEOUT_SECONDS)
    failure = answer["failure"]
    if failure is None:
        failure = _write(root, anchor_file_name(day, anchor.name), answer["data"])
    return Renewal(anchor.name, anchor.place, day, "" if failure else "anchored", failure)


async def _upgrade(root: Path, anchor: Anchor) -> list[Renewal]:
    folder = manifests_path(root)
    request = {**anchor.request, "action": "upgrade", "folder": str(folder.absolute()), "anchor": anchor.name}
    answer = await run_child(MODULE, request, ANCHOR_TIMEOUT_SECONDS)
    if answer["failure"] is not None:
        return [Renewal(anchor.name, anchor.place, "-", "", answer["failure"])]
    renewals = []
    for name, data in answer["files"].items():
        file = parse_anchor_file(folder / name)
        if file:
            failure = _write(root, name, data)
            renewals.append(Renewal(anchor.name, anchor.place, file.day, "" if failure else "confirmed", failure))
    return renewals


def _write(root: Path, name: str, data: str) -> str | None:
    """Write the file of an anchor; return why it could not be written."""
    post = Post(PurePosixPath(MANIFESTS_FOLDER, name), base64.b64decode(data))
    try:
        atomic.write_posts(root, unfinished_path(root), [post])
    except ArchiveError as error:
        return str(error)
    return None
