"""Rows of an index that are not those that its journal gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.integrity.carry_over import UNPROVEN, attached, columns_of

# What a row is known by in each table of what was observed. Rows of changes and observations are numbered as they
# came: they are known by what they are of, and their number does not count.
_KEYS = {
    "entries": ("docid",),
    "listings": ("feed", "docid"),
    "revisions": ("docid", "number"),
    "texts": ("docid", "number"),
    "symbols": ("symbol", "docid", "number"),
    "changes": ("docid", "feed", "seen"),
    "observations": ("docid", "at"),
    "addresses": ("docid", "until"),
    "images": ("url",),
    "journal": ("writer",),
}
_NUMBERED = ("changes", "observations")
# What manifests add to it.
_SEALS = {"manifests": ("day",), "sealed_files": ("file",)}
# Looks that the journal has at articles of which it does not know all: it can be asked that they are known, no more.
_LOOKS_UNKNOWN = """
    SELECT docid, at FROM main.observations AS o WHERE docid IN (SELECT docid FROM temp.unproven)
    AND NOT EXISTS (SELECT 1 FROM old.observations AS k WHERE k.docid = o.docid AND k.file = o.file
                    AND k."offset" = o."offset" AND k.at = o.at)
    ORDER BY docid, at LIMIT ?
"""
_NOT_THERE = "the raw pages say that there is such a row, and it is not there"
MAX_ROWS = 100  # of a table that are named; after an update that understands pages otherwise all may differ


@dataclass(frozen=True, slots=True)
class IndexDiff:
    """What of an index is not borne out by its journal."""

    rows: tuple[str, ...]  # in words, each with its table and key
    unproven: int  # entries that were archived without a journal, now and then or always: little can be said of them


def disagreement(old: Path, new: Path, *, manifests: bool) -> IndexDiff | None:
    """Compare an index with one that was made from its journal.

    :param manifests: compare what manifests vouch for, too
    :return: None when the old one was written by an older program, and cannot be compared
    """
    with attached(old, new) as connection:
        if connection is None:
            return None
        connection.execute(f"CREATE TEMP TABLE unproven AS {UNPROVEN}")
        unproven = connection.execute("SELECT count(*) FROM unproven").fetchone()[0]
        rows = [
            f"observations docid={docid} at={at}: {_NOT_THERE}"
            for docid, at in connection.execute(_LOOKS_UNKNOWN, [MAX_ROWS])
        ]
        for table, key in (_KEYS | (_SEALS if manifests else {})).items():
            rows += _of_table(connection, table, key, ignored=() if manifests else ("sealed",))
        return IndexDiff(tuple(rows), unproven)


def _of_table(
    connection: sqlite3.Connection, table: str, key: tuple[str, ...], ignored: Collection[str]
) -> Iterator[str]:
    names = [
        name for name in columns_of(connection, table, but_id=table in _NUMBERED) if name.strip('"') not in ignored
    ]
    ours, theirs = (_rows_of(side, table, names) for side in ("old", "main"))
    listed = ", ".join(f'"{name}"' for name in key)
    differing = f"""SELECT DISTINCT {listed} FROM (SELECT * FROM ({ours} EXCEPT {theirs})
                    UNION ALL SELECT * FROM ({theirs} EXCEPT {ours}))"""  # noqa: S608 - names of ours
    count = connection.execute(f"SELECT count(*) FROM ({differing})").fetchone()[0]  # noqa: S608
    where = " AND ".join(f'"{name}" IS ?' for name in key)
    for values in connection.execute(f"{differing} ORDER BY {listed} LIMIT {MAX_ROWS}").fetchall():
        found, given = (
            connection.execute(_rows_of(side, table, names, where), values).fetchall() for side in ("old", "main")
        )
        told = " ".join(f"{name}={value}" for name, value in zip(key, values, strict=True))
        yield f"{table} {told}: {_what(found, given, names)}"
    if count > MAX_ROWS:
        yield f"{table}: {count - MAX_ROWS} more rows are not what the raw pages say"


def _rows_of(side: str, table: str, names: list[str], where: str = "TRUE") -> str:
    """A query for the rows that can be compared, each with how often it is there."""
    listed = ", ".join(
        # Where a file is about to be written is noted before it is, and no event of its own.
        'iif(revision = 0, NULL, path) AS "path"' if (table, name) == ("entries", '"path"') else name
        for name in names
    )
    if '"docid"' in names:
        where += " AND docid NOT IN (SELECT docid FROM temp.unproven)"
    if table == "images":  # they know no docid: such an entry may have brought those that the journal does not know
        where += " AND (url IN (SELECT url FROM main.images) OR NOT EXISTS (SELECT 1 FROM temp.unproven))"
    grouped = ", ".join(names)
    return f"SELECT {listed}, count(*) AS times FROM {side}.{table} WHERE {where} GROUP BY {grouped}"  # noqa: S608


def _what(found: list[tuple[object, ...]], given: list[tuple[object, ...]], names: list[str]) -> str:
    if not given:
        return "the raw pages know nothing of this row"
    if not found:
        return _NOT_THERE
    if len(found) > 1 or len(given) > 1:
        return "there are other rows of this than the raw pages say"
    others = [name.strip('"') for name, one, other in zip(names, found[0], given[0], strict=False) if one != other]
    if not others:
        return "it is there more or less often than the raw pages say"
    return f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} not what the raw pages say"
