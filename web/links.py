"""URLs of pages, and the syntax of queries in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from string import ascii_letters, digits
from urllib.parse import quote, urlencode

from archive.files.paths import CHINA
from archive.model.errors import QueryError
from archive.model.results import Hit
from archive.model.times import to_text
from archive.query.nodes import Term
from archive.query.parser import tokens

# A value that needs no quotation marks in a query.
_PLAIN = re.compile(r"[^\s()（）\"“”「」*]+")
_NAME_CHARACTERS = frozenset(ascii_letters + digits + "-_")  # those that Datasette's addresses have as they are
_END_OF_QUOTATION = re.compile('["”」]')


def link(path: str, args: Mapping[str, object] | None = None, /, **more: object) -> str:
    """Return a URL with the arguments that are neither None nor empty; ``more`` overrides ``args``."""
    given = {name: value for name, value in {**(args or {}), **more}.items() if value not in (None, "")}
    return path + ("?" + urlencode(given) if given else "")


def article(docid: str, **args: object) -> str:
    """Return the URL of an article's page."""
    return link(f"/article/{quote(docid, safe='')}", args)


def symbol(name: str, **args: object) -> str:
    """Return the URL of a stock's page."""
    return link(f"/symbol/{quote(name, safe='')}", args)


def tables(prefix: str, table: str = "", **args: object) -> str:
    """Return the URL of an archive's tables, or of one of them.

    :param prefix: that of the archive's store
    """
    # As Datasette encodes names.
    name = "".join(
        chr(each) if chr(each) in _NAME_CHARACTERS else f"~{each:02X}"
        for each in (f"index-{prefix[:-1]}" if prefix else "index").encode()
    )
    return link(f"/{name}/{table}" if table else f"/{name}", args)


def database(name: str, archives: Collection[str]) -> str:
    """Return the name that Datasette has for the index of an archive, one of ``archives``."""
    return f"index-{name}" if len(archives) > 1 else "index"


def place(hit: Hit) -> str:
    """Return the place of an article in a list by time, for the argument ``before``."""
    return f"{to_text(hit.published)}_{hit.docid}".replace("+00:00", "Z")


def feed(query: str) -> str:
    """Return the URL of the Atom feed of a query."""
    return link("/search.atom", {"q": query})


def china(time: datetime) -> str:
    """Return a time in China, to the minute."""
    return f"{time.astimezone(CHINA):%Y-%m-%d %H:%M}"


def term(field: str, value: str) -> str:
    """Return a condition in query syntax: ``feed:china``, ``media:"the name"``."""
    return f"{field}:{value}" if _PLAIN.fullmatch(value) else f"{field}:{quoted(value)}"


def quoted(value: str) -> str:
    """Return a phrase in query syntax. Closing quotation marks become spaces: no word contains them."""
    return f'"{_END_OF_QUOTATION.sub(" ", value)}"'


def day(value: str) -> str:
    """Return the condition for articles published on a day in China, YYYY-MM-DD."""
    return f"since:{value} until:{value}"


def hour(begin: datetime) -> str:
    """Return the condition for articles published in the hour that starts at ``begin``."""
    start = begin.astimezone(CHINA)
    end = start + timedelta(hours=1, milliseconds=-1)
    return f"since:{start.isoformat()} until:{end.isoformat(timespec='milliseconds')}"


def conditions(query: str) -> list[tuple[str, str]]:
    """Return the filters of a query that narrow all of it, and the query without each of them.

    None of a query whose operands are joined by OR, and none inside parentheses.
    """
    depth, found, joints, negation = 0, list[tuple[int, int]](), list[tuple[int, int]](), None
    try:
        parts = tokens(query)
    except QueryError:
        return []
    for part in parts:
        depth += (part.kind == "(") - (part.kind == ")")
        if depth == 0 and part.kind == "OR":
            return []
        if depth == 0 and part.kind == "AND":
            joints.append((part.start, part.end))
        if depth == 0 and part.query and not isinstance(part.query, Term):
            found.append((part.start if negation is None else negation, part.end))
        negation = part.start if part.kind == "NOT" else None
    return [(query[start:end], _without(query, [(start, end), *joints])) for start, end in found]


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}"
    return text.strip()


def narrowed(query: str, condition: str) -> str:
    """Return a query with another condition added."""
    if not query:
        return condition
    # OR binds less tightly than adjacent terms.
    return f"({query}) {condition}" if re.search(r"\b(?:OR|or)\b", query) else f"{query} {condition}"
