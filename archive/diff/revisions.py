"""What changed between two versions of an article."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.diff.text import DiffPiece, compare
from archive.files.paths import revision_path
from archive.files.post import load
from archive.model.article import Revision
from archive.store import Store

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
    title: tuple[DiffPiece, ...]
    facts: dict[str, tuple[Any, Any]]  # those that changed, of FACTS: before and after
    text: tuple[DiffPiece, ...] | None  # None: it cannot be read
    absences: tuple[Absence, ...]  # between the two
    failure: str | None = None  # why a text cannot be read


def differ(store: Store, root: Path, old: Revision, new: Revision, plain_text: Callable[[str], str]) -> Difference:
    """Compare two versions of an article.

    :param root: of the archive
    :param plain_text: of an article's HTML, for versions whose text the index does not have
    """
    known = store.history.as_of(new.docid, datetime.max.replace(tzinfo=UTC)) or {}
    start, end = sorted((old.fetched_at, new.fetched_at))
    newest = max((revision.number for revision in known.get("revisions", ())), default=0)

    def text_of(revision: Revision) -> str:
        kept = store.articles.text(revision.docid, revision.number)
        return kept if kept is not None else plain_text(_body(root, revision, newest))

    text, failure = None, None
    try:
        text = tuple(compare(text_of(old), text_of(new)))
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


def _body(root: Path, revision: Revision, newest: int) -> str:
    file = root / revision_path(revision.path, revision.number, newest)
    return load(file.read_bytes())[1]


def _absences(fetches: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> Iterator[Absence]:
    gone: Mapping[str, Any] | None = None
    for fetch in fetches:
        if not start < datetime.fromisoformat(fetch["at"]) <= end:
            continue
        if fetch["outcome"] == "gone":
            gone = gone or fetch
        elif gone and fetch["outcome"] != "failed":
            yield Absence(gone["at"], fetch["at"], gone["evidence"])
            gone = None
    if gone:
        yield Absence(gone["at"], None, gone["evidence"])
