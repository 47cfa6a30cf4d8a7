"""Whether the manifests are as they were written, and the archive is what they vouch for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from archive.files.hashing import sha256_of, sha256_of_file
from archive.files.layout import index_path, manifests_path
from archive.files.manifest import Line, read_manifest
from archive.model.times import to_text
from archive.store import Store


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was recorded."""

    kind: str  # missing, tampered, extra, warc, index, chain
    path: str  # relative to the archive's root
    detail: str  # in words


def of_manifests(root: Path, store: Store, named: Set[str], read: Mapping[str, str | None]) -> Iterator[Problem]:
    """What is wrong with the manifests, their chain, and what they vouch for.

    :param named: paths that have a problem already
    :param read: the sha256 of files that were read already, by their paths
    """
    folder, roots = manifests_path(root), store.manifests.roots()
    previous: tuple[str, str] | None = None
    for day in sorted(roots):
        path = folder / f"{day}.tsv"
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file():
            yield Problem("missing", name, "there is no such manifest")
        elif (found := sha256_of(data := path.read_bytes())) != roots[day]:
            yield Problem("tampered", name, f"its sha256 is {found}, recorded is {roots[day]}")
        else:
            yield from _of_one(root, store, path, data, previous=previous, named=named, read=read)
        previous = day, roots[day]
    known = {f"{day}.tsv" for day in roots}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in known:
            yield Problem("extra", path.relative_to(root).as_posix(), "nothing is recorded of this manifest")


def _of_one(
    root: Path,
    store: Store,
    path: Path,
    data: bytes,
    *,
    previous: tuple[str, str] | None,
    named: Set[str],
    read: Mapping[str, str | None],
) -> Iterator[Problem]:
    name = path.relative_to(root).as_posix()
    day, stated, lines = read_manifest(data)
    if stated != previous:
        yield Problem("chain", name, f"it follows {stated or 'none'}, and the one before it is {previous or 'none'}")
    versions = {line for line in lines if line.docid != "-"}
    index = {
        Line(each.sha256, each.path, each.docid, str(each.number), to_text(each.fetched_at) or "-")
        for each in store.manifests.sealed(day)
    }
    for line in sorted(versions ^ index, key=lambda line: (line.path, line.revision)):
        what = "the index says something else of" if line in versions else "the manifest says nothing of"
        yield Problem(
            "index", index_path(root).relative_to(root).as_posix(), f"{name}: {what} {line.docid} {line.revision}"
        )
    for line in lines:
        if line.docid != "-" or line.path in named:
            continue
        file = root / line.path
        if not file.is_file():
            yield Problem("missing", line.path, f"{name} vouches for it, and it is not there")
        elif (found := read.get(line.path) or sha256_of_file(file)) != line.sha256:
            yield Problem("tampered", line.path, f"its sha256 is {found}, {name} says {line.sha256}")
