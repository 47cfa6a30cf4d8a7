"""An index of the searchable versions by day of publication."""

from __future__ import annotations

from archive.index.database import Database

BLOCK = 1024  # ids in a block of ``days``; archive.search.windows reads the table with the same number


def m008_days(db: Database) -> None:
    """Add where in ``searchable`` the versions are that were published on a day."""
    db.table("days").create(
        {
            "day": str,  # in UTC
            "block": int,  # of BLOCK ids
            "versions": int,  # of that day in that block
            "since": str,  # from when on the earliest of them is known
        },
        pk=("day", "block"),
        not_null={"versions", "since"},
        strict=True,
    )
    add = """
        INSERT INTO days (day, block, versions, since)
        {} ON CONFLICT (day, block) DO UPDATE SET
            versions = versions + excluded.versions, since = min(since, excluded.since)
    """
    counted = f"SELECT substr(published, 1, 10), id / {BLOCK}, count(*), min(since) FROM searchable GROUP BY 1, 2"  # noqa: S608
    one = f"VALUES (substr(new.published, 1, 10), new.id / {BLOCK}, 1, new.since)"
    db.execute(add.format(f"SELECT * FROM ({counted}) WHERE true"))  # noqa: S608 - of constants
    db.execute(f"CREATE TRIGGER searchable_days AFTER INSERT ON searchable BEGIN {add.format(one)}; END")
