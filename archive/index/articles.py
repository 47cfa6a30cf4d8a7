"""Every look at an article, every version of it, and which articles are to be looked at again, in the index."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping, statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.fts import Version, add_words, complete_words
from archive.index.images import want
from archive.index.log import FETCHES, ChangeLog, order
from archive.index.statements import to_json
from archive.model.article import Article, Revision
from archive.model.feed import PendingEntry
from archive.model.fetch import ArticleState, Decision, Fetch, JournalPosition, fingerprint_rule
from archive.model.times import to_text


class ArticleIndex:
    """The articles' side of the index: a part of :class:`~archive.store.Store`, whose promises it keeps."""

    def __init__(self, database: Database, path: Path, journal: ChangeLog) -> None:
        self._db, self._path, self._journal = database, path, journal

    def newest(self, docids: Collection[str]) -> dict[str, ArticleState]:
        """What is known of those articles that have a version already."""
        rows = self._rows(statements.SELECT_KNOWN, [json.dumps(list(docids))])
        return {row["docid"]: row_mapping.known(row) for row in rows}

    def revisions(self, docid: str) -> list[Revision]:
        """An article's versions, the first first."""
        rows = self._rows("SELECT * FROM revisions WHERE docid = ? ORDER BY number", [docid])
        return [row_mapping.revision(row) for row in rows]

    def text(self, docid: str, number: int) -> str | None:
        """A version's plain text; None when the index has none, as of versions of before it kept any."""
        rows = self._rows("SELECT text FROM texts WHERE docid = ? AND number = ?", [docid, number])
        return str(rows[0]["text"]) if rows else None

    def find(self, ident: str) -> dict[str, Any] | None:
        """All that is known of an entry, by its docid or its file's path, with its feeds; None when unknown."""
        rows = self._rows(statements.SELECT_FOUND, [ident, ident])
        return dict(rows[0]) if rows else None

    def all_files(self) -> Iterator[tuple[str, int, int, str]]:
        """Of each version: its article's path, its number, that of the article's newest one, its file's sha256."""
        for row in self._rows(statements.SELECT_FILES, []):
            yield row["path"], row["number"], row["newest"], row["sha256"]

    def contradictions(self) -> list[tuple[str, str]]:
        """What of the index does not fit together: docid, and what is wrong."""
        return [(row["docid"], row["wrong"]) for row in self._rows(statements.SELECT_CONTRADICTIONS, [])]

    def promised(self) -> set[str]:
        """Paths at which first versions are about to be written, or were when a run was cut off."""
        return {row["path"] for row in self._rows(statements.SELECT_PROMISED, [])}

    def places_by_file(self) -> dict[str, set[int]]:
        """Where in the journal looks are recorded: the offsets, by the file's name."""
        found: dict[str, set[int]] = {}
        for row in self._rows('SELECT file, "offset" FROM observations WHERE file IS NOT NULL', []):
            found.setdefault(row["file"], set()).add(row["offset"])
        return found

    def places(self, digests: Collection[str]) -> dict[str, JournalPosition]:
        """Where the journal has bodies of these digests, of those that it has."""
        rows = self._rows(
            """SELECT digest, min(id), file, "offset" FROM observations
               WHERE digest IN (SELECT value FROM json_each(?)) AND file IS NOT NULL GROUP BY digest""",
            [json.dumps(list(digests))],
        )
        return {row["digest"]: JournalPosition(row["file"], row["offset"]) for row in rows}

    # Looks that are due

    def hosts(self, now: datetime, tried_before: datetime) -> dict[str, int]:
        """Hosts of the articles that are to be looked at again, and how many."""
        times = {"now": to_text(now), "tried": to_text(tried_before)}
        return {row["host"]: row["n"] for row in self._rows(statements.COUNT_RECHECKS, times)}

    def due(
        self, host: str, most: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> list[PendingEntry]:
        """Articles of a host to be looked at again: those that a list has news of first, then the youngest."""
        asked = {
            "host": host, "now": to_text(now), "tried": to_text(tried_before), "most": most,
            "in_hand": json.dumps(list(in_flight)),
        }  # fmt: skip
        return [row_mapping.pending(row) for row in self._rows(statements.SELECT_RECHECKS, asked)]

    def rechecks_since(self, since: datetime) -> int:
        """How many requests were made since for pages of articles that had a version."""
        query = """SELECT count(*) AS n FROM observations JOIN entries USING (docid)
                   WHERE again = 1 AND at > ? AND host != ''"""
        return int(self._rows(query, [to_text(since)])[0]["n"])

    # Looks that were made

    def commit(self, decisions: Sequence[Decision], places: Sequence[JournalPosition | None]) -> None:
        """Record what came of looks; the files of new versions are on the disk.

        :param places: where the journal has the looks, in their order; None where there is none
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            before = self.newest([decision.fetch.pending.entry.docid for decision in decisions])
            done: set[str] = set()
            made: list[Version] = []
            for decision, place in zip(decisions, places, strict=True):
                docid = decision.fetch.pending.entry.docid
                # Of a second look in the same batch, the first one has changed what is known.
                known = self.newest([docid]).get(docid) if docid in done else before.get(docid)
                self._record(decision, place, known, made)
                done.add(docid)
            add_words(self._db, made)
            self._journal.mark(FETCHES, max((place for place in places if place), default=None, key=order))

    def _record(
        self, decision: Decision, place: JournalPosition | None, known: ArticleState | None, made: list[Version]
    ) -> None:
        self._add_observation(decision, place, known)
        if decision.revision:
            made.append(self._add_revision(decision, decision.revision))
        elif decision.article and known and not known.revision.fingerprint:
            self._complete(decision, known.revision)
        elif decision.article and known and _by_another_rule(decision.article, known.revision):
            self._state_anew(decision.article, known.revision)
        if decision.pictures:
            want(self._db, decision.pictures, decision.fetch.at)
        if known is None:
            self._after_first_fetch(decision)
        else:
            self._after_refetch(decision, known)

    def _add_observation(self, decision: Decision, place: JournalPosition | None, known: ArticleState | None) -> None:
        fetch, seen = decision.fetch, decision.article is not None
        number = decision.revision.number if decision.revision else known.revision.number if known else 0
        self._db.execute(
            statements.INSERT_OBSERVATION,
            {
                "docid": fetch.pending.entry.docid,
                "at": to_text(fetch.at),
                "outcome": decision.outcome,
                "revision": number,
                "again": int(known is not None),
                "returned": int(seen and known is not None and known.gone is not None),
                "given_up": int(known is None and decision.revision is None and decision.due is None),
                "kind": decision.kind,
                "evidence": decision.evidence or None,
                "status": fetch.response.status if fetch.response else None,
                "digest": decision.digest,
                "file": place.file if place else None,
                "offset": place.offset if place else None,
            },
        )

    def _add_revision(self, decision: Decision, revision: Revision) -> Version:
        row = row_mapping.revision_row(revision)
        self._db.execute(statements.INSERT_REVISION, row)
        text = decision.article.text if decision.article else ""
        self._add_text(revision, text)
        return row, text

    def _add_text(self, revision: Revision, text: str) -> None:
        self._db.execute("INSERT INTO texts VALUES (?, ?, ?)", [revision.docid, revision.number, text])
        self._db.conn.executemany(
            "INSERT OR IGNORE INTO symbols VALUES (?, ?, ?)",
            [(symbol, revision.docid, revision.number) for symbol in revision.symbols],
        )

    def _complete(self, decision: Decision, revision: Revision) -> None:
        """Add to a version of before m003 what was not drawn from its page then."""
        article = decision.article
        if article is None:
            return
        row = row_mapping.facts_row(article) | {"fingerprint": article.fingerprint, "story": article.story or None}
        self._db.table("revisions").update((revision.docid, revision.number), row)
        self._add_text(revision, article.text)
        complete_words(self._db, revision, article)

    def _state_anew(self, article: Article, revision: Revision) -> None:
        """Give a version that was compared by an older rule what stands for it by today's."""
        told = {"fingerprint": article.fingerprint, "story": article.story or None}
        self._db.table("revisions").update((revision.docid, revision.number), told)

    def _after_first_fetch(self, decision: Decision) -> None:
        """What becomes of an entry that had no version."""
        fetch, revision = decision.fetch, decision.revision
        if revision:
            self._db.execute(
                f"""UPDATE entries SET status = 'archived', path = :path, tried = :at, failure_kind = NULL,
                   failure = NULL, revision = :number, recheck = :recheck, attempts = 0,
                   changed = {statements.STILL_CHANGED} WHERE docid = :docid""",  # noqa: S608 - a constant
                {
                    "docid": revision.docid, "path": revision.path, "number": revision.number,
                    "at": to_text(fetch.at), "recheck": to_text(decision.recheck),
                    **_listed(fetch),
                },
            )  # fmt: skip
            return
        self._db.execute(
            statements.RECORD_FAILED_FETCH,
            {
                "docid": fetch.pending.entry.docid, "at": to_text(fetch.at), "due": to_text(decision.due),
                "parks": int(decision.due is None), "kind": decision.kind, "evidence": decision.evidence,
                **_listed(fetch),
            },
        )  # fmt: skip

    def _after_refetch(self, decision: Decision, known: ArticleState) -> None:
        """What becomes of an entry that had a version before the look."""
        fetch = decision.fetch
        retried = decision.due is not None
        self._db.execute(
            f"""UPDATE entries SET tried = :at, due = coalesce(:due, due), idle = :idle, attempts = :attempts,
               gone = :gone, revision = coalesce(:number, revision), recheck = :recheck,
               changed = iif(:again, changed, {statements.STILL_CHANGED}) WHERE docid = :docid""",  # noqa: S608 - a constant
            {
                "docid": known.revision.docid,
                "at": to_text(fetch.at),
                "due": to_text(decision.due or decision.idle_until),
                "idle": decision.idle,
                "attempts": known.attempts + 1 if retried else 0,
                "gone": to_text(known.gone_after(decision.outcome, fetch.at)),
                "number": decision.revision.number if decision.revision else None,
                "recheck": to_text(decision.recheck),
                "again": int(retried),
                **_listed(fetch),
            },
        )

    def _rows(self, query: str, parameters: Sequence[Any] | dict[str, Any]) -> list[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, parameters).fetchall()


def _by_another_rule(article: Article, revision: Revision) -> bool:
    return fingerprint_rule(article.fingerprint) != fingerprint_rule(revision.fingerprint)


def _listed(fetch: Fetch) -> dict[str, Any]:
    """What listings had said when a look was begun, for :data:`archive.index.statements.STILL_CHANGED`."""
    entry = fetch.pending.entry
    return {
        "content": entry.content,
        "withdrawn": int(entry.withdrawn),
        "listed_symbols": to_json(entry.symbols),
        "listed_title": entry.title,
        "listed_modified": to_text(entry.modified),
    }
