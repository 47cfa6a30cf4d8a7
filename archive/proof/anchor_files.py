"""Files of anchors and signatures, which are beside the manifests. Pure, except for :func:`list_anchor_files`.

The anchor rfc3161-0123456789ab of 2026-09-29.tsv is 2026-09-29.rfc3161-0123456789ab.tsr. Its signature is
2026-09-29.tsv.minisig, where minisign looks for it. D151
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from msgspec import Struct

RFC3161, OPENTIMESTAMPS, GIT, COMMAND, MINISIGN = "rfc3161", "opentimestamps", "git", "command", "minisign"
# Kind -> extension: those of the tools that check the file, or JSON.
EXTENSIONS = {RFC3161: "tsr", OPENTIMESTAMPS: "ots", GIT: "json", COMMAND: "json"}
# A larger file is damaged. Time-stamp tokens have about 6 kB, the output of a command at most 64 KiB.
MAX_BYTES = 1024 * 1024

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.(?:(([a-z0-9]+)-[0-9a-f]{12})\.([a-z]+)|tsv\.minisig)", re.ASCII)


class AnchorFile(Struct, frozen=True):
    """An anchor, or a signature, of a manifest."""

    path: Path
    day: str  # of the manifest, YYYY-MM-DD
    kind: str  # a key of EXTENSIONS, or MINISIGN
    anchor: str  # the name of the place, such as "git-0123456789ab"; MINISIGN for a signature


def anchor_file_name(day: str, anchor: str) -> str:
    """Return the file name of an anchor.

    :param anchor: the name of the place, such as "git-0123456789ab", or MINISIGN
    """
    if anchor == MINISIGN:
        return f"{day}.tsv.minisig"
    return f"{day}.{anchor}.{EXTENSIONS[anchor.partition('-')[0]]}"


def parse_anchor_file(path: Path) -> AnchorFile | None:
    """Return what a file in the folder of manifests is by its name; None if it is not an anchor or a signature."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    day, anchor, kind, extension = match.groups()
    try:
        date.fromisoformat(day)
    except ValueError:
        return None
    if anchor is None:
        return AnchorFile(path, day, MINISIGN, MINISIGN)
    return AnchorFile(path, day, kind, anchor) if EXTENSIONS.get(kind) == extension else None


def list_anchor_files(folder: Path) -> list[AnchorFile]:
    """Return the anchors and signatures in the folder of manifests, by name; none if there is no such folder."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [found for path in paths if (found := parse_anchor_file(path))]
