"""The format of a mirror, version 1. Pure. See D266.

``journal/FILE/GENERATION/OFFSET`` is a piece of a journal file: whole gzip members, from this offset on. The pieces
of a generation follow each other without a gap. A file that was rewritten begins another generation.
``files/AB/SHA256`` has the bytes of a manifest, of an anchor, of an image, of a catalog or of the state of all lists.
``heads/SEQUENCE.json`` says what there is. Each change writes the next one, after everything that it names.
All of them are created and never changed; what no head needs any more is removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from archive.journal.groups import FILE_NAME
from archive.model.errors import MirrorError

VERSION = 1
HEADS, JOURNAL, FILES = "heads", "journal", "files"
# A piece of a file that is not the newest has about this many bytes; each takes a request of each replica.
PIECE_BYTES = 16 << 20
# Journal files whose state is in the head itself; that of the others is in its catalog, which seldom changes.
RECENT_FILES = 3
# Paths of manifests and anchors, relative to the archive's root; never outside their folder.
_MANIFEST = re.compile(r"\.finarchive/manifests/[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEAD = re.compile(rf"{HEADS}/(\d{{12}})\.json")
_PIECE = re.compile(rf"{JOURNAL}/([^/]+)/(\d{{6}})/(\d{{15}})")
_STORED_FILE = re.compile(rf"{FILES}/[0-9a-f]{{2}}/([0-9a-f]{{64}})")


class MirroredFile(Struct, frozen=True):
    """What a mirror has of a journal file."""

    generation: int  # from 1
    size: int  # bytes
    sha256: str  # of these bytes, hex
    changed: int  # time of the file's last change when it was copied, nanoseconds since 1970


class Catalog(Struct, frozen=True):
    """What seldom changes in a mirror."""

    journal: Mapping[str, MirroredFile] = field(default_factory=dict)  # by name; without the recent files
    manifests: Mapping[str, str] = field(default_factory=dict)  # path of a manifest or an anchor -> sha256
    has_links: bool = False  # the archive has second names of images, by address


class Head(Struct, frozen=True):
    """What a mirror has at one time."""

    archive: str  # id of the archive
    sequence: int  # from 1
    at: str  # when it was written, ISO 8601, UTC
    writer: str  # random, of the process that wrote it
    catalog: str  # sha256 of the catalog
    recent: Mapping[str, MirroredFile]  # the newest journal files
    lists: str | None  # sha256 of the state of all lists


class MirrorState(Struct, frozen=True):
    """A head with its catalog."""

    head: Head
    catalog: Catalog

    @property
    def journal(self) -> dict[str, MirroredFile]:
        """All journal files, in the order they were written."""
        return dict(sorted({**self.catalog.journal, **self.head.recent}.items()))


def head_name(sequence: int) -> str:
    """Return the name of a head."""
    return f"{HEADS}/{sequence:012d}.json"


def sequences(names: Iterable[str]) -> list[int]:
    """Return the numbers of the heads among some names, ascending."""
    return sorted(int(match[1]) for name in names if (match := _HEAD.fullmatch(name)))


def generation_folder(file: str, generation: int) -> str:
    """Return the folder of the pieces of a journal file."""
    return f"{JOURNAL}/{file}/{generation:06d}"


def piece_name(file: str, generation: int, offset: int) -> str:
    """Return the name of the piece that begins at an offset."""
    return f"{generation_folder(file, generation)}/{offset:015d}"


def piece_of(name: str) -> tuple[str, int, int] | None:
    """Return file, generation and offset of a piece; None if the name is none of a piece."""
    match = _PIECE.fullmatch(name)
    return (match[1], int(match[2]), int(match[3])) if match else None


def file_name(sha256: str) -> str:
    """Return the name of the file with these bytes."""
    return f"{FILES}/{sha256[:2]}/{sha256}"


def sha256_of_name(name: str) -> str | None:
    """Return the sha256 that a file is named by; None if the name is none of such a file."""
    match = _STORED_FILE.fullmatch(name)
    return match[1] if match else None


def dump_head(head: Head) -> bytes:
    """Return a head as it is kept."""
    document = {
        "finarchive-mirror": VERSION,
        "archive": head.archive,
        "sequence": head.sequence,
        "at": head.at,
        "writer": head.writer,
        "catalog": head.catalog,
        "journal": dump_files(head.recent),
        "lists": head.lists,
    }
    return json.dumps(document).encode()


def load_head(data: bytes, place: str) -> Head:
    """Return a head.

    :param place: of the mirror, for messages
    :raises MirrorError: it is damaged, or a newer finarchive wrote it
    """
    try:
        document = json.loads(data)
        if type(document["finarchive-mirror"]) is int and document["finarchive-mirror"] > VERSION:
            raise MirrorError(f"a newer finarchive wrote the mirror {place}: upgrade finarchive")
        lists = document["lists"]
        return Head(
            _text(document["archive"]),
            _number(document["sequence"]),
            _text(document["at"]),
            _text(document["writer"]),
            _digest(document["catalog"]),
            load_files(document["journal"]),
            None if lists is None else _digest(lists),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(place, "its newest head", error) from error


def dump_catalog(catalog: Catalog) -> bytes:
    """Return a catalog as it is kept."""
    document = {
        "journal": dump_files(catalog.journal),
        "manifests": dict(sorted(catalog.manifests.items())),
        "links": catalog.has_links,
    }
    return json.dumps(document).encode()


def load_catalog(data: bytes, place: str) -> Catalog:
    """Return a catalog. As :func:`load_head`."""
    try:
        document = json.loads(data)
        manifests = {_manifest(path): _digest(sha256) for path, sha256 in document["manifests"].items()}
        return Catalog(load_files(document["journal"]), manifests, bool(document["links"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(place, "its catalog", error) from error


def damaged(place: str, part: str, reason: object) -> MirrorError:
    """Return the error for a mirror that is damaged."""
    return MirrorError(f"the mirror {place} is damaged ({part}: {reason}): name an empty place in journal.mirror")


def dump_files(files: Mapping[str, MirroredFile]) -> dict[str, list[Any]]:
    """Return journal files as a JSON object."""
    return {name: [each.generation, each.size, each.sha256, each.changed] for name, each in sorted(files.items())}


def load_files(document: Any) -> dict[str, MirroredFile]:
    """Return the journal files of :func:`dump_files`.

    :raises ValueError: it is not valid, or a TypeError, KeyError or AttributeError
    """
    files = {}
    for name, (generation, size, sha256, changed) in document.items():
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no name of a journal file")
        files[name] = MirroredFile(_number(generation), _number(size), _digest(sha256), _number(changed))
    return files


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.80} is no number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{value!r:.80} is no sha256")
    return value


def _manifest(path: str) -> str:
    if not _MANIFEST.fullmatch(path):
        raise ValueError(f"{path[:80]!r} is no path of a manifest")
    return path
