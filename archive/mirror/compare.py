"""Compare an archive with a mirror: the roots of their manifests, and their journals byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from archive.backup.storage import BackupStorage
from archive.files.atomic import wrap_os_errors
from archive.files.hashing import sha256_of_file
from archive.files.layout import MANIFESTS_FOLDER, journal_path, manifests_path
from archive.journal.gzip_members import end_of_last_member
from archive.journal.warc import warc_files
from archive.mirror.format import MirroredFile, MirrorState
from archive.mirror.local import archive_id
from archive.mirror.reader import MirrorReader
from archive.model.errors import MirrorError

_READ_BYTES = 1 << 20


class Comparison(Struct):
    """What an archive and a mirror have in common."""

    place: str  # of the mirror
    at: str  # when its head was written, ISO 8601, UTC
    days: int = 0  # manifests whose roots are equal
    files: int = 0  # journal files that are equal, as far as both have them
    behind: int = 0  # bytes of the journal that only the mirror has: the archive is a replica that follows
    ahead: int = 0  # bytes that only the archive has: they are not copied yet
    difference: str | None = None  # the first one, as text for people


def compare_with_mirror(root: Path, storage: BackupStorage) -> Comparison:
    """Compare an archive, which may be in use, with a mirror.

    :raises MirrorError: there is no mirror, or it is damaged
    :raises ArchiveError: something cannot be read
    """
    reader = MirrorReader(storage)
    mirrored = reader.newest()
    if mirrored is None:
        raise MirrorError(f"there is no mirror at {storage.place}")
    result = Comparison(storage.place, mirrored.head.at)
    identity = archive_id(root)
    if identity != mirrored.head.archive:
        result.difference = f"it is the mirror of another archive ({mirrored.head.archive}, and this is {identity})"
        return result
    for difference in (*_roots(root, mirrored, result), *_journals(root, reader, mirrored, result)):
        result.difference = result.difference or difference
    return result


def _roots(root: Path, mirrored: MirrorState, result: Comparison) -> Iterator[str]:
    with wrap_os_errors(manifests_path(root)):
        ours = {path.stem: sha256_of_file(path) for path in sorted(manifests_path(root).glob("*.tsv"))}
    theirs = {
        path.removeprefix(f"{MANIFESTS_FOLDER}/").removesuffix(".tsv"): sha256
        for path, sha256 in mirrored.catalog.manifests.items()
        if path.endswith(".tsv")
    }
    for day in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(day), theirs.get(day)
        if here == there:
            result.days += 1
        elif here and there:
            yield f"the root of {day} is {here}, and {there} in the mirror"
        elif (here is None and day < max(ours, default="")) or (there is None and day < max(theirs, default="")):
            yield f"only the {'archive' if here else 'mirror'} has a manifest of {day}"


def _journals(root: Path, reader: MirrorReader, mirrored: MirrorState, result: Comparison) -> Iterator[str]:
    with wrap_os_errors(journal_path(root)):
        ours = {path.name: path for path in warc_files(journal_path(root))}
        theirs = mirrored.journal
        for name in sorted(ours.keys() | theirs.keys()):
            if name not in ours:
                result.behind += theirs[name].size
                if name < max(ours, default=""):
                    yield f"only the mirror has the raw pages {name}"
            elif name not in theirs:
                result.ahead += ours[name].stat().st_size
                if name < max(theirs, default=""):
                    yield f"only the archive has the raw pages {name}"
            elif difference := _file_difference(ours[name], theirs[name], reader, result):
                yield difference
            else:
                result.files += 1


def _file_difference(path: Path, mirrored: MirroredFile, reader: MirrorReader, result: Comparison) -> str | None:
    size = path.stat().st_size
    if size < mirrored.size:
        size = end_of_last_member(path) or 0  # what is being written is not compared
    result.behind += max(mirrored.size - size, 0)
    result.ahead += max(size - mirrored.size, 0)
    if size >= mirrored.size and _sha256(path, mirrored.size) == mirrored.sha256:
        return None
    with path.open("rb") as file:
        offset = 0
        for data in reader.pieces(path.name, mirrored):
            here = file.read(min(len(data), size - offset))
            if here != data[: len(here)]:
                first = next(n for n, (one, other) in enumerate(zip(here, data, strict=False)) if one != other)
                return f"the raw pages {path.name} differ from byte {offset + first} on"
            offset += len(here)
            if len(here) < len(data):
                break
    return None


def _sha256(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size and (data := file.read(min(_READ_BYTES, size))):
            digest.update(data)
            size -= len(data)
    return digest.hexdigest()
