"""Parser of search queries, such as: 茅台 (业绩 OR "M2 增长") -传闻 feed:china since:2026-09. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Literal, cast

from msgspec import Struct

from archive.model.symbols import symbol_of
from archive.query.dates import parse_span, parse_time
from archive.query.messages import FIELDS, MARKS, query_error
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
    StockNameFilter,
    SymbolFilter,
    Term,
    positive_terms,
)
from archive.query.tokenizer import fold, is_cjk, phrase, segments

__all__ = [
    "And", "DateFilter", "FeedFilter", "MarkFilter", "MediaFilter", "Not", "Or", "Query", "RecordedFilter",
    "SymbolFilter", "Term", "date_filter", "parse", "parse_time", "positive_terms", "symbol_filter",
]  # fmt: skip

# Far above real queries. FTS5 and SQLite have limits of their own on the depth and length of an expression.
MAX_TERMS = 100
MAX_DEPTH = 10  # nested parentheses

_QUOTES = {'"': '"', "“": "”", "「": "」"}
_TOKEN = re.compile(
    rf"""\s+ | (?P<open>[(（]) | (?P<close>[)）])
    | (?P<minus>(?<![^\s(（])[-－](?=[^\s)）]))
    | (?:(?P<field>[a-z_]+|(?i:{"|".join(FIELDS)}))[:：])? (?P<exactly>[=＝](?=[^\s()（）]))?
      (?: (?P<quote>["“「]) (?P<quoted>[^"”」]*) (?P<end>["”」]?) | (?P<word>[^\s()（）"“”「」]+) )
    | (?P<wrong>.)""",
    re.VERBOSE,
)
_FIELD = re.compile(f"(?:{'|'.join(FIELDS)})[:：]", re.IGNORECASE)
_OPERATORS = ("AND", "OR", "NOT")


def parse(text: str, now: datetime | None = None) -> Query:
    """Parse a query as people type it. It may name feeds and media that do not exist: see archive.search.names.

    :param now: what today and 7d refer to, aware; None for the system's clock
    :raises QueryError: it is not valid; the message says why
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise query_error("encoding")
    found = tokens(text, now)
    if not found:
        raise query_error("empty")
    if len(found) > MAX_TERMS:
        raise query_error("too-long", count=len(found), maximum=MAX_TERMS)
    return _Parser(found).parse_or(0)


def tokens(text: str, now: datetime | None = None) -> list[QueryToken]:
    """Return the parts of a query, in order.

    :param now: as for :func:`parse`
    :raises QueryError: one is not valid
    """
    return _with_lower_case_operators(list(_tokens(text, now or datetime.now(UTC))))


def date_filter(since: str | None, until: str | None, now: datetime) -> DateFilter:
    """Return a filter for articles published between two days or times, both included.

    :param since: as for :func:`archive.query.dates.parse_time`; None for no bound
    :param until: likewise; a day is included whole
    :raises QueryError: one is not valid
    """
    return DateFilter(
        parse_time(since, now) if since else None, parse_time(until, now, is_end=True) if until else None
    )


def symbol_filter(text: str) -> Query:
    """Return a filter for articles that name a stock.

    :raises QueryError: the text is not a symbol
    """
    return _words("symbol", text, f"symbol:{text}", is_quoted=True)


class QueryToken(Struct, frozen=True):
    """A part of a query."""

    kind: str  # "(", ")", "AND", "OR", "NOT", or "" for a term or filter
    query: Query | None  # of a term or filter
    text: str  # as typed
    start: int  # where it is in the query, in characters

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def _tokens(text: str, now: datetime) -> Iterator[QueryToken]:
    for match in _TOKEN.finditer(text):
        typed = match[0]
        if match["open"] or match["close"]:
            yield QueryToken("(" if match["open"] else ")", None, typed, match.start())
        elif match["minus"]:
            yield QueryToken("NOT", None, typed, match.start())
        elif match["wrong"] or (match["quote"] and match["end"] != _QUOTES[match["quote"]]):
            raise query_error("quotation", text=text[match.start() :])
        elif match["quote"] or match["word"]:
            if _FIELD.fullmatch(typed):
                raise query_error("no-value", field=typed)
            if typed in _OPERATORS:
                yield QueryToken(typed, None, typed, match.start())
            else:
                yield QueryToken("", _leaf(match, now), typed, match.start())


