"""Differences between an index and one built from its journal, row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct

from archive.integrity.carry_over import UNPROVEN_SQL, attached, columns_of

# The columns that identify a row in each table of observed data. Some tables have a serial number as id; it is not
# compared.
_KEYS = {
    "entries": ("docid",),
    "listings": ("feed", "docid"),
    "revisions": ("docid", "number"),
    "texts": ("docid", "number"),
    "symbols": ("symbol", "docid", "number"),
    "stock_names": ("docid", "number", "symbol"),
    "changes": ("docid", "feed", "seen"),
    "unlisted": ("docid", "feed", "at"),
    "observations": ("docid", "at"),
    "addresses": ("docid", "until"),
    "moves": ("docid", "at"),
    "stated": ("docid",),
    "facts": ("docid", "revision", "step"),
    "forgotten": ("docid",),
    "misses": ("docid", "feed", "at"),
    "images": ("url",),
    "journal": ("writer",),
}
_SERIAL_TABLES = ("changes", "observations", "unlisted", "moves", "misses")
# Tables that are compared only with the manifests.
_MANIFEST_KEYS = {"manifests": ("day",), "sealed_files": ("file",)}
# Fetches in the journal of articles that the journal has only in part, and that the index lacks. Only their
# presence can be checked for such articles.
_MISSING_FETCHES_SQL = """
    SELECT docid, at FROM main.observations AS o WHERE docid IN (SELECT docid FROM temp.unproven)
    AND NOT EXISTS (SELECT 1 FROM old.observations AS k WHERE k.docid = o.docid AND k.file = o.file
                    AND k."offset" = o."offset" AND k.at = o.at)
    ORDER BY docid, at LIMIT ?
"""
# Values that are compared only under a condition: (table, column) -> the value, NULL otherwise.
_OTHER_RULE = """(SELECT substr(o.fingerprint, 1, instr(o.fingerprint, ':'))
                      != substr(n.fingerprint, 1, instr(n.fingerprint, ':'))
    FROM old.revisions AS o JOIN main.revisions AS n USING (docid, number)
    WHERE o.docid = revisions.docid AND o.number = revisions.number)"""
_NOT_RECORDED = """(SELECT o.{column} IS NULL FROM old.revisions AS o
    WHERE o.docid = revisions.docid AND o.number = revisions.number)"""
_COMPARED = {
    # An entry's path is recorded before its file is first written; no journal record has it yet.
    ("entries", "path"): 'iif(revision = 0, NULL, path) AS "path"',
    # Digests by two rules cannot be compared (D132). A fetch or a rebuild replaces those of the older one.
    ("revisions", "fingerprint"): f'iif({_OTHER_RULE}, NULL, fingerprint) AS "fingerprint"',
    ("revisions", "story"): f'iif({_OTHER_RULE}, NULL, story) AS "story"',
    # Versions that were written before it was recorded have none.
    **{
        ("revisions", column): f'iif({_NOT_RECORDED.format(column=column)}, NULL, {column}) AS "{column}"'
        for column in ("written_with", "named")
    },
}
_MISSING = "the row is missing: the raw pages have it"
# Rows listed for each table. After an update that parses pages differently, all rows may differ.
MAX_ROWS = 100


class IndexDiff(Struct, frozen=True):
    """Rows of an index that its journal contradicts."""

    rows: tuple[str, ...]  # text for people, with table and key
    unproven: int  # entries archived without a journal, at least at times; of these only fetches are checked


def diff_indexes(old: Path, new: Path, *, manifests: bool) -> IndexDiff | None:
    """Compare an index with one built from its journal.

    :param old: the index to check
    :param new: the index built from the journal
    :param manifests: compare what the manifests record, too
    :return: None if an older version wrote the old index, so that it cannot be compared
    :raises ArchiveError: an index cannot be read
    """
    with attached(old, new) as connection:
        if connection is None:
            return None
        connection.execute(f"CREATE TEMP TABLE unproven AS {UNPROVEN_SQL}")
        unproven = connection.execute("SELECT count(*) FROM unproven").fetchone()[0]
        rows = [
            f"observations docid={docid} at={at}: {_MISSING}"
            for docid, at in connection.execute(_MISSING_FETCHES_SQL, [MAX_ROWS])
        ]
        for table, key in (_KEYS | (_MANIFEST_KEYS if manifests else {})).items():
            if not columns_of(connection, table, schema="old"):  # an older version wrote the index, without it
                continue
            rows += _diff_table(connection, table, key, ignored=() if manifests else ("sealed",))
        return IndexDiff(tuple(rows), unproven)


def _diff_table(
    connection: sqlite3.Connection, table: str, key: tuple[str, ...], ignored: Collection[str]
) -> Iterator[str]:
    columns = [
        name
        for name in columns_of(connection, table, exclude_id=table in _SERIAL_TABLES)
        if name.strip('"') not in ignored
    ]
    old, new = (_rows_sql(schema, table, columns) for schema in ("old", "main"))
    key_columns = ", ".join(f'"{name}"' for name in key)
    differing = f"""SELECT DISTINCT {key_columns} FROM (SELECT * FROM ({old} EXCEPT {new})
                    UNION ALL SELECT * FROM ({new} EXCEPT {old}))"""  # noqa: S608 - names of ours
    count = connection.execute(f"SELECT count(*) FROM ({differing})").fetchone()[0]  # noqa: S608
    where = " AND ".join(f'"{name}" IS ?' for name in key)
    for values in connection.execute(f"{differing} ORDER BY {key_columns} LIMIT {MAX_ROWS}").fetchall():
        old_rows, new_rows = (
            connection.execute(_rows_sql(schema, table, columns, where), values).fetchall()
            for schema in ("old", "main")
        )
        row_key = " ".join(f"{name}={value}" for name, value in zip(key, values, strict=True))
        yield f"{table} {row_key}: {_describe(old_rows, new_rows, columns)}"
    if count > MAX_ROWS:
        yield f"{table}: {count - MAX_ROWS} more rows differ from the raw pages"


def _rows_sql(schema: str, table: str, columns: list[str], where: str = "TRUE") -> str:
    """Return a query for the rows that can be compared, each with the number of its copies."""
    selected = ", ".join(_COMPARED.get((table, name.strip('"')), name) for name in columns)
    if '"docid"' in columns:
        where += " AND docid NOT IN (SELECT docid FROM temp.unproven)"
    if table == "stock_names":  # versions from before the table have none
        where += " AND (docid, number) IN (SELECT docid, number FROM old.revisions WHERE named = 1)"
    if table == "images":  # it has no docid: an unproven entry may have queued images that the journal does not have
        where += " AND (url IN (SELECT url FROM main.images) OR NOT EXISTS (SELECT 1 FROM temp.unproven))"
    grouped = ", ".join(columns)
    return f"SELECT {selected}, count(*) AS times FROM {schema}.{table} WHERE {where} GROUP BY {grouped}"  # noqa: S608


def _describe(old: list[tuple[object, ...]], new: list[tuple[object, ...]], columns: list[str]) -> str:
    """Return the difference between the rows with one key, as text for people."""
    if not new:
        return "the raw pages do not have this row"
    if not old:
        return _MISSING
    if len(old) > 1 or len(new) > 1:
        return "the rows with this key differ from the raw pages"
    changed = [name.strip('"') for name, one, other in zip(columns, old[0], new[0], strict=False) if one != other]
    if not changed:
        return "the number of copies differs from the raw pages"
    return f"{', '.join(changed)} {'differs' if len(changed) == 1 else 'differ'} from the raw pages"
