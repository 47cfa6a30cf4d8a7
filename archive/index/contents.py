"""What a version contains beside its row: the plain text, the stocks, and the names that it prints of them."""

from __future__ import annotations

from datetime import datetime

from archive.index.database import Database
from archive.model.article import Article, Revision
from archive.model.times import to_text

_INSERT_NAME = """
    INSERT OR IGNORE INTO stock_names (docid, number, symbol, name, published, seen) VALUES (?, ?, ?, ?, ?, ?)
"""


def add_contents(database: Database, revision: Revision, article: Article | None) -> None:
    """Write the contents of a version. The caller begins the transaction.

    :param article: as extracted; None: nothing was
    """
    key = (revision.docid, revision.number)
    database.execute("INSERT INTO texts VALUES (?, ?, ?)", [*key, article.text if article else ""])
    database.conn.executemany(
        "INSERT OR IGNORE INTO symbols VALUES (?, ?, ?)", [(symbol, *key) for symbol in revision.symbols]
    )
    add_names(database, revision, article, revision.fetched_at)


def add_names(database: Database, revision: Revision, article: Article | None, seen: datetime) -> None:
    """Write the names of stocks that a version prints, or that its list states later.

    :param seen: when they were observed
    """
    names = article.stock_names if article else ()
    times = (to_text(revision.published), to_text(seen))
    database.conn.executemany(
        _INSERT_NAME, [(revision.docid, revision.number, symbol, name, *times) for symbol, name in names]
    )
