"""The differences between two versions of an article."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from archive.diff.text import DiffPiece, compare
from archive.files.layout import revision_path
from archive.files.post import html_of
from archive.model.article import Revision
from archive.store import Store

# Fields of a revision that are compared beside title and text, in display order.
FACTS = ("published", "updated", "media", "url", "editor", "original_title", "keywords", "symbols", "pictures")


class Absence(Struct, frozen=True):
    """A period in which the site did not have an article."""

    gone: str  # when a fetch first found it gone; ISO 8601, as in the index
    back: str | None  # when a fetch found it again; None: not in the compared period
    evidence: str | None  # why it counts as gone; text for people


class Difference(Struct, frozen=True):
    """The result of comparing two versions."""

    old: Revision
    new: Revision
    title: tuple[DiffPiece, ...]
    facts: dict[str, tuple[Any, Any]]  # the changed ones of FACTS: old and new value
    text: tuple[DiffPiece, ...] | None  # None: a text cannot be read
    absences: tuple[Absence, ...]  # between the two fetches
    failure: str | None = None  # why a text cannot be read


def compare_revisions(
    store: Store, root: Path, old: Revision, new: Revision, plain_text: Callable[[str], str]
) -> Difference:
    """Compare two versions of an article.

    :param root: the archive's root
    :param plain_text: converts an article's HTML to text; used for versions whose text is not in the index
    :return: the differences; if a file cannot be read, ``text`` is None and ``failure`` has the reason
    :raises ArchiveError: the index cannot be read
    """
    article = store.history.as_of(new.docid, datetime.max.replace(tzinfo=UTC)) or {}
    start, end = sorted((old.fetched_at, new.fetched_at))
    newest = max((revision.number for revision in article.get("revisions", ())), default=0)

    def text_of(revision: Revision) -> str:
        stored = store.articles.text(revision.docid, revision.number)
        return stored if stored is not None else plain_text(_body(root, revision, newest))

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
        tuple(_absences(article.get("observations", ()), start, end)),
        failure,
    )


def _body(root: Path, revision: Revision, newest: int) -> str:
    file = root / revision_path(revision.path, revision.number, newest)
    return html_of(file.read_bytes())


def _absences(fetches: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> Iterator[Absence]:
    gone: Mapping[str, Any] | None = None
    for fetch in fetches:
        if not start < datetime.fromisoformat(fetch["at"]) <= end:
            continue
        if fetch["outcome"] == "gone":
            gone = gone or fetch
        elif gone and fetch["outcome"] not in ("failed", "moved"):
            yield Absence(gone["at"], fetch["at"], gone["evidence"])
            gone = None
    if gone:
        yield Absence(gone["at"], None, gone["evidence"])
