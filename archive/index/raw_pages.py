"""Raw pages that may be removed, because they only confirmed a version."""

from __future__ import annotations

from datetime import datetime

from archive.index.part import IndexPart
from archive.model.fetch import JournalPosition
from archive.model.times import to_text

# A page that changed nothing: the article is as before, it was not gone, and its facts are the same. A body that came
# more than once stays: records of other fetches refer to it.
_SELECT_CONFIRMING = """
    SELECT "offset" FROM observations AS o
    WHERE file = :file AND again = 1 AND at >= :since AND at < :before
        AND outcome = 'same' AND evidence IS NULL AND returned = 0 AND digest IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM facts WHERE facts.docid = o.docid AND facts.at = o.at)
        AND NOT EXISTS (SELECT 1 FROM observations AS other WHERE other.digest = o.digest AND other.id != o.id)
    ORDER BY "offset"
"""


class RawPageIndex(IndexPart):
    """The pages in the journal. Errors and transactions as in :class:`~archive.store.Store`."""

    def uncompacted_files(self) -> list[str]:
        """Return the names of the journal files that are in a manifest and not compacted, in order."""
        query = "SELECT file FROM sealed_files WHERE file NOT IN (SELECT file FROM compacted_files) ORDER BY file"
        return [row["file"] for row in self._rows(query)]

    def confirming(self, file: str, since: datetime, before: datetime) -> list[JournalPosition]:
        """Return the fetches in a journal file whose pages only confirmed a version, in order.

        :param since: only fetches from this time on
        :param before: only fetches before this time
        """
        times = {"since": to_text(since), "before": to_text(before)}
        rows = self._rows(_SELECT_CONFIRMING, {"file": file} | times)
        return [JournalPosition(file, row["offset"]) for row in rows]

    def commit_compacted(self, file: str, at: datetime) -> None:
        """Record that a journal file has no such pages any more."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO compacted_files (file, at) VALUES (?, ?)", [file, to_text(at)])
