"""Articles: every fetch of an article, every version of it, and which articles are due for a recheck."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping, statements
from archive.index.contents import add_contents, add_names
from archive.index.database import Database
from archive.index.facts import add_facts, record_page
from archive.index.fts import Version, add_words, complete_words
from archive.index.images import enqueue
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.statements import to_json
from archive.model.article import Article, Revision
from archive.model.feed import PendingEntry
from archive.model.fetch import ArticleState, Decision, Fetch, JournalPosition, fingerprint_rule
from archive.model.symbols import symbols_of
from archive.model.times import to_text


class ArticleIndex(IndexPart):
    """The tables of versions and fetches. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    def states(self, docids: Collection[str]) -> dict[str, ArticleState]:
        """Return the state of each article that has a version, by docid."""
        rows = self._rows(statements.SELECT_STATES, [json.dumps(list(docids))])
        return {row["docid"]: row_mapping.article_state(row) for row in rows}

    def revisions(self, docid: str) -> list[Revision]:
        """Return an article's versions, by number."""
        rows = self._rows("SELECT * FROM revisions WHERE docid = ? ORDER BY number", [docid])
        return [row_mapping.revision(row) for row in rows]

    def text(self, docid: str, number: int) -> str | None:
        """Return a version's plain text; None if the index has none, as of versions from before migration m003."""
        rows = self._rows("SELECT text FROM texts WHERE docid = ? AND number = ?", [docid, number])
        return str(rows[0]["text"]) if rows else None

    def find(self, ident: str) -> dict[str, Any] | None:
        """Return the row of an entry, by its docid or its file's path; None if it is unknown."""
        rows = self._rows(statements.SELECT_ENTRY, [ident, ident])
        return dict(rows[0]) if rows else None

    def formats(self) -> list[str]:
        """Return the settings that files were written with, where these are known: each once."""
        return [row["value"] for row in self._rows(statements.SELECT_FORMATS)]

    def count_in_formats(self, formats: Collection[str]) -> int:
        """Count the versions whose files were written with any of these settings, at a cost of their number."""
        sql = "SELECT count(*) AS n FROM revisions WHERE written_with IN (SELECT value FROM json_each(?))"
        return int(self._rows(sql, [json.dumps(list(formats))])[0]["n"]) if formats else 0

    def all_files(self) -> Iterator[tuple[str, int, int, str]]:
        """Yield for each version: the article's path, its number, the newest version's number, its file's sha256."""
        for row in self._each_row(statements.SELECT_FILES):
            yield row["path"], row["number"], row["newest"], row["sha256"]

    def contradictions(self) -> list[tuple[str, str]]:
        """Return what is inconsistent in the index: docid, and the problem in words."""
        return [(row["docid"], row["wrong"]) for row in self._rows(statements.SELECT_CONTRADICTIONS)]

    def reserved_paths(self) -> set[str]:
        """Return the paths reserved for first versions that are not written yet, or may be after a crash."""
        return {row["path"] for row in self._rows(statements.SELECT_RESERVED_PATHS)}

    def journal_offsets(self) -> Iterator[tuple[str, int]]:
        """Yield where fetches are recorded in the journal: name of the file, offset in bytes."""
        for row in self._each_row('SELECT file, "offset" FROM observations WHERE file IS NOT NULL'):
            yield row["file"], row["offset"]

    def positions(self, digests: Collection[str]) -> dict[str, JournalPosition]:
        """Return where the journal has bodies with these digests: digest -> position of the earliest record."""
        rows = self._rows(
            """SELECT digest, min(id), file, "offset" FROM observations
               WHERE digest IN (SELECT value FROM json_each(?)) AND file IS NOT NULL GROUP BY digest""",
            [json.dumps(list(digests))],
        )
        return {row["digest"]: JournalPosition(row["file"], row["offset"]) for row in rows}

    def seen(self, bodies: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return which of these bodies an earlier fetch of the article brought: docid and digest of each."""
        rows = self._rows(
            """SELECT DISTINCT docid, digest FROM observations
               WHERE docid IN (SELECT value FROM json_each(?)) AND digest IN (SELECT value FROM json_each(?))""",
            [json.dumps([docid for docid, _ in bodies]), json.dumps([digest for _, digest in bodies])],
        )
        return {(row["docid"], row["digest"]) for row in rows}.intersection(bodies)

    # Rechecks that are due

    def recheck_hosts(self, now: datetime, tried_before: datetime) -> dict[str, int]:
        """Count the articles that are due for a recheck at ``now``, and not tried since ``tried_before``, by host."""
        times = {"now": to_text(now), "tried": to_text(tried_before)}
        return {row["host"]: row["n"] for row in self._rows(statements.COUNT_RECHECKS, times)}

    def due_rechecks(
        self, host: str, limit: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> list[PendingEntry]:
        """Return articles of a host to recheck: those changed in a listing first, then the newest first.

        :param limit: the maximum number of articles
        :param in_flight: docids to leave out
        """
        parameters = {
            "host": host, "now": to_text(now), "tried": to_text(tried_before), "limit": limit,
            "in_flight": json.dumps(list(in_flight)),
        }  # fmt: skip
        return [row_mapping.pending(row) for row in self._rows(statements.SELECT_RECHECKS, parameters)]

    def rechecks_since(self, since: datetime) -> int:
        """Count the requests since a time for pages of articles that had a version."""
        query = """SELECT count(*) AS n FROM observations JOIN entries USING (docid)
                   WHERE again = 1 AND at > ? AND host != ''"""
        return int(self._rows(query, [to_text(since)])[0]["n"])

    # Results of fetches

    def commit(self, decisions: Sequence[Decision], positions: Sequence[JournalPosition | None]) -> None:
        """Record the results of fetches; the files of new versions are on the disk.

        :param positions: of the fetches in the journal, in the same order; None without a journal
        """
        with self._log.transaction():
            self._add_missing_entries([decision.fetch for decision in decisions])
            before = self.states([decision.fetch.pending.entry.docid for decision in decisions])
            done: set[str] = set()
            new_versions: list[Version] = []
            for decision, position in zip(decisions, positions, strict=True):
                docid = decision.fetch.pending.entry.docid
                # If the batch has two fetches of an article, the first one has changed its state.
                state = self.states([docid]).get(docid) if docid in done else before.get(docid)
                self._record(decision, position, state, new_versions)
                done.add(docid)
            add_words(self._db, new_versions)
            self._log.mark_fetches(positions)
        self._log.release(positions)

    def _add_missing_entries(self, fetches: Sequence[Fetch]) -> None:
        """Write the entries that are not in the index: the journal has lost what a list said, and has the fetch."""
        docids = [fetch.pending.entry.docid for fetch in fetches]
        query = "SELECT docid FROM entries WHERE docid IN (SELECT value FROM json_each(?))"
        known = {row["docid"] for row in self._rows(query, [json.dumps(docids)])}
        rows = [
            row_mapping.entry_row(fetch.pending.entry, fetch.feed, fetch.pending.host, fetch.pending.first_seen)
            for fetch in fetches
            if fetch.pending.entry.docid not in known
        ]
        self._db.conn.executemany(statements.INSERT_ENTRY, rows)

    def _record(
        self,
        decision: Decision,
        position: JournalPosition | None,
        state: ArticleState | None,
        new_versions: list[Version],
    ) -> None:
        self._add_observation(decision, position, state)
        if decision.revision:
            new_versions.append(self._add_revision(decision, decision.revision))
        elif decision.article and state and not state.revision.fingerprint:
            self._complete(decision, state.revision)
        elif decision.article and state and _has_other_rule(decision.article, state.revision):
            self._update_fingerprint(decision.article, state.revision)
        record_page(self._db, decision)
        if decision.facts and state:
            version = add_facts(self._db, decision.facts, state.revision, decision.fetch.at)
            new_versions += [version] if version else []
            add_names(self._db, state.revision, decision.article, decision.fetch.at)
        if decision.pictures:
            enqueue(self._db, decision.pictures, decision.fetch.at)
        if state is None:
            self._after_first_fetch(decision)
        else:
            self._after_refetch(decision, state)

    def _add_observation(
        self, decision: Decision, position: JournalPosition | None, state: ArticleState | None
    ) -> None:
        fetch = decision.fetch
        has_article = decision.article is not None
        number = decision.revision.number if decision.revision else state.revision.number if state else 0
        self._db.execute(
            statements.INSERT_OBSERVATION,
            {
                "docid": fetch.pending.entry.docid,
                "at": to_text(fetch.at),
                "outcome": decision.outcome,
                "revision": number,
                "again": int(state is not None),
                "returned": int(has_article and state is not None and state.gone is not None),
                "given_up": int(state is None and decision.revision is None and decision.due is None),
                "kind": decision.kind,
                "evidence": decision.evidence or None,
                "status": fetch.status,
                "digest": decision.digest,
                "file": position.file if position else None,
                "offset": position.offset if position else None,
            },
        )

    def _add_revision(self, decision: Decision, revision: Revision) -> Version:
        row = row_mapping.revision_row(revision)
        self._db.execute(statements.INSERT_REVISION, row)
        add_contents(self._db, revision, decision.article)
        return row | {"step": 0}, decision.article.text if decision.article else ""

    def _complete(self, decision: Decision, revision: Revision) -> None:
        """Add to a version from before migration m003 what older programs did not extract from its page."""
        article = decision.article
        if article is None:
            return
        digests = {"fingerprint": article.fingerprint, "story": article.story or None}
        row = row_mapping.facts_row(article) | digests | {"named": 1}
        self._db.table("revisions").update((revision.docid, revision.number), row)
        add_contents(self._db, revision, article)
        complete_words(self._db, revision, article)

    def _update_fingerprint(self, article: Article, revision: Revision) -> None:
        """Replace the fingerprints of a version, which an older rule computed, with those of the current rule."""
        row = {"fingerprint": article.fingerprint, "story": article.story or None}
        self._db.table("revisions").update((revision.docid, revision.number), row)

    def _after_first_fetch(self, decision: Decision) -> None:
        """Update an entry that had no version before the fetch."""
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

    def _after_refetch(self, decision: Decision, state: ArticleState) -> None:
        """Update an entry that had a version before the fetch."""
        fetch = decision.fetch
        retried = decision.due is not None
        self._db.execute(
            f"""UPDATE entries SET tried = :at, due = coalesce(:due, due), idle = :idle, attempts = :attempts,
               gone = :gone, revision = coalesce(:number, revision), path = coalesce(:path, path), recheck = :recheck,
               vanished = iif(:again OR vanished > :at, vanished, NULL),
               changed = iif(:again, changed, {statements.STILL_CHANGED}) WHERE docid = :docid""",  # noqa: S608 - a constant
            {
                "docid": state.revision.docid,
                "at": to_text(fetch.at),
                "due": to_text(decision.due or decision.idle_until),
                "idle": decision.idle,
                "attempts": state.attempts + 1 if retried else 0,
                "gone": to_text(state.gone_after(decision.outcome, fetch.at)),
                "number": decision.revision.number if decision.revision else None,
                "path": decision.revision.path if decision.revision else None,
                "recheck": to_text(decision.recheck),
                "again": int(retried),
                **_listed(fetch),
            },
        )


def _has_other_rule(article: Article, revision: Revision) -> bool:
    return fingerprint_rule(article.fingerprint) != fingerprint_rule(revision.fingerprint)


def _listed(fetch: Fetch) -> dict[str, Any]:
    """Return the listed fields when a fetch began, for :data:`archive.index.statements.STILL_CHANGED`."""
    entry = fetch.pending.entry
    return {
        "content": entry.content,
        "listed_text": entry.listed_text,
        "withdrawn": int(entry.withdrawn),
        "listed_symbols": to_json(symbols_of(entry.symbols)),
        "listed_title": entry.title,
        "listed_modified": to_text(entry.modified),
    }
