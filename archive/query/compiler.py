"""Compile a query to an FTS5 expression and SQL conditions on ``searchable``. Pure.

Nothing that a user typed becomes SQL: phrases contain only letters and digits, everything else is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, field

from archive.model.times import to_text
from archive.query.nodes import (
    And,
    DateFilter,
    FeedFilter,
    MarkFilter,
    MediaFilter,
    Not,
    Or,
    Query,
    RecordedFilter,
    SymbolFilter,
    Term,
)
from archive.query.tokenizer import phrase, split_single_characters

# In SQL, "v" is a row of searchable and :time is the query's as-of time.
#
# The revision that was the newest as of that time. A revision counts from the millisecond of its observation (D71).
CURRENT = "v.since <= :time AND coalesce(v.until, '~') > :time"
# The facts of a row of searchable: those of its version "r", or "f" as they changed since.
FACTS = """
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN searchable_facts changed ON changed.id = v.id
    LEFT JOIN facts f ON f.docid = changed.docid AND f.revision = changed.revision AND f.step = changed.step
"""
MEDIA = "coalesce(f.media, r.media)"
SYMBOLS = "coalesce(f.symbols, r.symbols)"
# The row of searchable is a version, and not a change of a version's facts.
IS_VERSION = "NOT EXISTS (SELECT 1 FROM searchable_facts WHERE searchable_facts.id = v.id)"
# Rows from before migration m003 do not have the time of the listing.
LISTED = "coalesce(seen, '') <= :time"
# By mark, the outcomes that begin it, and those that end it: as archive.search.history determines since when an
# article is gone, or moved.
_BEGUN_AND_ENDED = {
    "gone": ("outcome = 'gone' AND revision > 0", "outcome IN ('first', 'revised', 'same')"),
    "moved": ("outcome = 'moved'", "outcome NOT IN ('moved', 'failed')"),
}
# What a filter of recorded times compares.
_RECORDED = {
    "first_seen": ("entries", "first_seen", "docid = v.docid"),
    "observed": ("revisions", "fetched_at", "docid = v.docid AND number = v.number"),
}

_TEXT_COLUMNS = "{text title} : "


class CompiledQuery(Struct):
    """A query as FTS5 and SQL."""

    match: str | None = None  # the FTS5 expression; None: no condition on words
    is_text: bool = False  # the query is a single term
    # Terms that end with single characters. FTS5 evaluates these slowly, as the union of all tokens that begin with
    # the character. By term: the text before these characters, and the characters.
    ending: dict[Term, tuple[str, list[str]]] = field(default_factory=dict)
    wider: str | None = None  # FTS5 expression without these characters; it matches more. None: everything matches
    # SELECT statements of docids. Each has all articles that match; one that has few is where a search begins.
    sources: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)  # those by recorded times, which are near those of publication
    where: list[str] = field(default_factory=list)  # SQL conditions, all of which must hold
    parameters: dict[str, str] = field(default_factory=dict)  # of match and where, by name
    since: str = ""  # first publication time that can match, as to_text writes it
    until: str = "~"  # last publication time that can match

    @classmethod
    def of(cls, query: Query, time: str, versions: str = CURRENT) -> CompiledQuery:
        """Compile a query.

        :param time: the as-of time, as to_text writes it
        :param versions: SQL condition that selects revisions; by default the newest ones as of ``time``
        """
        compiled = cls(where=[versions], parameters={"time": time})
        parts = query.of if isinstance(query, And) else (query,)
        with_words = [part for part in parts if fts_expression(part if not isinstance(part, Not) else part.what)]
        compiled.match = fts_expression(And(tuple(with_words)))
        for part in parts:
            if isinstance(part, DateFilter):
                compiled.since = max(compiled.since, to_text(part.since) or "")
                compiled.until = min(compiled.until, to_text(part.until) or "~")
            if source := compiled._source(part):
                compiled.sources.append(source)
                compiled.recorded += [source] if isinstance(part, RecordedFilter) else []
            if compiled.match is None or part not in with_words:
                compiled.where.append(compiled._sql(part))
        if compiled.match:
            compiled.parameters["match"] = compiled.match
        compiled.is_text = len(with_words) == 1 and isinstance(with_words[0], Term)
        compiled._widen(with_words)
        return compiled

    def go_on_after(self, published: str, docid: str) -> None:
        """Restrict the query to what follows a version, newest first: published before it, or at its time with a
        later docid.

        :param published: as to_text writes it
        """
        self.until = min(self.until, published)
        last, other = self._bound(published), self._bound(docid)
        self.where.append(f"v.published <= {last} AND (v.published < {last} OR v.docid > {other})")

    def _widen(self, with_words: Sequence[Query]) -> None:
        ending = {
            part: split
            for part in with_words
            if isinstance(part, Term) and (split := split_single_characters(part.text))
        }
        others = [part for part in with_words if part not in ending]
        before = [
            Term(text, phrase(text) or "", others=part.beginnings) for part, (text, _) in ending.items() if text
        ]
        wider = fts_expression(And((*others, *before)))
        if wider or not others:  # else only negative operands are left, which FTS5 cannot evaluate alone
            self.ending = ending
            self.wider = wider

    def _sql(self, query: Query) -> str:  # noqa: PLR0911 - one for each kind of query
        if matched := fts_expression(query):
            return f"v.id IN (SELECT rowid FROM words WHERE words MATCH {self._bound(matched)})"  # noqa: S608 - only parameters
        match query:
            case Not(what):
                return f"NOT ({self._sql(what)})"
            case And(of):
                return "(" + (" AND ".join(map(self._sql, of)) or "1") + ")"
            case Or(of):
                return "(" + (" OR ".join(map(self._sql, of)) or "0") + ")"
            case FeedFilter(feed):
                return (
                    f"EXISTS (SELECT 1 FROM listings WHERE feed = {self._bound(feed)} "  # noqa: S608 - only names and parameters
                    f"AND listings.docid = v.docid AND {LISTED})"
                )
            case DateFilter(since, until):
                return self._between("v.published", since, until)
            case RecordedFilter(what, since, until):
                table, column, joined = _RECORDED[what]
                return f"EXISTS (SELECT 1 FROM {table} WHERE {joined} AND {self._between(column, since, until)})"  # noqa: S608
            case MarkFilter("revised"):
                return "v.number > 1"
            case MarkFilter(mark):
                return self._marked(mark)
        raise AssertionError(query)

    def _source(self, query: Query) -> str | None:
        """Return a SELECT statement of the docids of all articles that match a filter; None if it has none."""
        match query:
            case FeedFilter(feed):
                return f"SELECT docid FROM listings WHERE feed = {self._bound(feed)}"  # noqa: S608 - as above
            case RecordedFilter(what, since, until):
                table, column, _ = _RECORDED[what]
                return f"SELECT DISTINCT docid FROM {table} WHERE {self._between(column, since, until)}"  # noqa: S608
            case MarkFilter("gone" | "moved" as mark):  # versions after the first have an index of their own
                # +: by the index of these outcomes, and not by the one that has the docids in order
                return f"SELECT DISTINCT +docid AS docid FROM observations WHERE {_BEGUN_AND_ENDED[mark][0]} AND at <= :time"  # noqa: S608, E501
        return None

    def _between(self, column: str, since: datetime | None, until: datetime | None) -> str:
        bounds = [f"{column} >= {self._bound(to_text(since) or '')}"] if since else []
        bounds += [f"{column} <= {self._bound(to_text(until) or '')}"] if until else []
        return "(" + (" AND ".join(bounds) or "1") + ")"

    @staticmethod
    def _marked(mark: str) -> str:
        """True if the last fetch that began or ended a mark began it."""
        begun, ended = _BEGUN_AND_ENDED[mark]
        then = "docid = v.docid AND at <= :time"
        return f"""EXISTS (
            SELECT at AS begun_at, id AS begun_id FROM observations WHERE {then} AND {begun} AND NOT EXISTS (
                SELECT 1 FROM observations WHERE {then} AND {ended} AND (at, id) > (begun_at, begun_id)
            )
        )"""  # noqa: S608 - of constants

    def _bound(self, value: str) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def any_phrase(phrase: str, others: Sequence[str]) -> str:
    """Return the FTS5 expression of a phrase and its other forms, to follow the name of a column."""
    return f"({' OR '.join((phrase, *others))})" if others else phrase


def fts_expression(query: Query) -> str | None:  # noqa: PLR0911 - one for each kind of query
    """Return a query as an FTS5 expression; None if it needs other conditions, or has only negative operands."""
    match query:
        case Term(phrase=phrase, others=others):
            return _TEXT_COLUMNS + any_phrase(phrase, others)
        case MediaFilter(phrase=phrase, others=others):
            return "media : " + any_phrase(phrase, others)
        case SymbolFilter(phrase):
            return "symbols : " + phrase
        case Or(of):
            alternatives = [fts_expression(part) for part in of]
            return None if None in alternatives or not of else "(" + " OR ".join(filter(None, alternatives)) + ")"
        case And(of):
            positive = [fts_expression(part) for part in of if not isinstance(part, Not)]
            negative = [fts_expression(part.what) for part in of if isinstance(part, Not)]
            if not positive or None in positive or None in negative:
                return None
            # NOT in FTS5 is a binary operator: "a NOT b".
            combined = "(" + " AND ".join(filter(None, positive)) + ")"
            for each in negative:
                combined = f"({combined} NOT {each})"
            return combined
    return None
