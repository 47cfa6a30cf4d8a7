"""The longer SQL statements of the index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

Row = sqlite3.Row
INSERT_ENTRY = """
    INSERT INTO entries (docid, url, host, title, published, modified, entered, media, image, keywords, lids,
                         content, symbols, withdrawn, foreign_site, carrier, first_seen, due, listed_text, is_excerpt,
                         guid, link, authors, enclosures, published_text, precision, published_note, stock_names,
                         status)
    VALUES (:docid, :url, :host, :title, :published, :modified, :entered, :media, :image, :keywords, :lids,
            :content, :symbols, :withdrawn, :foreign_site, :carrier, :first_seen, :due, :listed_text, :is_excerpt,
            :guid, :link, :authors, :enclosures, :published_text, :precision, :published_note, :stock_names,
            'pending')
    ON CONFLICT (docid) DO UPDATE SET
        url = excluded.url, host = excluded.host, title = excluded.title, published = excluded.published,
        modified = excluded.modified, entered = excluded.entered, media = excluded.media, image = excluded.image,
        keywords = excluded.keywords, lids = excluded.lids, content = excluded.content, symbols = excluded.symbols,
        withdrawn = excluded.withdrawn, foreign_site = excluded.foreign_site, carrier = excluded.carrier,
        listed_text = excluded.listed_text, is_excerpt = excluded.is_excerpt, guid = excluded.guid,
        link = excluded.link, authors = excluded.authors, enclosures = excluded.enclosures,
        published_text = excluded.published_text, precision = excluded.precision,
        published_note = excluded.published_note, stock_names = excluded.stock_names,
        due = excluded.due, status = 'pending', attempts = 0, failure_kind = NULL, failure = NULL
    WHERE entries.url IS NULL
"""  # an item that could not be parsed before and can be now
INSERT_BROKEN_ENTRY = """
    INSERT INTO entries (docid, first_seen, status, failure_kind, failure) VALUES (?, ?, 'parked', ?, ?)
"""
INSERT_OBSERVATION = """
    INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up, kind, evidence, status,
                              digest, file, "offset")
    VALUES (:docid, :at, :outcome, :revision, :again, :returned, :given_up, :kind, :evidence, :status,
            :digest, :file, :offset)
"""
INSERT_REVISION = """
    INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at, url, modified, updated, media,
                           keywords, symbols, pictures, editor, original_title, fingerprint, story, sealed, authors,
                           enclosures, published_text, precision, published_note, text_from, text_note, raw_title,
                           written_with, named)
    VALUES (:docid, :number, :path, :sha256, :title, :published, :fetched_at, :url, :modified, :updated, :media,
            :keywords, :symbols, :pictures, :editor, :original_title, :fingerprint, :story, :sealed, :authors,
            :enclosures, :published_text, :precision, :published_note, :text_from, :text_note, :raw_title,
            :written_with, 1)
"""
COUNT_DUE = """
    SELECT host, count(*) AS n FROM entries
    WHERE status = 'pending' AND due <= ? AND (tried IS NULL OR tried < ?) GROUP BY host
"""
COUNT_FAILURES = """
    SELECT failure, count(*) AS n FROM entries WHERE status = ? AND failure IS NOT NULL
    GROUP BY failure ORDER BY n DESC, failure
"""
SELECT_FILES = """
    SELECT path, number, sha256, max(number) OVER (PARTITION BY docid) AS newest FROM revisions
"""
# Each value once: from one to the next in the index, whatever the number of versions.
SELECT_FORMATS = """
    WITH RECURSIVE formats (value) AS (
        SELECT min(written_with) FROM revisions
        UNION ALL
        SELECT (SELECT min(written_with) FROM revisions WHERE written_with > value) FROM formats
        WHERE value IS NOT NULL
    )
    SELECT value FROM formats WHERE value IS NOT NULL
