"""Daily manifests: the hashes of everything observed on a day, chained to the previous manifest. Pure.

A manifest is text for sha256sum and cut: three lines of comment, then a line for each revision observed that day,
for each image first stored that day, and for each WARC file finished by then. A line has sha256, path, docid,
revision and time, separated by tabs. Each manifest contains the hash of the previous one.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

HEADING = "# finarchive manifest 1"


class Line(Struct, frozen=True):
    """One line of a manifest."""

    sha256: str  # of the file, hex
    path: str  # relative to the archive's root; of a revision, that of its article
    docid: str = "-"  # "-": a WARC file or an image
    revision: str = "-"
    observed: str = "-"  # ISO 8601, UTC


def write_manifest(day: str, previous: tuple[str, str] | None, lines: Iterable[Line]) -> bytes:
    """Return the bytes of a day's manifest.

    :param day: YYYY-MM-DD, in China
    :param previous: day and sha256 of the previous manifest; None for the first
    """
    link = " ".join(previous) if previous else "none"
    rows = sorted(
        (f"{each.sha256}\t{each.path}\t{each.docid}\t{each.revision}\t{each.observed}" for each in lines),
        key=lambda row: row.split("\t")[1:],
    )
    return "\n".join([HEADING, f"# day {day}", f"# previous {link}", *rows, ""]).encode()


def read_manifest(data: bytes) -> tuple[str, tuple[str, str] | None, list[Line]]:
    """Parse the bytes of :func:`write_manifest`.

    :return: the day, the day and sha256 of the previous manifest, and the lines
    :raises ValueError: they are not a manifest
    """
    heading, day, previous, *rows = data.decode().split("\n")
    if heading != HEADING or not day.startswith("# day ") or not previous.startswith("# previous "):
        raise ValueError("the first three lines are not those of a manifest")
    link = previous.removeprefix("# previous ").split(" ")
    lines = [Line(*row.split("\t")) for row in rows if row]
    return day.removeprefix("# day "), (link[0], link[1]) if len(link) > 1 else None, lines
