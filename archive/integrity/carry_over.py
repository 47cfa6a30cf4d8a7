"""Two indexes of one archive: what the old one has that the new one has not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.index.errors import wrap_sqlite_errors
from archive.model.fetch import JournalPosition

# By the columns that an entry is known by in each.
_OF_ENTRIES = {
    "listings": "docid", "revisions": "docid", "texts": "docid", "symbols": "docid", "changes": "docid",
    "observations": "docid", "addresses": "docid", "entries": "docid",
}  # fmt: skip
# Numbered as they came: what a row says counts, and not its number.
_NUMBERED = ("changes", "observations", "gaps", "searchable")
# Made again from the versions, and not taken over.
_DERIVED = ("searchable",)
# How far lists were read: what the old index knows is never older than the journal's last word on it. See D48.
_LEDGER = ("feeds", "sources", "spans", "gaps", "rhythms", "rests")

# Archived with raw = "none": entries of which some look has no place in the journal, or that have a version and no
# first look, which is of before there were looks. The journal does not know all of them, and what it knows of them
# (looks that came later, and found something to compare with) means something else without the rest. See D80.
UNPROVEN = """
    SELECT docid FROM old.entries AS e
    WHERE EXISTS (SELECT 1 FROM old.observations AS o WHERE o.docid = e.docid AND o.file IS NULL)
       OR (revision > 0
           AND NOT EXISTS (SELECT 1 FROM old.observations AS o WHERE o.docid = e.docid AND o.outcome = 'first'))
"""

# Looks that the old index has at places where the journal has none: it is damaged there, or its file is lost (D123).
_LOST = """
    SELECT DISTINCT docid, file FROM old.observations AS o
    WHERE file IS NOT NULL AND docid NOT IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM main.observations AS made
        WHERE made.docid = o.docid AND made.at = o.at AND made.file = o.file AND made."offset" = o."offset"
    )
"""


@dataclass(frozen=True, slots=True)
class UnprovenRows:
    """What of an index its journal cannot bear out."""

    docids: frozenset[str]  # of articles that were archived without it, now and then or always
    positions: Mapping[str, JournalPosition]  # up to where the journal's records are applied in it, by their writer


def is_sound(path: Path) -> bool:
    """Whether an index is there, and can be read to its end.

    :raises ArchiveError: it cannot be told, as while another program has it locked
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


def lost_fetches(old: Path, new: Path, but: Collection[str] = ()) -> dict[str, set[str]]:
    """Of which articles the journal has lost looks, by the name of the file that they were in.

    :param new: to which the journal was applied
    :param but: articles to which it was not
    """
    found: dict[str, set[str]] = {}
    with attached(old, new) as connection:
        for docid, file in connection.execute(_LOST, [json.dumps(list(but))]) if connection else ():
            found.setdefault(file, set()).add(docid)
    return found


def unproven(old: Path, new: Path, lost: Collection[str] = ()) -> UnprovenRows | None:
    """What only the old index knows; None where there is none that can be read.

    :param lost: articles of which the journal has lost looks
    """
    with attached(old, new) as connection:
        if connection is None:
            return None
        return UnprovenRows(
            frozenset(docid for (docid,) in connection.execute(UNPROVEN)) | frozenset(lost),
            {
                writer: JournalPosition(file, offset)
                for writer, file, offset in connection.execute('SELECT writer, file, "offset" FROM old.journal')
            },
        )


def carry_over_rows(old: Path, new: Path, lost: Collection[str] = ()) -> int:
    """Put into an index what the journal cannot know: articles archived without it, and how far lists were read.

    :param new: to which the journal was applied up to where it is applied in the old one, but for looks at what is
        :func:`unproven`; where nothing is, to which all of it was
    :param lost: articles of which the journal has lost looks
    :return: how many entries were taken over; 0 when there is no old index that can be read
    """
    with attached(old, new) as connection:
        if connection is None:
            return 0
        connection.execute(
            f"""CREATE TEMP TABLE taken AS SELECT docid FROM ({UNPROVEN})
                UNION SELECT docid FROM old.entries WHERE docid NOT IN (SELECT docid FROM main.entries)
                UNION SELECT value FROM json_each(?)""",  # noqa: S608
            [json.dumps(list(lost))],
        )
        [(count,)] = connection.execute("SELECT count(*) FROM taken")
        for table in _OF_ENTRIES:
            columns = ", ".join(columns_of(connection, table, but_id=table in _NUMBERED))
            connection.execute(f"DELETE FROM main.{table} WHERE docid IN (SELECT docid FROM taken)")  # noqa: S608
            connection.execute(
                f"""INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}
                    WHERE docid IN (SELECT docid FROM taken)"""  # noqa: S608
            )
        if lost or connection.execute(f"SELECT 1 FROM ({UNPROVEN}) LIMIT 1").fetchone():  # noqa: S608
            connection.execute("INSERT OR REPLACE INTO main.journal SELECT * FROM old.journal")
        for table in _LEDGER:
            columns = ", ".join(columns_of(connection, table))
            connection.execute(f"DELETE FROM main.{table}")  # noqa: S608
            connection.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}"  # noqa: S608
            )
        if columns_of(connection, "images", of="old"):
            _carry_over_images(connection)
        connection.commit()
        return int(count)


