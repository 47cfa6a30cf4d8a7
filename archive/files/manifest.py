"""Daily manifests: what was observed on a day, with its hashes, chained to the manifest before. Pure.

A manifest is text that sha256sum and cut can work with: three lines of comment, then a line for each version observed
that day, for each picture first kept that day, and for each file of raw pages that was finished by then: sha256,
path, docid, revision, time, tabs between. The hash of a manifest's own bytes stands in the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HEADING = "# finarchive manifest 1"


@dataclass(frozen=True, slots=True)
class Line:
    """What a manifest vouches for."""

    sha256: str
    path: str  # relative to the archive's root; of a version, that of its article
    docid: str = "-"  # "-": a file of raw pages, or a picture
    revision: str = "-"
    observed: str = "-"  # ISO 8601, UTC


def write_manifest(day: str, previous: tuple[str, str] | None, lines: Iterable[Line]) -> bytes:
    """A day's manifest.

    :param day: YYYY-MM-DD, in China
    :param previous: the day of the manifest before and the sha256 of its bytes; None for the first
    """
    before = " ".join(previous) if previous else "none"
    rows = sorted(
        (f"{each.sha256}\t{each.path}\t{each.docid}\t{each.revision}\t{each.observed}" for each in lines),
        key=lambda row: row.split("\t")[1:],
    )
    return "\n".join([HEADING, f"# day {day}", f"# previous {before}", *rows, ""]).encode()


def read_manifest(data: bytes) -> tuple[str, tuple[str, str] | None, list[Line]]:
    """The reverse of :func:`write_manifest`.

    :return: the day, the day and hash of the manifest before, and the lines
    :raises ValueError: it is none
    """
    heading, day, previous, *rows = data.decode().split("\n")
    if heading != HEADING or not day.startswith("# day ") or not previous.startswith("# previous "):
        raise ValueError("it does not begin as a manifest does")
    before = previous.removeprefix("# previous ").split(" ")
    lines = [Line(*row.split("\t")) for row in rows if row]
    return day.removeprefix("# day "), (before[0], before[1]) if len(before) > 1 else None, lines
