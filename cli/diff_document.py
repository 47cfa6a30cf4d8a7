"""The difference between two versions of an article, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from archive.diff.revisions import Difference
from archive.diff.text import DiffPiece
from archive.model.article import Revision
from archive.records import as_dict
from scheduler.monitoring.reports import iso


def difference_json(path: str, old: Revision | None, new: Revision, difference: Difference | None) -> dict[str, Any]:
    """The document that ``diff --json`` prints.

    :param old: None if there is only one version
    :param difference: None if there is only one version
    """
    return {
        "docid": new.docid,
        "path": path,
        "from": _version(old) if old else None,
        "to": _version(new),
        "title": _pieces(difference.title) if difference else [],
        "facts": {
            name: {"from": _plain(before), "to": _plain(after)}
            for name, (before, after) in (difference.facts.items() if difference else ())
        },
        "text": (_pieces(difference.text) if difference.text is not None else None) if difference else [],
        "absences": [as_dict(absence) for absence in (difference.absences if difference else ())],
        "failure": difference.failure if difference else None,
    }


def _version(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "title": revision.title,
        "fetched_at": iso(revision.fetched_at, exact=True),
        "sha256": revision.sha256,
    }


def _pieces(pieces: Sequence[DiffPiece]) -> list[dict[str, str]]:
    return [as_dict(piece) for piece in pieces]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, tuple):
        return [each if isinstance(each, str) else as_dict(each) for each in value]
    return value
