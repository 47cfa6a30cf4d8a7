"""One article as people ask for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archive.post import load
from archive.store import Store
from crawler.body import plain_text
from scheduler.reports import plain


def find_article(store: Store, root: Path, ident: str) -> dict[str, Any] | None:
    """What is known of an article, with the text of its newest version.

    :param ident: its docid, or the path of its file: from the archive's root, or as the shell completes it
    :return: None when the archive knows no such article
    """
    row = store.versions.find(ident) or store.versions.find(_inside(root, ident))
    if row is None:
        return None
    revisions = store.versions.revisions(row["docid"])
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
        "revisions": [plain(asdict(revision)) for revision in revisions],
        "text": None,
    }
    if revisions:
        try:
            facts["text"] = plain_text(load((root / row["path"]).read_bytes())[1])
        except (OSError, ValueError) as error:
            facts["failure"] = f"its file cannot be read: {error}"
    return facts


def _inside(root: Path, ident: str) -> str:
    try:
        return Path(ident).absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return ident