"""
SELECT_RESERVED_PATHS = "SELECT path FROM entries WHERE status = 'pending' AND path IS NOT NULL AND revision = 0"
SELECT_CONTRADICTIONS = """
    SELECT docid, 'its status is archived, but it has no version' AS wrong FROM entries
    WHERE status = 'archived' AND docid NOT IN (SELECT docid FROM revisions)
    UNION ALL
    SELECT docid, 'it has a version, but no entry' FROM revisions
    WHERE number = 1 AND docid NOT IN (SELECT docid FROM entries)
    UNION ALL
    SELECT docid, 'its versions are not numbered from 1 without gaps' FROM revisions
    GROUP BY docid HAVING max(number) != count(*) OR min(number) != 1
    UNION ALL
    SELECT docid, 'the entry does not name its newest version' FROM entries
    WHERE status = 'archived' AND revision != (SELECT max(number) FROM revisions AS r WHERE r.docid = entries.docid)
    UNION ALL
    SELECT docid, 'the entry and its newest version have different paths' FROM entries
    WHERE EXISTS (SELECT 1 FROM revisions AS r WHERE r.docid = entries.docid AND r.number = entries.revision
                  AND r.path IS NOT entries.path)
    UNION ALL
    SELECT docid, 'its version ' || number || ' is not in the search index' FROM revisions AS r
    WHERE NOT EXISTS (SELECT 1 FROM searchable AS s WHERE s.docid = r.docid AND s.number = r.number)
"""
# When a listing last changed; NULL if the fetch has just seen that change. The fields are compared, not the times:
# another poll may have been committed between the fetch and its commit. See D75.
STILL_CHANGED = """iif(
    changed IS NULL OR (
        content IS :content AND listed_text IS :listed_text AND withdrawn = :withdrawn AND symbols = :listed_symbols
        AND coalesce((SELECT c.title FROM changes c WHERE c.docid = entries.docid ORDER BY id DESC LIMIT 1),
                     title) IS :listed_title
        AND coalesce((SELECT c.modified FROM changes c WHERE c.docid = entries.docid ORDER BY id DESC LIMIT 1),
                     modified) IS :listed_modified
    ), NULL, changed)
"""
# An entry whose text is in a listing that has changed since stays pending.
RECORD_FAILED_FETCH = f"""
    UPDATE entries SET tried = :at, failure_kind = :kind, failure = :evidence,
        (status, attempts, due) = (
            SELECT iif(is_news, 'pending', iif(:parks, 'parked', 'pending')), iif(is_news, 0, attempts + 1),
                   iif(is_news, changed, :due)
            FROM (SELECT :parks AND carrier IS NOT NULL AND {STILL_CHANGED} IS NOT NULL AS is_news)
        )
    WHERE docid = :docid AND status = 'pending'
"""  # noqa: S608 - of constants
UPSERT_POLLED_FEED = """
    INSERT INTO feeds (id, categories, author, last_poll, last_success, newest, ground, complete_to, swept,
                       error_kind, error, failing_since, trouble, last_pages, last_new, etag, last_modified,
                       moved_to)
    VALUES (:id, :categories, :author, :at, :success, :newest, :ground, :complete_to, :swept, :kind, :error,
            iif(:error IS NULL, NULL, :at), :trouble, :pages, :new, :etag, :last_modified, :moved_to)
    ON CONFLICT (id) DO UPDATE SET
        categories = :categories, author = :author, last_poll = :at,
        last_success = coalesce(:success, last_success),
        newest = nullif(max(coalesce(newest, ''), coalesce(:newest, '')), ''),
        ground = nullif(max(coalesce(ground, ''), coalesce(:ground, '')), ''),
        complete_to = coalesce(:complete_to, complete_to), swept = coalesce(:swept, swept),
        error_kind = :kind, error = :error,
        failing_since = iif(:error IS NULL, NULL, coalesce(failing_since, :at)),
        trouble = iif(:error IS NULL, 0.0, trouble + :trouble),
        last_pages = :pages, last_new = :new,
        etag = iif(:is_read, :etag, etag), last_modified = iif(:is_read, :last_modified, last_modified),
        moved_to = iif(:error IS NULL, :moved_to, moved_to)