def carry_over_manifests(old: Path, new: Path) -> None:
    """Put into an index what each manifest was when it was written: the one on the disk may be another by now."""
    with attached(old, new) as connection:
        if connection is None:
            return
        for table in ("manifests", "sealed_files"):
            columns = ", ".join(columns_of(connection, table))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}")  # noqa: S608
        for table, same in (("revisions", ("docid", "number", "sha256")), ("images", ("url", "sha256"))):
            if columns_of(connection, table, of="old"):
                alike = " AND ".join(f"o.{column} = main.{table}.{column}" for column in same)
                connection.execute(
                    f"""UPDATE main.{table} SET sealed = (SELECT sealed FROM old.{table} AS o WHERE {alike})
                        WHERE sealed IS NULL"""  # noqa: S608
                )
        connection.commit()


def carry_over_alerts(old: Path, new: Path) -> None:
    """Put into an index how far alerts are told, once all its versions are searchable.

    Versions may have other numbers there: what was not told yet is told later. Where what was told has come among
    that, it is told again, rather than any not at all.
    """
    with attached(old, new) as connection:
        if connection is None or not columns_of(connection, "alerts", of="old"):
            return
        columns = columns_of(connection, "alerts")
        others = ", ".join(name for name in columns if name != '"position"')
        connection.execute(
            f"""INSERT OR REPLACE INTO main.alerts ({others}, position) SELECT {others}, coalesce(
                    (SELECT min(made.id) - 1 FROM old.searchable AS untold JOIN main.searchable AS made
                     USING (docid, number) WHERE untold.id > alerts.position),
                    (SELECT max(id) FROM main.searchable), 0)
                FROM old.alerts"""  # noqa: S608 - of names of columns
        )
        connection.commit()


def _carry_over_images(connection: sqlite3.Connection) -> None:
    """Those of such articles; and what was kept of others when no journal was."""
    columns = ", ".join(columns_of(connection, "images"))
    connection.execute(
        f"""INSERT OR REPLACE INTO main.images ({columns}) SELECT {columns} FROM old.images
            WHERE url NOT IN (SELECT url FROM main.images)
               OR (status = 'kept' AND url IN (SELECT url FROM main.images WHERE status != 'kept'))"""  # noqa: S608
    )


def index_differences(old: Path, new: Path) -> dict[str, int]:
    """How many rows two indexes do not have in common, by table; tables that agree are left out."""
    with attached(old, new) as connection:
        if connection is None:
            return {}
        found = {}
        of_pictures = ("images",) if columns_of(connection, "images", of="old") else ()
        for table in (*_OF_ENTRIES, *_DERIVED, *_LEDGER, *of_pictures):
            if not columns_of(connection, table, of="old"):  # an older program's index, which had no such table
                continue
            # Each row by its key: EXCEPT would put all of both into tables of their own, texts and all. See D119.
            columns = columns_of(connection, table, but_id=table in _NUMBERED)
            alike = " AND ".join(f"theirs.{column} IS ours.{column}" for column in columns)
            differing = 0
            for one, other in (("main", "old"), ("old", "main")):
                differing += connection.execute(
                    f"""SELECT count(*) FROM {one}.{table} AS ours
                        LEFT JOIN {other}.{table} AS theirs ON {alike} WHERE theirs.rowid IS NULL"""  # noqa: S608
                ).fetchone()[0]
            if differing:
                found[table] = differing
        return found


@contextmanager
def attached(old: Path, new: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection to ``new``, as ``main``, and ``old``; None when there is no old one with the same tables."""
    connection = sqlite3.connect(new)
    try:
        if not old.exists():
            yield None
            return
        try:
            connection.execute("ATTACH ? AS old", [str(old)])
            same = columns_of(connection, "entries") == columns_of(connection, "entries", of="old")
        except sqlite3.DatabaseError:
            same = False
        if not same:
            yield None
            return
        with wrap_sqlite_errors(new):
            yield connection
    finally:
        connection.close()


def columns_of(connection: sqlite3.Connection, table: str, *, but_id: bool = False, of: str = "main") -> list[str]:
    """Names of a table's columns, quoted."""
    rows = connection.execute(f"PRAGMA {of}.table_info({table})").fetchall()
    return [f'"{row[1]}"' for row in rows if not (but_id and row[1] == "id")]
