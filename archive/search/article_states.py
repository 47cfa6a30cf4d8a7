"""What was known of many articles at a time, with one statement: feeds, facts, images, and whether they were gone.

Each ``time`` is aware; what was observed later is left out. Errors are those of sqlite3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from archive.files.layout import image_path
from archive.index import statements
from archive.index.database import Database
from archive.model.times import to_text
from archive.query.compiler import LISTED

# Outcomes of fetches that got the article.
_SEEN = ("first", "revised", "same")

_SELECT_FEEDS = f"""
    SELECT docid, feed FROM json_each(:docids) AS wanted CROSS JOIN listings ON docid = wanted.value
    WHERE {LISTED} ORDER BY feed
"""  # noqa: S608 - a constant
_SELECT_FETCHES = """
    SELECT docid, at, outcome, revision FROM json_each(:docids) AS wanted
    CROSS JOIN observations ON docid = wanted.value WHERE at <= :time ORDER BY at, observations.id
"""
_SELECT_FACTS = """
    SELECT facts.* FROM json_each(:versions) AS wanted
    CROSS JOIN facts ON docid = wanted.value ->> 0 AND revision = wanted.value ->> 1
    WHERE at <= :time ORDER BY step
"""
_SELECT_IMAGES = """
    SELECT r.docid, r.number, images.sha256, media_type FROM json_each(:versions) AS wanted
    CROSS JOIN revisions r ON r.docid = wanted.value ->> 0 AND r.number = wanted.value ->> 1
    CROSS JOIN json_each(r.pictures) AS picture CROSS JOIN images ON images.url = picture.value ->> 'url'
    WHERE status = 'kept' AND images.fetched_at <= :time ORDER BY picture.key
"""


def feeds(database: Database, docids: Iterable[str], time: datetime) -> dict[str, list[str]]:
    """Return the ids of the feeds that articles were known to belong to, in order, by docid."""
    found: dict[str, list[str]] = {}
    for row in database.execute(_SELECT_FEEDS, {"docids": json.dumps(list(docids)), "time": to_text(time)}):
        found.setdefault(row["docid"], []).append(row["feed"])
    return found


def gone(database: Database, docids: Iterable[str], time: datetime) -> dict[str, str]:
    """Return since when articles were known to be gone, times as in the index, by docid; without those that were not.

    An article is gone since the first fetch that found it so, after the last that saw it.
    """
    fetches: dict[str, list[statements.Row]] = {}
    for row in database.execute(_SELECT_FETCHES, {"docids": json.dumps(list(docids)), "time": to_text(time)}):
        fetches.setdefault(row["docid"], []).append(row)
    since = {docid: gone_since(each) for docid, each in fetches.items()}
    return {docid: at for docid, at in since.items() if at is not None}


def gone_since(fetches: Sequence[statements.Row]) -> str | None:
    """Return since when an article was gone, by its fetches, the oldest first; None if it was not."""
    since: str | None = None
    for fetch in fetches:
        if fetch["outcome"] in _SEEN:
            since = None
        elif fetch["outcome"] == "gone" and fetch["revision"]:
            since = since or fetch["at"]
    return since


def last_facts(
    database: Database, versions: Iterable[tuple[str, int]], time: datetime
) -> Mapping[tuple[str, int], statements.Row]:
    """Return the facts of versions as they last changed without another version; without those that did not change.

    :param versions: docid and number of each
    :return: rows of ``facts``, with updated, media, keywords and symbols, by docid and number
    """
    rows = database.execute(_SELECT_FACTS, {"versions": json.dumps(list(versions)), "time": to_text(time)})
    return {(row["docid"], row["revision"]): row for row in rows}


def images(
    database: Database, versions: Iterable[tuple[str, int]], time: datetime
) -> Mapping[tuple[str, int], list[str]]:
    """Return the files of those of the versions' images that were kept, each once, in the order of the text.

    :param versions: docid and number of each
    :return: paths relative to the archive's root, by docid and number; without versions that have none
    """
    found: dict[tuple[str, int], dict[str, None]] = {}
    for row in database.execute(_SELECT_IMAGES, {"versions": json.dumps(list(versions)), "time": to_text(time)}):
        path = str(image_path(row["sha256"], row["media_type"]))
        found.setdefault((row["docid"], row["number"]), {})[path] = None
    return {version: list(paths) for version, paths in found.items()}
