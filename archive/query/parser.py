"""Parser of search queries, such as: 茅台 (业绩 OR "M2 增长") NOT 传闻 feed:china since:2026-09-01. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from archive.files.paths import CHINA
from archive.model.errors import QueryError
from archive.model.symbols import symbol_of
from archive.query.tokenizer import fold, phrase, segments

# Far above real queries. FTS5 and SQLite have limits of their own on the depth and length of an expression.
MAX_TERMS = 100
MAX_DEPTH = 10  # nested parentheses
_YEARS = range(1970, 9999)  # years whose times exist in every zone

_QUOTES = {'"': '"', "“": "”", "「": "」"}
_TOKEN = re.compile(
    r"""\s+ | (?P<open>[(（]) | (?P<close>[)）])
    | (?:(?P<field>[a-z_]+)[:：])?
      (?: (?P<quote>["“「]) (?P<quoted>[^"”」]*) (?P<end>["”」]?) | (?P<word>[^\s()（）"“”「」]+) )
    | (?P<wrong>.)""",
    re.VERBOSE,
)
_FIELD = re.compile("(?:symbol|feed|media|since|until)[:：]")
_OPERATORS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class Term:
    """The title or the text contains it."""

    text: str  # as typed, without quotation marks and *
    phrase: str  # FTS5 syntax


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """The name of the medium contains it."""

    phrase: str  # FTS5 syntax


@dataclass(frozen=True, slots=True)
class SymbolFilter:
    """The article names a stock with this symbol, or with these letters or digits in its symbol."""

    phrase: str  # FTS5 syntax


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """The article belongs to a feed."""

    feed: str  # its id


@dataclass(frozen=True, slots=True)
class DateFilter:
    """The article was published between two times, both included."""

    since: datetime | None = None  # aware; None: no lower bound
    until: datetime | None = None  # aware; None: no upper bound


@dataclass(frozen=True, slots=True)
class Not:
    """The operand does not match."""

    what: Query


@dataclass(frozen=True, slots=True)
class And:
    """All operands match; without operands, always true."""

    of: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one operand matches."""

    of: tuple[Query, ...]


Query: TypeAlias = Term | MediaFilter | SymbolFilter | FeedFilter | DateFilter | Not | And | Or


