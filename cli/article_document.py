"""One article as people ask for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.export.html import render_view
from archive.files.layout import revision_path
from archive.files.post import load
from archive.model.errors import ArchiveError
from archive.store import Store
from crawler.extract.body import plain_text
from scheduler.monitoring.reports import plain

_EVER = datetime.max.replace(tzinfo=UTC)


def find_article(store: Store, root: Path, ident: str, as_of: datetime | None = None) -> dict[str, Any] | None:
    """What is known of an article, with the text of its newest version.

    :param ident: its docid, or the path of its file: from the archive's root, or as the shell completes it
    :param as_of: what was known then, and nothing of later; None: what is known now
    :return: None when the archive knows no such article, or did not know it then
    """
    row = find_entry(store, root, ident)
    if row is None:
        return None
    if as_of:
        return _as_of(store, root, row, as_of)
    known = store.history.as_of(row["docid"], _EVER) or {}
    revisions = store.articles.revisions(row["docid"])
    facts: dict[str, Any] = {
        "docid": row["docid"],
        "title": revisions[-1].title if revisions else row["title"],
        "path": row["path"],
        "url": row["url"],
        "published": row["published"],
        "media": row["media"],
        "feeds": sorted(json.loads(row["feeds"])),
        "status": row["status"],
        "attempts": row["attempts"],
        "failure": row["failure"],
        "first_seen": row["first_seen"],
        "revisions": [plain(asdict(revision), exact=True) for revision in revisions],
        "gone": known.get("gone"),
        "observations": known.get("observations", []),
        "same_story": store.history.same_story(row["docid"], _EVER),
        "text": None,
    }
    if revisions:
        _add_text(facts, root / row["path"])
    return facts


def find_entry(store: Store, root: Path, ident: str) -> dict[str, Any] | None:
    """What the index knows of the entry that people mean by ``ident``; None when it knows none."""
    return store.articles.find(ident) or store.articles.find(_inside(root, ident))


def view_article(store: Store, root: Path, ident: str, as_of: datetime | None = None) -> str | None:
    """The newest version of an article as a page to read; its pictures are the archive's own files.

    The arguments are those of :func:`find_article`. As of a time, pictures that were kept later are left out too.

    :return: None when the archive has no version of such an article, or had none then
    :raises ArchiveError: its file cannot be read
    """
    row = find_entry(store, root, ident)
    known = store.articles.revisions(row["docid"]) if row else []
    revisions = [each for each in known if as_of is None or each.fetched_at <= as_of]
    if not revisions:
        return None
    shown = revisions[-1]
    path = root / revision_path(shown.path, shown.number, known[-1].number)
    try:
        body = load(path.read_bytes())[1]
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}; finarchive verify --repair may mend it") from error

    def local(url: str) -> str | None:
        kept = store.images.path_of(url, as_of)
        return (root.absolute() / kept).as_uri() if kept and (root / kept).is_file() else None

    return render_view(shown, body, local)


def _as_of(store: Store, root: Path, row: dict[str, Any], time: datetime) -> dict[str, Any] | None:
    facts = store.history.as_of(row["docid"], time)
    if facts is None:
        return None
    revisions = facts["revisions"]
    facts |= {
        "revisions": [plain(asdict(revision), exact=True) for revision in revisions],
        "same_story": store.history.same_story(row["docid"], time),
        "text": None,
    }
    if revisions:
        shown = revisions[-1]
        _add_text(facts, root / revision_path(shown.path, shown.number, row["revision"]))
    return facts


def _add_text(facts: dict[str, Any], path: Path) -> None:
    try:
        facts["text"] = plain_text(load(path.read_bytes())[1])
    except (OSError, ValueError) as error:
        facts["failure"] = f"its file cannot be read: {error}"


def _inside(root: Path, ident: str) -> str:
    try:
        return Path(ident).absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return ident
