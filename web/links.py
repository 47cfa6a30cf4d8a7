"""Addresses of pages, and what is typed to search. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from archive.files.paths import CHINA

# A value that stands in a query as it is; others stand in quotation marks.
_PLAIN = re.compile(r"[^\s()（）\"“”「」*]+")
_END_OF_QUOTATION = re.compile('["”」]')


def link(path: str, args: Mapping[str, object] | None = None, /, **more: object) -> str:
    """An address with those arguments that are not empty."""
    given = {name: value for name, value in {**(args or {}), **more}.items() if value not in (None, "")}
    return path + ("?" + urlencode(given) if given else "")


def article(docid: str, **args: object) -> str:
    """Of an article's page."""
    return link(f"/article/{quote(docid, safe='')}", args)


def symbol(name: str, **args: object) -> str:
    """Of a stock's page."""
    return link(f"/symbol/{quote(name, safe='')}", args)


def feed(query: str) -> str:
    """Of the Atom feed of what a query finds."""
    return link("/search.atom", {"q": query})


def china(time: datetime) -> str:
    """A time in China."""
    return f"{time.astimezone(CHINA):%Y-%m-%d %H:%M}"


def term(field: str, value: str) -> str:
    """A condition as it is typed: ``feed:china``, ``media:"the name"``."""
    return f"{field}:{value}" if _PLAIN.fullmatch(value) else f"{field}:{quoted(value)}"


def quoted(value: str) -> str:
    """A phrase as it is typed. What would end the quotation is no part of any word."""
    return f'"{_END_OF_QUOTATION.sub(" ", value)}"'


def day(value: str) -> str:
    """The condition that something was published on a day in China."""
    return f"since:{value} until:{value}"


def hour(begin: datetime) -> str:
    """The condition that something was published within an hour."""
    start = begin.astimezone(CHINA)
    end = start + timedelta(hours=1, milliseconds=-1)
    return f"since:{start.isoformat()} until:{end.isoformat(timespec='milliseconds')}"


def narrowed(query: str, condition: str) -> str:
    """A query with a condition more."""
    if not query:
        return condition
    # OR binds less than what stands beside it.
    return f"({query}) {condition}" if re.search(r"\bOR\b", query) else f"{query} {condition}"