def parse(text: str) -> Query:
    """Parse a query as people type it.

    :raises QueryError: it is not valid; the message says why
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryError("it has bytes that are not UTF-8")
    tokens = list(_tokens(text))
    if not tokens:
        raise QueryError("there is nothing to search for")
    if len(tokens) > MAX_TERMS:
        raise QueryError(f"it has {len(tokens)} words and operators; the maximum is {MAX_TERMS}")
    return _Parser(tokens).parse_or(0)


def date_filter(since: str | None, until: str | None) -> DateFilter:
    """Return a filter for articles published between two days or times, both included.

    :param since: as for :func:`parse_time`; None for no bound
    :param until: likewise; a day is included whole
    :raises QueryError: one is not valid
    """
    return DateFilter(parse_time(since) if since else None, parse_time(until, is_end=True) if until else None)


def parse_time(text: str, *, is_end: bool = False) -> datetime:
    """Return an aware time.

    :param text: a time in ISO 8601 with its zone, or a day in China, YYYY-MM-DD
    :param is_end: of a day, return the last millisecond instead of the first
    :raises QueryError: it is neither
    """
    try:
        time = datetime.fromisoformat(text)
        if time.year not in _YEARS:
            raise ValueError
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            # Times in the index have milliseconds.
            return time.replace(tzinfo=CHINA) + (timedelta(days=1, milliseconds=-1) if is_end else timedelta(0))
    except (ValueError, OverflowError):
        time = None
    if time is None or time.tzinfo is None:
        raise QueryError(f"{text!r} is neither a day such as 2026-09-30 nor a time such as 2026-09-30T09:30+08:00")
    return time


def symbol_filter(text: str) -> Query:
    """Return a filter for articles that name a stock.

    :raises QueryError: the text is not a symbol
    """
    return _term("symbol", text, f"symbol:{text}", exact=True)


def positive_terms(query: Query) -> Iterator[Term]:
    """Yield the terms of a query, without those under NOT."""
    match query:
        case Term():
            yield query
        case And(of) | Or(of):
            for part in of:
                yield from positive_terms(part)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "(", ")", "AND", "OR", "NOT", or "" for a term or filter
    query: Query | None  # of a term or filter
    text: str  # as typed


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        typed = match[0]
        if match["open"] or match["close"]:
            yield _Token("(" if match["open"] else ")", None, typed)
        elif match["wrong"] or (match["quote"] and match["end"] != _QUOTES[match["quote"]]):
            raise QueryError(f"a quotation mark has no counterpart: {text[match.start() :]}")
        elif match["quote"] or match["word"]:
            value = match["quoted"] if match["quote"] else match["word"]
            if _FIELD.fullmatch(typed):
                raise QueryError(f"{typed} needs a value, without a space before it")
            if typed in _OPERATORS:
                yield _Token(typed, None, typed)
            else:
                yield _Token("", _term(match["field"], value, typed, exact=bool(match["quote"])), typed)


def _term(field: str | None, value: str, typed: str, *, exact: bool) -> Query:
    match field:
        case "feed":
            return FeedFilter(value)
        case "since":
            return DateFilter(since=parse_time(value))
        case "until":
            return DateFilter(until=parse_time(value, is_end=True))
        case None | "media" | "symbol":
            if (parts := len(segments(fold(value)))) > MAX_TERMS:
                raise QueryError(f"{typed[:40]!r}… has {parts} words and numbers; the maximum is {MAX_TERMS}")
            value = symbol_of(value) if field == "symbol" else value
            prefix = not exact and value.endswith("*")
            fts_phrase = phrase(value, prefix=prefix)
            if fts_phrase is None:
                raise QueryError(f"{typed!r} has no word to search for")
            if field:
                return MediaFilter(fts_phrase) if field == "media" else SymbolFilter(fts_phrase)
            return Term(value.rstrip("*") if prefix else value, fts_phrase)
    raise QueryError(
        f"unknown field {field}: the fields are symbol: feed: media: since: until: "
        f"(in quotation marks it is searched for as text)"
    )


class _Parser:
    """A recursive descent parser. OR has the lowest precedence, then AND, which may be omitted, then NOT."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def parse_or(self, depth: int) -> Query:
        operands = [self._and(depth)]
        while self._peek() == "OR":
            self._next += 1
            operands.append(self._and(depth))
        if depth == 0 and self._peek() is not None:
            raise QueryError("a closing parenthesis has no opening one")
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _and(self, depth: int) -> Query:
        operands = [self._not(depth)]
        while self._peek() not in (None, ")", "OR"):
            if self._peek() == "AND":
                self._next += 1
            operands.append(self._not(depth))
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _not(self, depth: int) -> Query:
        negated = False
        while self._peek() == "NOT":
            negated = not negated
            self._next += 1
        operand = self._operand(depth)
        return Not(operand) if negated else operand

    def _operand(self, depth: int) -> Query:
        if self._next == len(self._tokens):
            raise QueryError("something is missing at the end")
        token = self._tokens[self._next]
        self._next += 1
        if token.query is not None:
            return token.query
        if token.kind != "(":
            raise QueryError(f"something is missing before {token.text}")
        if depth == MAX_DEPTH:
            raise QueryError(f"it has more than {MAX_DEPTH} parentheses inside each other")
        group = self.parse_or(depth + 1)
        if self._peek() != ")":
            raise QueryError("a parenthesis is not closed")
        self._next += 1
        return group

    def _peek(self) -> str | None:
        return self._tokens[self._next].kind if self._next < len(self._tokens) else None
