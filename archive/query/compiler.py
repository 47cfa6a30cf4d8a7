"""What is asked for, as SQL: an expression of FTS5 and conditions on ``searchable``. Pure.

No word that somebody typed becomes a part of either: phrases hold letters and digits only, all else is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive.model.times import to_text
from archive.query.parser import And, DateFilter, FeedFilter, MediaFilter, Not, Or, Query, SymbolFilter, Term
from archive.query.tokenizer import divided, phrase

# "v" is a row of searchable, :time the time as of which is asked.
#
# The version that was the newest one known. Those that are observed in a millisecond are known in it. See D71.
CURRENT = "v.since <= :time AND coalesce(v.until, '~') > :time"
# When a feed's listing was read was not kept before m003.
LISTED = "coalesce(seen, '') <= :time"

TEXT = "{text title} : "


@dataclass(slots=True)
class CompiledQuery:
    """A query, in the terms of SQL."""

    match: str | None = None  # what the words must match, of FTS5; None: they need not
    is_text: bool = False  # it is one text, and nothing else
    # Of these, what ends with characters alone, which FTS5 must put together from all words that begin with them:
    # what stands before these, and each of them. And what the words match wherever all is there; None: anything may.
    ending: dict[Term, tuple[str, list[str]]] = field(default_factory=dict)
    wider: str | None = None
    feeds: list[str] = field(default_factory=list)  # to all of which they belong
    where: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    since: str = ""  # published since then, all of them, and until then
    until: str = "~"

    @classmethod
    def of(cls, query: Query, time: str, versions: str = CURRENT) -> CompiledQuery:
        """The conditions on versions that were the newest ones known at a time, as the index has times.

        :param versions: a condition on which versions, in the place of that one
        """
        found = cls(where=[versions], parameters={"time": time})
        parts = query.of if isinstance(query, And) else (query,)
        worded = [part for part in parts if expression(part if not isinstance(part, Not) else part.what)]
        found.match = expression(And(tuple(worded)))
        for part in parts:
            if isinstance(part, DateFilter):
                found.since = max(found.since, to_text(part.since) or "")
                found.until = min(found.until, to_text(part.until) or "~")
            if isinstance(part, FeedFilter):
                found.feeds.append(part.feed)
            if found.match is None or part not in worded:
                found.where.append(found._sql(part))
        if found.match:
            found.parameters["match"] = found.match
        found.is_text = len(worded) == 1 and isinstance(worded[0], Term)
        found._widen(worded)
        return found

    def _widen(self, worded: Sequence[Query]) -> None:
        ending = {part: both for part in worded if isinstance(part, Term) and (both := divided(part.text))}
        others = [part for part in worded if part not in ending]
        before = [Term(text, phrase(text) or "") for text, _ in ending.values() if text]
        wider = expression(And((*others, *before)))
        if wider or not others:  # else only what must not match is left
            self.ending, self.wider = ending, wider

    def _sql(self, query: Query) -> str:
        if matched := expression(query):
            return f"v.id IN (SELECT rowid FROM words WHERE words MATCH {self._bound(matched)})"  # noqa: S608 - bound
        match query:
            case Not(what):
                return f"NOT ({self._sql(what)})"
            case And(of):
                return "(" + (" AND ".join(map(self._sql, of)) or "1") + ")"
            case Or(of):
                return "(" + " OR ".join(map(self._sql, of)) + ")"
            case FeedFilter(feed):
                return (
                    f"EXISTS (SELECT 1 FROM listings WHERE feed = {self._bound(feed)} "  # noqa: S608 - of names
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


def expression(query: Query) -> str | None:  # noqa: PLR0911 - one for each kind of query
    """A query as an expression of FTS5; None where it needs more than words, or only says what is not to be."""
    match query:
        case Term(_, phrase):
            return TEXT + phrase
        case MediaFilter(phrase):
            return "media : " + phrase
        case SymbolFilter(phrase):
            return "symbols : " + phrase
        case Or(of):
            some = [expression(part) for part in of]
            return None if None in some else "(" + " OR ".join(filter(None, some)) + ")"
        case And(of):
            wanted = [expression(part) for part in of if not isinstance(part, Not)]
            unwanted = [expression(part.what) for part in of if isinstance(part, Not)]
            if not wanted or None in wanted or None in unwanted:
                return None
            # FTS5's NOT stands between two: this one, and not that.
            found = "(" + " AND ".join(filter(None, wanted)) + ")"
            for each in unwanted:
                found = f"({found} NOT {each})"
            return found
    return None
