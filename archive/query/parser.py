"""What people ask for, understood: 茅台 (业绩 OR "M2 增长") NOT 传闻 feed:china since:2026-09-01. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from archive.files.paths import CHINA
from archive.model.errors import QueryError
from archive.query.tokenizer import fold, phrase, segments

# More than anybody types; FTS5 and SQLite have limits of their own on how deep and long an expression may be.
MAX_TERMS, DEEPEST = 100, 10
_YEARS = range(1970, 9999)  # whose times have one in every zone

_QUOTES = {'"': '"', "“": "”", "「": "」"}
_PIECE = re.compile(
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
    """In the title or the text."""

    text: str  # as asked for
    phrase: str  # of FTS5


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """In the name of the medium that is named as source."""

    phrase: str  # of FTS5


@dataclass(frozen=True, slots=True)
class SymbolFilter:
    """Names a stock: one whose symbol is this, or has it as its letters or its figures."""

    phrase: str  # of FTS5


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Belongs to a feed."""

    feed: str  # its id


@dataclass(frozen=True, slots=True)
class DateFilter:
    """Published between two times, both included."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Is not so."""

    what: Query


@dataclass(frozen=True, slots=True)
class And:
    """All of it is so; of nothing, always."""

    of: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some of it is so."""

    of: tuple[Query, ...]


Query: TypeAlias = Term | MediaFilter | SymbolFilter | FeedFilter | DateFilter | Not | And | Or


def parse(text: str) -> Query:
    """What is asked for in words.

    :raises QueryError: it cannot be understood; the message says why
    """
    pieces = list(_pieces(text))
    if not pieces:
        raise QueryError("there is nothing to search for")
    if len(pieces) > MAX_TERMS:
        raise QueryError(f"it has {len(pieces)} words and signs; {MAX_TERMS} are the most")
    return _Reading(pieces).any(0)


def published(since: str | None, until: str | None) -> DateFilter:
    """Published between two days in China, or times.

    :raises QueryError: one is neither
    """
    return DateFilter(moment(since) if since else None, moment(until, is_end=True) if until else None)


def moment(text: str, *, is_end: bool = False) -> datetime:
    """A time, or where a day in China begins, or with ``is_end`` ends.

    :raises QueryError: it is neither
    """
    try:
        time = datetime.fromisoformat(text)
        if time.year not in _YEARS:
            raise ValueError
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            # The index has times to the millisecond.
            return time.replace(tzinfo=CHINA) + (timedelta(days=1, milliseconds=-1) if is_end else timedelta(0))
    except (ValueError, OverflowError):
        time = None
    if time is None or time.tzinfo is None:
        raise QueryError(f"{text!r} is neither a day such as 2026-09-30 nor a time such as 2026-09-30T09:30+08:00")
    return time


def symbol(text: str) -> Query:
    """Names a stock.

    :raises QueryError: it is no symbol
    """
    return _term("symbol", text, f"symbol:{text}", exact=True)


def texts(query: Query) -> Iterator[Term]:
    """What is asked to be in the title or the text, without what is asked not to be."""
    match query:
        case Term():
            yield query
        case And(of) | Or(of):
            for part in of:
                yield from texts(part)


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str  # "(", ")", "AND", "OR", "NOT", or "" for something to search for
    query: Query | None
    text: str


def _pieces(text: str) -> Iterator[_Piece]:
    for found in _PIECE.finditer(text):
        said = found[0]
        if found["open"] or found["close"]:
            yield _Piece("(" if found["open"] else ")", None, said)
        elif found["wrong"] or (found["quote"] and found["end"] != _QUOTES[found["quote"]]):
            raise QueryError(f"a quotation mark opens or closes nothing: {text[found.start() :]}")
        elif found["quote"] or found["word"]:
            value = found["quoted"] if found["quote"] else found["word"]
            if _FIELD.fullmatch(said):
                raise QueryError(f"{said} needs what it is to be, without a space between")
            if said in _OPERATORS:
                yield _Piece(said, None, said)
            else:
                yield _Piece("", _term(found["field"], value, said, exact=bool(found["quote"])), said)


def _term(field: str | None, value: str, said: str, *, exact: bool) -> Query:
    match field:
        case "feed":
            return FeedFilter(value)
        case "since":
            return DateFilter(since=moment(value))
        case "until":
            return DateFilter(until=moment(value, is_end=True))
        case None | "media" | "symbol":
            if (parts := len(segments(fold(value)))) > MAX_TERMS:
                raise QueryError(f"{said[:40]!r}… has {parts} words and numbers; {MAX_TERMS} are the most")
            prefix = not exact and value.endswith("*")
            asked = phrase(value, prefix=prefix)
            if asked is None:
                raise QueryError(f"{said!r} has no word to search for")
            if field:
                return MediaFilter(asked) if field == "media" else SymbolFilter(asked)
            return Term(value.rstrip("*") if prefix else value, asked)
    raise QueryError(
        f"there is no {field}: to search by, only symbol: feed: media: since: until: "
        f"(in quotation marks it is searched for as it stands)"
    )


class _Reading:
    """The grammar: OR binds least, then AND, which may be left out, then NOT."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces, self._next = pieces, 0

    def any(self, depth: int) -> Query:
        found = [self._all(depth)]
        while self._peek() == "OR":
            self._next += 1
            found.append(self._all(depth))
        if depth == 0 and self._peek() is not None:
            raise QueryError("a parenthesis closes nothing")
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _all(self, depth: int) -> Query:
        found = [self._not(depth)]
        while self._peek() not in (None, ")", "OR"):
            if self._peek() == "AND":
                self._next += 1
            found.append(self._not(depth))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _not(self, depth: int) -> Query:
        turned = False
        while self._peek() == "NOT":
            turned = not turned
            self._next += 1
        found = self._one(depth)
        return Not(found) if turned else found

    def _one(self, depth: int) -> Query:
        if self._next == len(self._pieces):
            raise QueryError("something is missing at its end")
        piece = self._pieces[self._next]
        self._next += 1
        if piece.query is not None:
            return piece.query
        if piece.kind != "(":
            raise QueryError(f"something is missing before {piece.text}")
        if depth == DEEPEST:
            raise QueryError(f"it has more than {DEEPEST} parentheses in each other")
        found = self.any(depth + 1)
        if self._peek() != ")":
            raise QueryError("a parenthesis is not closed")
        self._next += 1
        return found

    def _peek(self) -> str | None:
        return self._pieces[self._next].kind if self._next < len(self._pieces) else None
