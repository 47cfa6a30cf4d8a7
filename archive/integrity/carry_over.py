"""Carry rows that the journal cannot reproduce from the old index into the rebuilt one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from archive.index.errors import wrap_sqlite_errors

# Tables with rows of articles; each has a column docid.
_ARTICLE_TABLES = (
    "listings", "revisions", "texts", "symbols", "changes", "observations", "addresses", "unlisted", "entries",
    "moves", "stated", "facts", "forgotten", "stock_names", "misses",
)  # fmt: skip
# Tables with a serial number as id. Rows are compared and copied without it.
_SERIAL_TABLES = ("changes", "observations", "unlisted", "gaps", "searchable", "moves", "misses")
# Computed from the versions, or kept by triggers, and so not copied.
_DERIVED_TABLES = ("searchable", "listing_counts")
# Rows that are compared, where these are not all. Those of forgotten articles stay only because of their ids.
_COMPARED_ROWS = {"searchable": "ours.since != 'forgotten'"}
# The state of lists. The old index is never older than the journal's last record of it (D48).
_FEED_TABLES = (
    "feeds", "sources", "spans", "settled", "gaps", "lateness", "rhythms", "rests", "containments", "unconfirmed",
)  # fmt: skip

# Articles archived, at least at times, with raw = "none": entries with a fetch that has no position in the journal,
# or with a version and no first fetch (archived by a version without observations). The journal lacks a part of their
# fetches, and the later ones would be decided differently without that part, because each is compared with the state
# before it (D80).
UNPROVEN_SQL = """
    SELECT docid FROM old.entries AS e
    WHERE EXISTS (SELECT 1 FROM old.observations AS o WHERE o.docid = e.docid AND o.file IS NULL)
       OR (revision > 0
           AND NOT EXISTS (SELECT 1 FROM old.observations AS o WHERE o.docid = e.docid AND o.outcome = 'first'))
"""

# Fetches that the old index has at positions where the journal has none: the journal is damaged there, or the file is
# lost (D123).
_LOST_FETCHES_SQL = """
    SELECT DISTINCT docid, file FROM old.observations AS o
    WHERE file IS NOT NULL AND docid NOT IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM main.observations AS made
        WHERE made.docid = o.docid AND made.at = o.at AND made.file = o.file AND made."offset" = o."offset"
    )
