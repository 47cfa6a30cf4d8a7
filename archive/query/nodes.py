"""The parts of a parsed query. Frozen records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct


class Term(Struct, frozen=True):
    """The title or the text contains it."""

    text: str  # as typed, without quotation marks, = and *
    phrase: str  # FTS5 syntax
    exact: bool = False  # only as it is written, neither in traditional nor in simplified characters instead
    others: tuple[str, ...] = ()  # phrases in FTS5 syntax of the other forms that the index has
    beginnings: tuple[str, ...] = ()  # likewise, without the single characters that the text ends with


class MediaFilter(Struct, frozen=True):
    """The name of the medium contains it."""

    phrase: str  # FTS5 syntax
    text: str = ""  # as typed
    exact: bool = False  # as for a term
    others: tuple[str, ...] = ()  # likewise


class SymbolFilter(Struct, frozen=True):
    """The article names a stock with this symbol, or with these letters or digits in its symbol."""

    phrase: str  # FTS5 syntax


class StockNameFilter(Struct, frozen=True):
    """The article names a stock that has or had this name. It is replaced by symbols before a query is compiled."""

    name: str


class FeedFilter(Struct, frozen=True):
    """The article belongs to a feed."""

    feed: str  # its id; of a query that is not resolved, or its name


class DateFilter(Struct, frozen=True):
    """The article was published between two times, both included."""

    since: datetime | None = None  # aware; None: no lower bound
    until: datetime | None = None  # aware; None: no upper bound


class RecordedFilter(Struct, frozen=True):
    """Something was recorded between two times, both included.

    ``first_seen``: a list named the article for the first time. ``observed``: its newest version was fetched.
    """

    what: Literal["first_seen", "observed"]
    since: datetime | None = None  # aware; None: no lower bound
    until: datetime | None = None  # aware; None: no upper bound


class MarkFilter(Struct, frozen=True):
    """The article has a mark.

    ``revised``: it has more than one version. ``gone``: the site no longer has it. ``moved``: its address shows
    another article.
    """

    mark: Literal["revised", "gone", "moved"]


class Not(Struct, frozen=True):
    """The operand does not match."""

    what: Query


class And(Struct, frozen=True):
    """All operands match; without operands, always true."""

    of: tuple[Query, ...]


class Or(Struct, frozen=True):
    """At least one operand matches; without operands, never true."""

    of: tuple[Query, ...]


Query: TypeAlias = (
    Term
    | MediaFilter
    | SymbolFilter
    | StockNameFilter
    | FeedFilter
    | DateFilter
    | RecordedFilter
    | MarkFilter
    | Not
    | And
    | Or
)


def positive_terms(query: Query) -> Iterator[Term]:
    """Yield the terms of a query, without those under NOT."""
    match query:
        case Term():
            yield query
        case And(of) | Or(of):
            for part in of:
                yield from positive_terms(part)


def leaves(query: Query) -> Iterator[Query]:
    """Yield the terms and filters of a query, those under NOT too."""
    match query:
        case Not(what):
            yield from leaves(what)
        case And(of) | Or(of):
            for part in of:
                yield from leaves(part)
        case _:
            yield query


def replace_leaves(query: Query, replaced: Callable[[Query], Query]) -> Query:
    """Return a query with other terms and filters.

    :param replaced: returns what stands for a term or a filter
    """
    match query:
        case Not(what):
            return Not(replace_leaves(what, replaced))
        case And(of):
            return And(tuple(replace_leaves(part, replaced) for part in of))
        case Or(of):
            return Or(tuple(replace_leaves(part, replaced) for part in of))
    return replaced(query)
