"""Compile a query to an FTS5 expression and SQL conditions on ``searchable``. Pure.

Nothing that a user typed becomes SQL: phrases contain only letters and digits, everything else is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive.model.times import to_text
from archive.query.parser import And, DateFilter, FeedFilter, MediaFilter, Not, Or, Query, SymbolFilter, Term
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

_TEXT_COLUMNS = "{text title} : "


@dataclass(slots=True)
class CompiledQuery:
    """A query as FTS5 and SQL."""

    match: str | None = None  # the FTS5 expression; None: no condition on words
    is_text: bool = False  # the query is a single term
    # Terms that end with single characters. FTS5 evaluates these slowly, as the union of all tokens that begin with
    # the character. By term: the text before these characters, and the characters.
    ending: dict[Term, tuple[str, list[str]]] = field(default_factory=dict)
    wider: str | None = None  # FTS5 expression without these characters; it matches more. None: everything matches
    feeds: list[str] = field(default_factory=list)  # ids; the article belongs to all of them
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
            if isinstance(part, FeedFilter):
                compiled.feeds.append(part.feed)
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
        before = [Term(text, phrase(text) or "") for text, _ in ending.values() if text]
        wider = fts_expression(And((*others, *before)))
        if wider or not others:  # else only negative operands are left, which FTS5 cannot evaluate alone
            self.ending = ending
            self.wider = wider

    def _sql(self, query: Query) -> str:
        if matched := fts_expression(query):
            return f"v.id IN (SELECT rowid FROM words WHERE words MATCH {self._bound(matched)})"  # noqa: S608 - only parameters
        match query:
            case Not(what):
                return f"NOT ({self._sql(what)})"
            case And(of):
                return "(" + (" AND ".join(map(self._sql, of)) or "1") + ")"
            case Or(of):
                return "(" + " OR ".join(map(self._sql, of)) + ")"
            case FeedFilter(feed):
                return (
                    f"EXISTS (SELECT 1 FROM listings WHERE feed = {self._bound(feed)} "  # noqa: S608 - only names and parameters
                    f"AND listings.docid = v.docid AND {LISTED})"
                )
            case DateFilter(since, until):
                bounds = [f"v.published >= {self._bound(to_text(since) or '')}"] if since else []
                bounds += [f"v.published <= {self._bound(to_text(until) or '')}"] if until else []
                return "(" + (" AND ".join(bounds) or "1") + ")"
        raise AssertionError(query)

    def _bound(self, value: str) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def fts_expression(query: Query) -> str | None:  # noqa: PLR0911 - one for each kind of query
    """Return a query as an FTS5 expression; None if it needs other conditions, or has only negative operands."""
    match query:
        case Term(_, phrase):
            return _TEXT_COLUMNS + phrase
        case MediaFilter(phrase):
            return "media : " + phrase
        case SymbolFilter(phrase):
            return "symbols : " + phrase
        case Or(of):
            alternatives = [fts_expression(part) for part in of]
            return None if None in alternatives else "(" + " OR ".join(filter(None, alternatives)) + ")"
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