"""


def is_sound(path: Path) -> bool:
    """Return True if the index at ``path`` exists and passes SQLite's quick check.

    :raises ArchiveError: the check cannot run, for example because another program holds a lock on the index
    """
    if not path.is_file():
        return False
    with wrap_sqlite_errors(path):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False


def lost_fetches(old: Path, new: Path, exclude: Collection[str] = ()) -> dict[str, set[str]]:
    """Find articles with fetches that the journal has lost.

    :param new: the index to which the journal was applied
    :param exclude: docids of articles that were left out when it was applied
    :return: docids by the name of the journal file that had the fetches
    """
    docids: dict[str, set[str]] = {}
    with attached(old, new) as connection:
        for docid, file in connection.execute(_LOST_FETCHES_SQL, [json.dumps(list(exclude))]) if connection else ():
            docids.setdefault(file, set()).add(docid)
    return docids


def unproven(old: Path, new: Path, lost: Collection[str] = ()) -> frozenset[str] | None:
    """Find the articles with fetches that only the old index has.

    :param lost: docids of articles with fetches that the journal has lost
    :return: docids; None if there is no readable old index
    """
    with attached(old, new) as connection:
        if connection is None:
            return None
        return frozenset(docid for (docid,) in connection.execute(UNPROVEN_SQL)) | frozenset(lost)


def carry_over_rows(old: Path, new: Path, lost: Collection[str] = ()) -> int:
    """Copy what the journal cannot reproduce: articles archived without it, and the state of lists.

    :param new: the index to which the journal was applied: to the positions at which it is applied in the old index,
        without the fetches of :func:`unproven` articles; if there are none of these, the whole journal
    :param lost: docids of articles with fetches that the journal has lost
    :return: the number of entries copied; 0 if there is no readable old index
    """
    with attached(old, new) as connection:
        if connection is None:
            return 0
        connection.execute(
            f"""CREATE TEMP TABLE carried AS SELECT docid FROM ({UNPROVEN_SQL})
                UNION SELECT docid FROM old.entries WHERE docid NOT IN (SELECT docid FROM main.entries)
                UNION SELECT value FROM json_each(?)""",  # noqa: S608
            [json.dumps(list(lost))],
        )
        [(count,)] = connection.execute("SELECT count(*) FROM carried")
        for table in _ARTICLE_TABLES:
            if not columns_of(connection, table, schema="old"):  # an older version wrote the index, without it
                continue
            columns = ", ".join(columns_of(connection, table, exclude_id=table in _SERIAL_TABLES))
            connection.execute(f"DELETE FROM main.{table} WHERE docid IN (SELECT docid FROM carried)")  # noqa: S608
            connection.execute(
                f"""INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}
                    WHERE docid IN (SELECT docid FROM carried)"""  # noqa: S608
            )
        if lost or connection.execute(f"SELECT 1 FROM ({UNPROVEN_SQL}) LIMIT 1").fetchone():  # noqa: S608
            connection.execute("INSERT OR REPLACE INTO main.journal SELECT * FROM old.journal")
        for table in _FEED_TABLES:
            columns = ", ".join(columns_of(connection, table))
            connection.execute(f"DELETE FROM main.{table}")  # noqa: S608
            connection.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}"  # noqa: S608
            )
        if columns_of(connection, "images", schema="old"):
            _carry_over_images(connection)
        connection.commit()
        return int(count)


def carry_over_manifests(old: Path, new: Path) -> None:
    """Copy what is recorded of each manifest, which may have changed since it was written, and of raw pages."""
    with attached(old, new) as connection:
        if connection is None:
            return
        for table in ("manifests", "sealed_files", "compacted_files"):
            columns = ", ".join(columns_of(connection, table))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}")  # noqa: S608
        for table, key in (("revisions", ("docid", "number", "sha256")), ("images", ("url", "sha256"))):
            if columns_of(connection, table, schema="old"):
                matches = " AND ".join(f"o.{column} = main.{table}.{column}" for column in key)
                connection.execute(
                    f"""UPDATE main.{table} SET sealed = (SELECT sealed FROM old.{table} AS o WHERE {matches})
                        WHERE sealed IS NULL"""  # noqa: S608
                )
        connection.commit()


def carry_over_alerts(old: Path, new: Path) -> None:
    """Copy the position of each alert: up to which version matches were sent. All versions must be searchable.

    Versions may have other numbers in the new index, so each position moves to just before the first version that was
    not sent yet. Versions after it that were sent already are sent again, so that none is skipped.
    """
    with attached(old, new) as connection:
        if connection is None or not columns_of(connection, "alerts", schema="old"):
            return
        columns = columns_of(connection, "alerts")
        # Rows for changes of facts are no news: an alert was sent for the version.
        has_facts = columns_of(connection, "searchable_facts", schema="old")
        sent_before = "AND unsent.id NOT IN (SELECT id FROM old.searchable_facts)" if has_facts else ""
        others = ", ".join(name for name in columns if name != '"position"')
        connection.execute(
            f"""INSERT OR REPLACE INTO main.alerts ({others}, position) SELECT {others}, coalesce(
                    (SELECT min(made.id) - 1 FROM old.searchable AS unsent JOIN main.searchable AS made
                     USING (docid, number) WHERE unsent.id > alerts.position {sent_before}
                         AND made.id NOT IN (SELECT id FROM main.searchable_facts)),
                    (SELECT max(id) FROM main.searchable), 0)
                FROM old.alerts"""  # noqa: S608 - column names
        )
        connection.commit()


def _carry_over_images(connection: sqlite3.Connection) -> None:
    """Copy the images of carried articles, and those of other articles that were stored without a journal."""
    columns = ", ".join(columns_of(connection, "images"))
    connection.execute(
        f"""INSERT OR REPLACE INTO main.images ({columns}) SELECT {columns} FROM old.images
            WHERE url NOT IN (SELECT url FROM main.images)
               OR (status = 'kept' AND url IN (SELECT url FROM main.images WHERE status != 'kept'))"""  # noqa: S608
    )


def index_differences(old: Path, new: Path) -> dict[str, int]:
    """Count rows that only one of two indexes has.

    :return: the count by table, without tables that agree; empty if there is no readable old index
    """
    with attached(old, new) as connection:
        if connection is None:
            return {}
        counts = {}
        image_tables = ("images",) if columns_of(connection, "images", schema="old") else ()
        for table in (*_ARTICLE_TABLES, *_DERIVED_TABLES, *_FEED_TABLES, *image_tables):
            if not columns_of(connection, table, schema="old"):  # an older version wrote the index, without it
                continue
            # A join looks each row up by its key. EXCEPT would copy both tables, texts included (D119).
            columns = columns_of(connection, table, exclude_id=table in _SERIAL_TABLES)
            matches = " AND ".join(f"theirs.{column} IS ours.{column}" for column in columns)
            differing, where = 0, _COMPARED_ROWS.get(table, "TRUE")
            for one, other in (("main", "old"), ("old", "main")):
                differing += connection.execute(
                    f"""SELECT count(*) FROM {one}.{table} AS ours
                        LEFT JOIN {other}.{table} AS theirs ON {matches}
                        WHERE theirs.rowid IS NULL AND {where}"""  # noqa: S608
                ).fetchone()[0]
            if differing:
                counts[table] = differing
        return counts


@contextmanager
def attached(old: Path, new: Path) -> Iterator[sqlite3.Connection | None]:
    """Open ``new`` as schema ``main``, with ``old`` attached as schema ``old``.

    :return: None if there is no readable old index, or its ``entries`` table has other columns
    :raises ArchiveError: a query in the block fails
    """
    connection = sqlite3.connect(new)
    try:
        if not old.exists():
            yield None
            return
        try:
            connection.execute("ATTACH ? AS old", [str(old)])
            same_columns = columns_of(connection, "entries") == columns_of(connection, "entries", schema="old")
        except sqlite3.DatabaseError:
            same_columns = False
        if not same_columns:
            yield None
            return
        with wrap_sqlite_errors(new):
            yield connection
    finally:
        connection.close()


def columns_of(
    connection: sqlite3.Connection, table: str, *, exclude_id: bool = False, schema: str = "main"
) -> list[str]:
    """Return the quoted names of a table's columns; with ``exclude_id``, without the column ``id``."""
    rows = connection.execute(f"PRAGMA {schema}.table_info({table})").fetchall()
    return [f'"{row[1]}"' for row in rows if not (exclude_id and row[1] == "id")]
