"""The names of stocks, as versions print them, and indexes for searches by marks and recorded times."""

from __future__ import annotations

from archive.index.database import Database


def m016_stock_names(db: Database) -> None:
    """Create the table; versions that were written before have no names until a rebuild."""
    # 1: the names that the version prints are in stock_names. Null: an earlier version of the program wrote it.
    db.table("revisions").add_column("named", int)
    db.table("entries").add_column("stock_names", str, not_null_default="[]")  # of a list: [symbol, name] each
    db.table("stock_names").create(
        # published and seen: of the version, with which they are recorded. The key is that of a version and a stock.
        {"docid": str, "number": int, "symbol": str, "name": str, "published": str, "seen": str},
        pk=("docid", "number", "symbol"),
        not_null={"name", "published", "seen"},
        strict=True,
    )
    db.execute("CREATE INDEX stock_names_symbol ON stock_names(symbol, published, seen, name)")
    db.execute("CREATE INDEX stock_names_name ON stock_names(name COLLATE NOCASE, symbol, seen)")
    db.execute("CREATE INDEX entries_first_seen ON entries(first_seen)")
    db.execute("CREATE INDEX revisions_fetched_at ON revisions(fetched_at)")
    db.execute("CREATE INDEX searchable_later ON searchable(published DESC, docid) WHERE number > 1")
    db.execute("CREATE INDEX observations_gone ON observations(at, docid) WHERE outcome = 'gone'")
    db.execute("CREATE INDEX observations_moved ON observations(at, docid) WHERE outcome = 'moved'")
