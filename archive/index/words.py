"""The words of all versions as a whole: merges the segments in which FTS5 keeps them."""

from __future__ import annotations

from archive.index.part import IndexPart

# Pages that one step of a merge writes: 0.8 MB in some 20 ms, for which searches and commits wait.
_MERGED_PAGES = 200
# A level is merged that has as many segments. FTS5's own merges leave up to four on each; a search reads them all.
_MERGED_SEGMENTS = 2
_LEAST_CHANGES = 2  # rows that change if there was something to merge: from FTS5's documentation


class WordIndex(IndexPart):
    """The table of words. Errors and transactions as in :class:`~archive.store.Store`."""

    def merge(self) -> bool:
        """Merge a part of the segments of words: each commit adds one.

        :return: whether there may be more to merge
        """
        with self._transaction():
            row = self._db.execute("SELECT max(v) AS v FROM words_config WHERE k = 'usermerge'").fetchone()
            if row["v"] != _MERGED_SEGMENTS:
                self._db.execute("INSERT INTO words (words, rank) VALUES ('usermerge', ?)", [_MERGED_SEGMENTS])
            before = self._db.conn.total_changes
            self._db.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", [_MERGED_PAGES])
            return bool(self._db.conn.total_changes - before >= _LEAST_CHANGES)
