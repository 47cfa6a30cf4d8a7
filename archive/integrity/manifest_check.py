"""Check the manifests, their chain, and the files that they record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from archive.files.hashing import sha256_of, sha256_of_file
from archive.files.layout import index_path, journal_path, manifests_path
from archive.files.manifest import Line, read_manifest
from archive.journal.tombstones import Rewrite
from archive.model.times import to_text
from archive.proof.anchor_files import parse_anchor_file
from archive.store import Store


class Problem(Struct, frozen=True):
    """A file or row that differs from its record."""

    kind: str  # missing, tampered, extra, warc, index, chain, anchor, root
    path: str  # relative to the archive's root
    detail: str  # text for people


def check_manifests(
    root: Path,
    store: Store,
    named: Set[str],
    read: Callable[[str], str | None],
    rewritten: Iterable[Rewrite] = (),
    *,
    formatted: datetime | None = None,
) -> Iterator[Problem]:
    """Check each manifest, the chain, and the files and versions that the manifests record.

    :param named: paths with a problem that is reported already
    :param read: returns the sha256 of a file that was read already; None: it was not, or is unreadable
    :param rewritten: tombstones, by whose sha256 a journal file may have changed (D184)
    :param formatted: until when versions are written with later settings (D234); None: none is
    """
    replaced = _Replaced(root, rewritten, to_text(formatted) or "")
    folder, roots = manifests_path(root), store.manifests.roots()
    previous: tuple[str, str] | None = None
    for day in sorted(roots):
        path = folder / f"{day}.tsv"
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file():
            yield Problem("missing", name, "there is no such manifest")
        elif (actual := sha256_of(data := path.read_bytes())) != roots[day]:
            yield Problem("tampered", name, f"its sha256 is {actual}, recorded is {roots[day]}")
        else:
            yield from _check_manifest(
                root, store, path, data, previous=previous, named=named, read=read, replaced=replaced
            )
        previous = day, roots[day]
    recorded = {f"{day}.tsv" for day in roots}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        # Files of anchors are checked in anchor_check. A killed process can leave the next manifest unrecorded.
        if path.name not in recorded and not parse_anchor_file(path) and not _is_next(path, previous):
            yield Problem("extra", path.relative_to(root).as_posix(), "the index has no record of this manifest")


def _is_next(path: Path, newest: tuple[str, str] | None) -> bool:
    """Return whether a file is a manifest that follows the newest recorded one: the next start records it."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        day, follows, _ = read_manifest(path.read_bytes())
    except (ValueError, TypeError):
        return False
    return path.name == f"{day}.tsv" and follows == newest


def _check_manifest(
    root: Path,
    store: Store,
    path: Path,
    data: bytes,
    *,
    previous: tuple[str, str] | None,
    named: Set[str],
    read: Callable[[str], str | None],
    replaced: _Replaced,
) -> Iterator[Problem]:
    name = path.relative_to(root).as_posix()
    day, follows, lines = read_manifest(data)
    if follows != previous:
        yield Problem(
            "chain", name, f"it follows {follows or 'none'}, but the manifest before it is {previous or 'none'}"
        )
    versions = {line for line in lines if line.docid != "-"} - _forgotten(store, lines)
    index = {
        Line(each.sha256, each.path, each.docid, str(each.number), to_text(each.fetched_at) or "-")
        for each in store.manifests.sealed(day)
    }
    versions -= replaced.written_again(store, versions - index)
    for line in sorted(versions ^ index, key=lambda line: (line.path, line.revision)):
        what = "the index differs in" if line in versions else "the manifest lacks"
        yield Problem(
            "index", index_path(root).relative_to(root).as_posix(), f"{name}: {what} {line.docid} {line.revision}"
        )
    removed = store.forgotten.image_files()
    for line in lines:
        if line.docid != "-" or line.path in named:
            continue
        file = root / line.path
        if removed.get(line.path) == line.sha256 and not file.exists():
            pass
        elif not file.is_file():
            yield Problem("missing", line.path, f"{name} records it, but there is no such file")
        elif (actual := read(line.path) or sha256_of_file(file)) not in replaced(line):
            yield Problem("tampered", line.path, f"its sha256 is {actual}, {name} records {line.sha256}")


def _forgotten(store: Store, lines: Iterable[Line]) -> set[Line]:
    """Return the lines of versions that were removed: their tombstones have docid, number and sha256."""
    tombstones = store.forgotten.all()
    known = {(each["docid"], str(number), sha256) for each in tombstones for number, sha256, _ in each["versions"]}
    return {line for line in lines if (line.docid, line.revision, line.sha256) in known}


class _Replaced:
    """The sha256 that a file may have: the recorded one, and those that tombstones lead to from it."""

    def __init__(self, root: Path, rewritten: Iterable[Rewrite], formatted: str) -> None:
        self._formatted = formatted
        folder = journal_path(root).relative_to(root)
        self._next: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for each in rewritten:
            self._next[(folder / each.file).as_posix(), each.before].add(each.after)

    def written_again(self, store: Store, lines: Set[Line]) -> set[Line]:
        """Return the lines of versions that the index has with another file, because the settings changed later."""
        lines = {line for line in lines if line.observed < self._formatted}
        observed = store.manifests.observed({line.docid for line in lines}) if lines else set()
        return {line for line in lines if (line.docid, line.revision, line.observed) in observed}

    def __call__(self, line: Line) -> set[str]:
        found, new = {line.sha256}, [line.sha256]
        while new:
            after = self._next.get((line.path, new.pop()), set()) - found
            found |= after
            new += after
        return found