def _with_lower_case_operators(tokens: Sequence[QueryToken]) -> list[QueryToken]:
    """Return tokens in which ``or``, ``and`` and ``not`` are operators where they stand between operands."""
    changed: list[QueryToken] = []  # from the last one to the first
    for place, token in reversed(list(enumerate(tokens))):
        follows_operand = place > 0 and tokens[place - 1].kind in ("", ")")
        precedes_operand = bool(changed) and changed[-1].kind in ("", "(", "NOT")
        is_word = token.text not in ("or", "and", "not")  # the text of a phrase has its quotation marks
        if is_word or not precedes_operand or not (follows_operand or token.text == "not"):
            changed.append(token)
        else:
            changed.append(QueryToken(token.text.upper(), None, token.text, token.start))
    return changed[::-1]


def _leaf(match: re.Match[str], now: datetime) -> Query:
    """Return the term or filter of a token."""
    name, value = match["field"], match["quoted"] if match["quote"] else match["word"]
    field = name.lower() if name else None
    if field not in (None, *FIELDS):
        near = get_close_matches(name, FIELDS, n=1, cutoff=0.7)
        raise query_error("unknown-field", field=name, near=tuple(f"{each}:" for each in near))
    if field in (None, "media", "symbol"):
        return _words(field, value, match[0], is_quoted=bool(match["quote"]), exact=bool(match["exactly"]))
    return _filter(field or "", value if field == "feed" else unicodedata.normalize("NFKC", value), now)


def _filter(field: str, value: str, now: datetime) -> Query:
    match field:
        case "feed":
            return FeedFilter(value)
        case "is":
            if (mark := value.lower()) not in MARKS:
                raise query_error("unknown-mark", text=value, near=tuple(get_close_matches(mark, MARKS, n=1)))
            return MarkFilter(cast(Literal["revised", "gone", "moved"], mark))
        case "since" | "until" if ".." in value:
            raise query_error("one-time", field=field, text=value)
        case "since":
            return DateFilter(since=parse_time(value, now))
        case "until":
            return DateFilter(until=parse_time(value, now, is_end=True))
        case "first_seen" | "observed":
            return RecordedFilter(field, *parse_span(value, now))
    return DateFilter(*parse_span(value, now))


def _words(field: str | None, value: str, typed: str, *, is_quoted: bool, exact: bool = False) -> Query:
    if (parts := len(segments(fold(value)))) > MAX_TERMS:
        raise query_error("phrase-too-long", text=f"{typed[:40]}…", count=parts, maximum=MAX_TERMS)
    typed_value = value
    if field == "symbol":
        if any(map(is_cjk, value)):
            return StockNameFilter(value)
        value = symbol_of(unicodedata.normalize("NFKC", value))
    prefix = not is_quoted and value.endswith("*")
    fts_phrase = phrase(value, prefix=prefix)
    if fts_phrase is None:
        raise query_error("no-word", text=typed)
    if field:
        return MediaFilter(fts_phrase, typed_value, exact) if field == "media" else SymbolFilter(fts_phrase)
    return Term(value.rstrip("*") if prefix else value, fts_phrase, exact)


class _Parser:
    """A recursive descent parser. OR has the lowest precedence, then AND, which may be omitted, then NOT."""

    def __init__(self, tokens: list[QueryToken]) -> None:
        self._tokens = tokens
        self._next = 0

    def parse_or(self, depth: int) -> Query:
        operands = [self._and(depth)]
        while self._peek() == "OR":
            self._next += 1
            operands.append(self._and(depth))
        if depth == 0 and self._peek() is not None:
            raise query_error("not-opened")
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
            raise query_error("no-end")
        token = self._tokens[self._next]
        self._next += 1
        if token.query is not None:
            return token.query
        if token.kind != "(":
            raise query_error("no-operand", text=token.text)
        if depth == MAX_DEPTH:
            raise query_error("too-deep", maximum=MAX_DEPTH)
        group = self.parse_or(depth + 1)
        if self._peek() != ")":
            raise query_error("not-closed")
        self._next += 1
        return group

    def _peek(self) -> str | None:
        return self._tokens[self._next].kind if self._next < len(self._tokens) else None
