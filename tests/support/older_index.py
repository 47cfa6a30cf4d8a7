"""Makes an index look as if an older program had written it."""

from __future__ import annotations

# Undoes the migrations from the search index on. Run it with executescript().
BEFORE_SEARCH = """
    DROP TABLE words; DROP TABLE searchable; DROP TABLE days; DROP TABLE alerts;
    DROP TABLE moves; DROP TABLE stated; DROP TABLE facts; DROP TABLE searchable_facts;
    DROP TABLE settled; DROP TABLE lateness; DROP TABLE unlisted;
    DROP INDEX entries_vanished; DROP INDEX idx_entries_published;
    ALTER TABLE gaps DROP COLUMN lost; ALTER TABLE gaps DROP COLUMN evidence;
    ALTER TABLE feeds DROP COLUMN swept;
    ALTER TABLE listings DROP COLUMN shown;
    ALTER TABLE entries DROP COLUMN vanished;
    DELETE FROM _sqlite_migrations WHERE name >= 'm006';
"""
