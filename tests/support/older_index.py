"""Makes an index look as if an older program had written it."""

from __future__ import annotations

# Undoes the migrations from the search index on. Run it with executescript().
BEFORE_SEARCH = """
    DROP INDEX observations_changes;
    DROP TABLE words; DROP TABLE searchable; DROP TABLE days; DROP TABLE alerts;
    DROP TABLE moves; DROP TABLE stated; DROP TABLE facts; DROP TABLE searchable_facts;
    DROP TABLE settled; DROP TABLE lateness; DROP TABLE unlisted;
    DROP INDEX entries_vanished; DROP INDEX idx_entries_published;
    DROP TABLE compacted_files; DROP TABLE containments; DROP TABLE unconfirmed; DROP TABLE misses;
    DROP TABLE listing_counts; DROP TRIGGER listings_added; DROP TRIGGER listings_removed;
    DROP TABLE forgotten; DROP INDEX entries_gone;
    ALTER TABLE gaps DROP COLUMN lost; ALTER TABLE gaps DROP COLUMN evidence;
    ALTER TABLE feeds DROP COLUMN swept; ALTER TABLE feeds DROP COLUMN moved_to;
    ALTER TABLE listings DROP COLUMN shown;
    ALTER TABLE entries DROP COLUMN vanished;
    DROP INDEX entries_by_guid; DROP INDEX entries_by_link;
    ALTER TABLE entries DROP COLUMN listed_text;
    ALTER TABLE entries DROP COLUMN is_excerpt;
    ALTER TABLE entries DROP COLUMN guid;
    ALTER TABLE entries DROP COLUMN link;
    ALTER TABLE entries DROP COLUMN authors;
    ALTER TABLE entries DROP COLUMN enclosures;
    ALTER TABLE entries DROP COLUMN published_text;
    ALTER TABLE entries DROP COLUMN precision;
    ALTER TABLE entries DROP COLUMN published_note;
    ALTER TABLE revisions DROP COLUMN text_from;
    ALTER TABLE revisions DROP COLUMN text_note;
    ALTER TABLE revisions DROP COLUMN raw_title;
    ALTER TABLE revisions DROP COLUMN authors;
    ALTER TABLE revisions DROP COLUMN enclosures;
    ALTER TABLE revisions DROP COLUMN published_text;
    ALTER TABLE revisions DROP COLUMN precision;
    ALTER TABLE revisions DROP COLUMN published_note;
    DROP INDEX revisions_written_with; ALTER TABLE revisions DROP COLUMN written_with;
    DROP TABLE stock_names; DROP INDEX entries_first_seen; DROP INDEX revisions_fetched_at;
    DROP INDEX observations_gone; DROP INDEX observations_moved;
    ALTER TABLE entries DROP COLUMN stock_names; ALTER TABLE revisions DROP COLUMN named;
    DELETE FROM _sqlite_migrations WHERE name >= 'm006';
"""
