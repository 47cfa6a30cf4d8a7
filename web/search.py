"""The page of a search: what was found, and what it has in common."""

from __future__ import annotations

import json
from typing import Any

from archive.export.atom import NEWEST, to_atom
from archive.export.formats import Export
from archive.model.errors import QueryError
from archive.model.results import Facets, Hit
from archive.query.parser import And, Query, parse
from archive.revision_files import RevisionFiles
from archive.search.stats import MAX_COUNTED
from archive.store import Store
from web import links
from web.request import BadRequestError, File, HtmlPage, Request, SiteContext

SIZE = 20  # articles to a page
# The best are ranked among so many, on whichever page: else an article could stand on two pages, or on none.
RANKED = 100
LONGEST = 1_000  # characters of a query; more than a hundred words cannot be asked for anyway
_FIELDS = {"feeds": ("订阅源", "feed"), "media": ("媒体", "media"), "symbols": ("股票", "symbol")}


def search(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The page of a search; without a query, what can be asked for."""
    query, by_time = _query(asked), _sorted_by_time(asked)
    context: dict[str, Any] = {"query": query, "by_time": by_time, "hits": None}
    if not query:
        return HtmlPage("search.html", context)
    try:
        wanted = parse(query)
    except QueryError as error:
        return HtmlPage("search.html", context | {"mistake": str(error)}, status=400)
    number, most, hits = _page(asked, store, wanted, by_time=by_time)
    facets = store.stats.facets(wanted, asked.time)
    kept = {"q": query, "sort": "time" if by_time else "", "as_of": asked.args.get("as_of")}
    context |= {
        "hits": hits[:SIZE],
        "facets": _facets(facets, kept),
        "of": facets.articles,
        "complete": facets.complete,
        "number": number,
        "before": links.link("/search", kept, page=number - 1) if number > 1 else None,
        "after": links.link("/search", kept, page=number + 1) if len(hits) > SIZE and number < most else None,
        "ranked": RANKED if not by_time and number == most and facets.articles > RANKED else None,
        "relevance": links.link("/search", kept, sort=""),
        "newest": links.link("/search", kept, sort="time"),
        "data": links.link("/search.json", kept),
        "feed": links.feed(query),
    }
    return HtmlPage("search.html", context)


def found(asked: Request, store: Store, library: SiteContext) -> File:
    """A page of what a search finds, as JSON: what ``finarchive search --json`` has of each article."""
    query = _query(asked)
    try:
        wanted = parse(query)
    except QueryError as error:
        raise BadRequestError(f"{query!r}: {error}") from error
    _, _, hits = _page(asked, store, wanted, by_time=_sorted_by_time(asked))
    rows = [
        {
            "docid": hit.docid, "title": hit.title, "path": hit.path,
            "published": hit.published.isoformat(timespec="seconds"), "feeds": hit.feeds, "snippet": hit.snippet,
        }
        for hit in hits[:SIZE]
    ]  # fmt: skip
    return File(json.dumps(rows, ensure_ascii=False).encode(), "application/json; charset=utf-8")


def feed(asked: Request, store: Store, library: SiteContext) -> File:
    """The newest of what a search finds, as an Atom feed with whole texts; without a query, of everything."""
    query = _query(asked)
    try:
        wanted = parse(query) if query else And(())
    except QueryError as error:
        raise BadRequestError(f"{query!r}: {error}") from error
    revision_files = RevisionFiles(
        store, library.root, lambda record: None
    )  # of a file that is not as recorded the text is there
    export = Export(
        store.search.latest(wanted, NEWEST, asked.as_of), revision_files.read, query, asked.as_of or asked.now
    )
    return File(b"".join(to_atom(export)), "application/atom+xml; charset=utf-8")


def _query(asked: Request) -> str:
    query = asked.args.get("q", "").strip()
    if len(query) > LONGEST:
        raise BadRequestError(f"查询有 {len(query)} 个字符，最多 {LONGEST} 个")
    return query


def _page(asked: Request, store: Store, wanted: Query, *, by_time: bool) -> tuple[int, int, list[Hit]]:
    """The number of a page, that of the last one that there can be, and what is found from there on.

    More than :data:`SIZE` are found where there is another page.
    """
    most = (MAX_COUNTED if by_time else RANKED) // SIZE
    number = asked.number("page", 1, most)
    if by_time:
        return number, most, store.search.find(wanted, SIZE + 1, asked.time, by_time=True, offset=(number - 1) * SIZE)
    return number, most, store.search.find(wanted, RANKED, asked.time)[(number - 1) * SIZE :]


def _sorted_by_time(asked: Request) -> bool:
    sort = asked.args.get("sort", "") or "relevance"
    if sort not in ("relevance", "time"):
        raise BadRequestError(f"sort 应为 relevance 或 time，而不是 {sort!r}")
    return sort == "time"


def _facets(facets: Facets, kept: dict[str, Any]) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Each with its name and its values: how it is shown, how often it is there, where it leads."""
    query = str(kept["q"])

    def address(condition: str) -> str:
        return links.link("/search", {**kept, "q": links.narrowed(query, condition)})

    shown = [
        (name, [(value, count, address(links.term(field, value))) for value, count in getattr(facets, facet)])
        for facet, (name, field) in _FIELDS.items()
    ]
    shown.append(("日期", [(value, count, address(links.day(value))) for value, count in facets.days]))
    return [(name, values) for name, values in shown if values]
