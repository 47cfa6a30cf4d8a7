"""What changed between two versions of an article."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.compare import Piece, compare
from archive.paths import history_path
from archive.post import load
from archive.records import Revision
from archive.store import Store
from crawler.body import plain_text
from scheduler.reports import iso

# What a page says beside its title and text, in the order it is shown.
FACTS = ("published", "updated", "media", "url", "editor", "original_title", "keywords", "symbols", "pictures")


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of time in which the site did not have an article."""

    gone: str  # when it was first found gone, as the index has times
    back: str | None  # when it was seen again
    evidence: str | None  # that it was gone, in words


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed."""

    old: Revision
    new: Revision
    title: tuple[Piece, ...]
    facts: dict[str, tuple[Any, Any]]  # those that changed, of FACTS: before and after
    text: tuple[Piece, ...] | None  # None: it cannot be read
    absences: tuple[Absence, ...]  # between the two
    failure: str | None = None  # why a text cannot be read


def differ(store: Store, root: Path, old: Revision, new: Revision) -> Difference:
    """Compare two versions of an article."""
    known = store.past.as_of(new.docid, datetime.max.replace(tzinfo=UTC)) or {}
    start, end = sorted((old.fetched_at, new.fetched_at))
    newest = max((revision.number for revision in known.get("revisions", ())), default=0)
    text, failure = None, None
    try:
        text = tuple(compare(_text(store, root, old, newest), _text(store, root, new, newest)))
    except (OSError, ValueError) as error:
        failure = f"its text cannot be read: {error}"
    return Difference(
        old,
        new,
        tuple(compare(old.title, new.title)),
        {
            name: (getattr(old, name), getattr(new, name))
            for name in FACTS
            if getattr(old, name) != getattr(new, name)
        },
        text,
        tuple(_absences(known.get("observations", ()), start, end)),
        failure,
    )


def difference_json(path: str, old: Revision | None, new: Revision, found: Difference | None) -> dict[str, Any]:
    """The document that ``diff --json`` prints.

    :param old: None when there is one version only
    """
    return {
        "docid": new.docid,
        "path": path,
        "from": _told(old) if old else None,
        "to": _told(new),
        "title": _pieces(found.title) if found else [],
        "facts": {
            name: {"from": _plain(before), "to": _plain(after)}
            for name, (before, after) in (found.facts.items() if found else ())
        },
        "text": (_pieces(found.text) if found.text is not None else None) if found else [],
        "absences": [asdict(absence) for absence in (found.absences if found else ())],
        "failure": found.failure if found else None,
    }


def _text(store: Store, root: Path, revision: Revision, newest: int) -> str:
    """A version's text: the index has it, but of versions of before it kept any."""
    kept = store.versions.text(revision.docid, revision.number)
    if kept is not None:
        return kept
    path, number = revision.path, revision.number
    file = root / (path if number == newest else history_path(path, number))
    return plain_text(load(file.read_bytes())[1])


def _absences(looks: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> Iterator[Absence]:
    gone: Mapping[str, Any] | None = None
    for look in looks:
        if not start < datetime.fromisoformat(look["at"]) <= end:
            continue
        if look["outcome"] == "gone":
            gone = gone or look
        elif gone and look["outcome"] != "failed":
            yield Absence(gone["at"], look["at"], gone["evidence"])
            gone = None
    if gone:
        yield Absence(gone["at"], None, gone["evidence"])


def _told(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "title": revision.title,
        "fetched_at": iso(revision.fetched_at),
        "sha256": revision.sha256,
    }


def _pieces(pieces: Sequence[Piece]) -> list[dict[str, str]]:
    return [asdict(piece) for piece in pieces]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return [asdict(each) if not isinstance(each, str) else each for each in value] if _many(value) else value


def _many(value: Any) -> bool:
    return isinstance(value, tuple)
