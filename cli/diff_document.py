"""What changed between two versions of an article, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from archive.diff.revisions import Difference
from archive.diff.text import DiffPiece
from archive.model.article import Revision
from scheduler.monitoring.reports import iso


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


def _told(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "title": revision.title,
        "fetched_at": iso(revision.fetched_at, exact=True),
        "sha256": revision.sha256,
    }


def _pieces(pieces: Sequence[DiffPiece]) -> list[dict[str, str]]:
    return [asdict(piece) for piece in pieces]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return [asdict(each) if not isinstance(each, str) else each for each in value] if _many(value) else value


def _many(value: Any) -> bool:
    return isinstance(value, tuple)