"""
UPSERT_BACKFILLED_FEED = """
    INSERT INTO feeds (id, categories, author, newest, floor, swept)
    VALUES (:id, :categories, :author, :newest, :floor, :swept)
    ON CONFLICT (id) DO UPDATE SET
        categories = :categories, author = :author,
        newest = nullif(max(coalesce(newest, ''), coalesce(:newest, '')), ''),
        floor = coalesce(:floor, floor), swept = coalesce(:swept, swept)
"""
# An entry that is neither pending, nor parked, nor forgotten is archived. Those are few, and have indexes.
# Rows are never deleted, so the largest rowid is the number of entries.
COUNT_ENTRIES = """
    SELECT (SELECT coalesce(max(rowid), 0) FROM entries) AS entries,
           (SELECT count(*) FROM entries WHERE status = 'pending') AS pending,
           (SELECT count(*) FROM entries WHERE status = 'parked') AS parked,
           (SELECT count(*) FROM forgotten) AS forgotten
"""
COUNT_LISTINGS = """
    WITH pending AS (
        SELECT feed, count(*) AS n FROM entries CROSS JOIN listings USING (docid)
        WHERE status = 'pending' GROUP BY feed
    ), parked AS (
        SELECT feed, count(*) AS n FROM entries CROSS JOIN listings USING (docid)
        WHERE status = 'parked' GROUP BY feed
    ), removed AS (
        SELECT feed, count(*) AS n FROM forgotten CROSS JOIN listings USING (docid) GROUP BY feed
    )
    SELECT feed, entries, coalesce(pending.n, 0) AS pending, coalesce(parked.n, 0) AS parked,
           coalesce(removed.n, 0) AS forgotten
    FROM listing_counts LEFT JOIN pending USING (feed) LEFT JOIN parked USING (feed) LEFT JOIN removed USING (feed)
    WHERE entries > 0
"""
# Entries as listings describe them now: title and mtime are those of the last change.
_PENDING = """
    SELECT docid, url, host,
           coalesce((SELECT c.title FROM changes c WHERE c.docid = entries.docid ORDER BY id DESC LIMIT 1),
                    title) AS title,
           coalesce((SELECT c.modified FROM changes c WHERE c.docid = entries.docid ORDER BY id DESC LIMIT 1),
                    modified) AS modified,
           published, entered, media, image, keywords, lids, content, symbols, withdrawn, foreign_site,
           listed_text, is_excerpt, guid, link, authors, enclosures, published_text, precision, published_note,
           stock_names, attempts, first_seen, path, revision,
           (SELECT json_group_array(feed) FROM listings WHERE listings.docid = entries.docid) AS feeds
    FROM entries
"""
SELECT_DUE = f"""{_PENDING}
    WHERE status = 'pending' AND host = ? AND due <= ? AND (tried IS NULL OR tried < ?)
        AND docid NOT IN (SELECT value FROM json_each(?))
    ORDER BY attempts, published DESC LIMIT ?
"""  # noqa: S608 - of constants
SELECT_NEWEST_DUE = """
    SELECT feed, docid FROM (
        SELECT feed, docid, row_number() OVER (PARTITION BY feed ORDER BY published DESC) AS place
        FROM entries CROSS JOIN listings USING (docid)
        WHERE status = 'pending' AND host = ? AND attempts = 0 AND due <= ? AND (tried IS NULL OR tried < ?)
            AND docid NOT IN (SELECT value FROM json_each(?))
    ) WHERE place <= ? ORDER BY feed, place
"""
SELECT_PENDING = f"""{_PENDING}
    WHERE status = 'pending' AND host = ? AND docid IN (SELECT value FROM json_each(?)) LIMIT ?
