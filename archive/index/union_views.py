"""Views with which several indexes are read as one: each leaves out the articles that belong to another one.

An article belongs to the index that archived it first (D276). The others are attached to the connection, and
temporary views hide the tables of the same name: statements that name these tables read the views.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from pathlib import Path

from archive.index.connection import attach_for_reading
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.model.errors import ArchiveError

# One, and those that SQLite attaches to it.
MAX_INDEXES = 11
# When an index began to know an article: a time sorts before "~". Compared as text, as all times of the index.
KNOWN_SINCE = """coalesce(
    (SELECT fetched_at FROM {schema}.revisions WHERE docid = {docid} AND number = 1),
    (SELECT '~' || first_seen FROM {schema}.entries WHERE docid = {docid})
)"""
_HAS_EARLIER = """EXISTS (
    SELECT 1 FROM {schema}.entries WHERE docid = {docid} AND {known_there} {before} {known_here}
) OR EXISTS (SELECT 1 FROM {schema}.forgotten WHERE docid = {docid})"""
# Several indexes may have a feed, one after the other: an article belongs to it since the first of them listed it.
_LISTED_EARLIER = """EXISTS (
    SELECT 1 FROM {schema}.listings y
    WHERE y.feed = x.feed AND y.docid = x.docid AND coalesce(y.seen, '') {before} coalesce(x.seen, '')
)"""


def ensure_few(indexes: Sized) -> None:
    """Check that as many indexes can be read as one.

    :raises ArchiveError: they are too many
    """
    if len(indexes) > MAX_INDEXES:
        raise ArchiveError(f"{len(indexes)} archives are too many: {MAX_INDEXES} can be read as one")


def join_index(database: Database, paths: Sequence[Path], place: int) -> tuple[str, ...]:
    """Make an index one of several that are read as one.

    :param database: the index at ``paths[place]``, opened for reading
    :param paths: of all indexes, in the order that decides between two that archived an article at the same moment
    :return: the names of tables that together have the rows of ``listings`` of all indexes. The view ``listings``
        has them too, but SQLite does not use its index in a join
    :raises ArchiveError: another index cannot be read
    """
    schemas = ["main" if number == place else f"index{number}" for number in range(len(paths))]
    for schema, path in zip(schemas, paths, strict=True):
        if schema != "main":
            attach_for_reading(database, path, schema)
    with wrap_sqlite_errors(paths[place]):
        for name, select in _views(schemas, place).items():
            database.execute(f"CREATE TEMP VIEW {name} AS {select}")
    return tuple(f"listings{number}" for number in range(len(paths)))


def _views(schemas: Sequence[str], place: int) -> dict[str, str]:
    owned = _none_of(
        _HAS_EARLIER.format(
            schema=schema,
            docid="x.docid",
            before=_before(number, place),
            known_there=KNOWN_SINCE.format(schema=schema, docid="x.docid"),
            known_here=KNOWN_SINCE.format(schema="main", docid="x.docid"),
        )
        for number, schema in enumerate(schemas)
        if number != place
    )
    listings = {f"listings{number}": _listings(schemas, number) for number in range(len(schemas))}
    # What left a list is in the index that reads the list, and is shown with the article.
    unlisted = (
        f"SELECT x.id * {len(schemas)} + {number} AS id, x.feed, x.docid, x.at, x.newer, x.older, x.back "  # noqa: S608
        f"FROM {schema}.unlisted x WHERE {owned}"
        for number, schema in enumerate(schemas)
    )
    return {
        **{
            table: f"SELECT x.rowid AS rowid, x.* FROM main.{table} x WHERE {owned}"  # noqa: S608 - of constants
            for table in ("searchable", "observations", "facts")
        },
        **listings,
        "listings": " UNION ALL ".join(listings.values()),
        "listing_counts": "SELECT feed, count(*) AS entries FROM listings GROUP BY feed",
        "unlisted": " UNION ALL ".join(unlisted),
    }


def _listings(schemas: Sequence[str], place: int) -> str:
    """Return a statement that selects those of an index's listings that no other index had earlier."""
    first = _none_of(
        _LISTED_EARLIER.format(schema=schema, before=_before(number, place))
        for number, schema in enumerate(schemas)
        if number != place
    )
    return f"SELECT x.rowid AS rowid, x.* FROM {schemas[place]}.listings x WHERE {first}"  # noqa: S608 - of constants


def _none_of(conditions: Iterable[str]) -> str:
    return " AND ".join(f"NOT ({each})" for each in conditions) or "1"


def _before(number: int, place: int) -> str:
    """Return the operator: of two at the same moment, the first index counts."""
    return "<=" if number < place else "<"