"""  # noqa: S608 - of constants
# Articles that are due for their age, because a listing has changed, or because they left a list: these at once,
# whatever postponed them. Three SELECTs, because each uses an index. An article whose last attempt is later than
# now was postponed while the clock was ahead: it is due.
_MAY_BE_TRIED = "(due <= :now AND (tried IS NULL OR tried < :tried) OR tried > :now)"
# The list's title is another than at the last fetch: idle back-off does not delay this recheck. Of an article from
# before these titles were recorded, the title of its version counts. Not if the recheck has failed: it is retried.
_LISTED_NOW = (
    "coalesce((SELECT c.title FROM changes c WHERE c.docid = entries.docid ORDER BY id DESC LIMIT 1), title)"
)
_IS_RETITLED = f"""(
    attempts = 0 AND (tried IS NULL OR tried < :tried) AND {_LISTED_NOW} != '' AND {_LISTED_NOW} != coalesce(
        (SELECT s.listed_title FROM stated s WHERE s.docid = entries.docid),
        (SELECT coalesce(r.raw_title, r.title) FROM revisions r
         WHERE r.docid = entries.docid AND r.number = entries.revision)
    )
)"""  # noqa: S608 - of constants
_RECHECKS = f"""
    SELECT docid FROM entries WHERE status = 'archived' AND changed IS NOT NULL
        AND ({_MAY_BE_TRIED} OR {_IS_RETITLED}){{host}}
    UNION
    SELECT docid FROM entries WHERE status = 'archived' AND recheck <= :now AND {_MAY_BE_TRIED}{{host}}
    UNION
    SELECT docid FROM entries WHERE status = 'archived' AND vanished IS NOT NULL
        AND (tried < vanished OR {_MAY_BE_TRIED}){{host}}
"""  # noqa: S608 - of constants
_RECHECK_ORDER = "vanished IS NULL, changed IS NULL, idle, published DESC"
COUNT_RECHECKS = f"""
    SELECT host, count(*) AS n FROM entries WHERE docid IN ({_RECHECKS.format(host="")}) GROUP BY host
"""  # noqa: S608 - of constants
# Only what is leased is read as a whole: after days without the daemon thousands are due.
SELECT_RECHECKS = f"""{_PENDING}
    WHERE docid IN (
        SELECT docid FROM entries
        WHERE docid IN ({_RECHECKS.format(host=" AND host = :host")})
            AND docid NOT IN (SELECT value FROM json_each(:in_flight))
        ORDER BY {_RECHECK_ORDER} LIMIT :limit
    )
    ORDER BY {_RECHECK_ORDER}
"""  # noqa: S608 - of constants
SELECT_STATES = """
    SELECT r.*, first.fetched_at AS archived_at, entries.attempts, entries.gone, entries.idle, entries.recheck,
           texts.text,
           f.step AS facts_step, f.updated AS facts_updated, f.media AS facts_media, f.keywords AS facts_keywords,
           f.symbols AS facts_symbols, s.listed_title, s.title AS stated_title, s.published AS stated_published,
           s.updated AS stated_updated, s.media AS stated_media, s.keywords AS stated_keywords,
           s.symbols AS stated_symbols
    FROM json_each(?) AS wanted CROSS JOIN entries ON entries.docid = wanted.value
    JOIN revisions r ON r.docid = entries.docid AND r.number = entries.revision
    JOIN revisions first ON first.docid = entries.docid AND first.number = 1
    LEFT JOIN texts ON texts.docid = r.docid AND texts.number = r.number
    LEFT JOIN stated s ON s.docid = r.docid
    LEFT JOIN facts f ON f.docid = r.docid AND f.revision = r.number
        AND f.step = (SELECT max(step) FROM facts WHERE docid = r.docid AND revision = r.number)
"""
SELECT_ENTRY = "SELECT * FROM entries WHERE docid = ? OR docid = (SELECT docid FROM revisions WHERE path = ?)"


def to_json(values: Sequence[object], *, ascii_only: bool = True) -> str:
    """Return a list as a JSON column of the index."""
    return json.dumps(values, ensure_ascii=ascii_only) if values else "[]"  # most are empty, and dumps is slow
