"""Search: the results page with facets, the JSON document and the Atom feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from archive.export.atom import DEFAULT_ENTRIES, to_atom
from archive.export.formats import Export
from archive.model.errors import QueryError
from archive.model.results import Facets, Hit
from archive.model.times import to_text
from archive.query.messages import describe
from archive.query.nodes import And, Query
from archive.query.parser import parse
from archive.revision_files import RevisionFiles
from archive.search.stats import MAX_COUNTED
from archive.union.store import AnyStore
from web import links
from web.rendering.language import current, to_translate
from web.rendering.language import gettext as _
from web.request import BadRequestError, File, HtmlPage, Redirect, Request, SiteContext

PAGE_SIZE = 20  # articles
# Articles ranked by relevance, the same for every page: otherwise an article could be on two pages or on none.
MAX_RANKED = 100
MAX_QUERY_LENGTH = 1_000  # characters; a query is limited to a hundred words anyway
_FIELDS = {
    "feeds": (to_translate("订阅源"), "feed"), "media": (to_translate("媒体"), "media"),
    "symbols": (to_translate("股票"), "symbol"),
}  # fmt: skip


def search(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage | Redirect:
    """Return a page of search results; without a query, the help on queries; for an article's name, its page."""
    text, by_time = _query_text(request), _is_sorted_by_time(request)
    context: dict[str, Any] = {"query": text, "by_time": by_time, "hits": None}
    if not text and not by_time:
        return HtmlPage("search.html", context)
    try:
        if text and (docid := site.named_docid(store, text)):
            return Redirect(links.article(docid, as_of=request.args.get("as_of")))
        query = understood(text, request, store, site) if text else And(())
    except QueryError as error:
        return HtmlPage("search.html", context | {"error": describe(error, current())}, status=400)
    number, last, hits = _find_page(request, store, query, by_time=by_time)
    facets = store.stats.facets(query, request.time)
    args = {"q": text, "sort": "time" if by_time else "", "as_of": request.args.get("as_of")}
    here = {**args, "before": request.args.get("before")}
    context |= {
        "hits": hits[:PAGE_SIZE],
        "facets": _facet_values(facets, args, _names(facets, request, store)),
        "total": facets.articles,
        "complete": facets.complete,
        "number": number,
        "conditions": [
            (condition, links.link("/search", args, q=rest, sort=args["sort"] or (None if rest else "time")))
            for condition, rest in links.conditions(text)
        ],
        "begins": store.stats.begins(request.time),
        "is_continued": request.place is not None,
        "previous_page": links.link("/search", here, page=number - 1 if number > 2 else None) if number > 1 else None,
        "next_page": _next_page(hits, number, last, here, by_time=by_time),
        "ranked": MAX_RANKED if not by_time and number == last and facets.articles > MAX_RANKED else None,
        "relevance": links.link("/search", args, sort=""),
        "newest": links.link("/search", args, sort="time"),
        "data": links.link("/search.json", args),
        "feed": links.feed(text),
    }
    return HtmlPage("search.html", context)


def search_json(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return a page of search results as JSON: the fields of ``finarchive search --json`` and more of each hit."""
    text, by_time = _query_text(request), _is_sorted_by_time(request)
    query = And(()) if by_time and not text else _parse(request, store, site)
    number, last, hits = _find_page(request, store, query, by_time=by_time)
    total = len(store.search.newest(query, MAX_COUNTED, request.time))
    args = {name: request.args.get(name) for name in ("q", "sort", "as_of", "before")}
    next_page = _next_page(hits, number, last, args, by_time=by_time, path="/search.json")
    document = {
        "total": total,
        "complete": total < MAX_COUNTED,
        "next": request.origin + next_page if next_page else None,
        "hits": [_hit_document(hit, request) for hit in hits[:PAGE_SIZE]],
    }
    return File(json.dumps(document, ensure_ascii=False).encode(), "application/json; charset=utf-8")


def feed(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return the newest results of a query as an Atom feed with full texts; without a query, the newest articles."""
    text = _query_text(request)
    query = _parse(request, store, site) if text else And(())
    # A file that differs from its record needs no report here: the feed has the plain text in its place.
    files = RevisionFiles(store, lambda record: None)
    records = store.search.latest(query, DEFAULT_ENTRIES, request.as_of)
    # The time of a feed without entries, always the same, so that it is the same document.
    at = store.stats.begins(request.time) or request.now
    export = Export(records, files.read, text, at)
    own = request.origin + links.link("/search.atom", {"q": text, "as_of": request.args.get("as_of")})
    atom = to_atom(export, own, lambda docid: request.origin + links.article(docid))
    return File(b"".join(atom), "application/atom+xml; charset=utf-8")


def _query_text(request: Request) -> str:
    text = request.args.get("q", "").strip()
    if len(text) > MAX_QUERY_LENGTH:
        counts = {"count": len(text), "maximum": MAX_QUERY_LENGTH}
        raise BadRequestError(_("查询有 %(count)s 个字符，最多 %(maximum)s 个") % counts)
    return text


def understood(text: str, request: Request, store: AnyStore, site: SiteContext) -> Query:
    """Parse a query, and check the names in it.

    :raises QueryError: it is not valid, or names what does not exist
    """
    query = parse(text, request.as_of or request.now)
    store.names.check(query, lambda: site.feeds)
    return query


def _parse(request: Request, store: AnyStore, site: SiteContext) -> Query:
    text = _query_text(request)
    try:
        return understood(text, request, store, site)
    except QueryError as error:
        said = describe(error, current())
        raise BadRequestError(_("无法理解查询“%(query)s”：%(said)s") % {"query": text, "said": said}) from error


def _find_page(request: Request, store: AnyStore, query: Query, *, by_time: bool) -> tuple[int, int, list[Hit]]:
    """Return the page number, the highest possible page number, and the hits from this page on.

    There are more than :data:`PAGE_SIZE` hits if there is another page.
    """
    last = (MAX_COUNTED if by_time else MAX_RANKED) // PAGE_SIZE
    number = request.number("page", 1, last)
    offset = (number - 1) * PAGE_SIZE
    after, ranked = (request.place, None) if by_time else (None, MAX_RANKED)
    hits = store.search.find(
        query, PAGE_SIZE + 1, request.time, by_time=by_time, offset=offset, ranked=ranked, after=after
    )
    return number, last, hits


def _hit_document(hit: Hit, request: Request) -> dict[str, Any]:
    return {
        "docid": hit.docid,
        "title": hit.title,
        "path": hit.path,
        "published": hit.published.isoformat(timespec="seconds"),
        "feeds": hit.feeds,
        "snippet": hit.snippet,
        "url": hit.url,
        "page": request.origin + links.article(hit.docid, as_of=request.args.get("as_of")),
        "media": hit.media,
        "symbols": hit.symbols,
        "revision": hit.revision,
        "observed": to_text(hit.observed),
        "gone": to_text(hit.gone),
    }


def _next_page(
    hits: list[Hit], number: int, last: int, args: dict[str, Any], *, by_time: bool, path: str = "/search"
) -> str | None:
    """Return the address of the next page; by time, that after the last number begins where this one ends."""
    if len(hits) <= PAGE_SIZE or (number == last and not by_time):
        return None
    if number == last:
        return links.link(path, args, before=links.place(hits[PAGE_SIZE - 1]))
    return links.link(path, args, page=number + 1)


def _is_sorted_by_time(request: Request) -> bool:
    sort = request.args.get("sort", "") or "relevance"
    if sort not in ("relevance", "time"):
        raise BadRequestError(_("sort 应为 relevance 或 time，而不是 %(text)r") % {"text": sort})
    return sort == "time"


def _names(facets: Facets, request: Request, store: AnyStore) -> dict[str, str]:
    """Return the names of the feeds and stocks that were counted, by id and symbol."""
    stocks = store.stocks.current((symbol for symbol, _ in facets.symbols), request.time)
    return store.names.feeds() | {symbol: f"{name} {symbol}" for symbol, name in stocks.items()}


def _facet_values(
    facets: Facets, args: dict[str, Any], names: Mapping[str, str]
) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Return each facet's heading and values; a value is its text, its count and the link to the narrowed query."""
    query = str(args["q"])

    def address(condition: str) -> str:
        return links.link("/search", {**args, "q": links.narrowed(query, condition)})

    sections = [
        (
            _(name),
            [
                (names.get(value, value), count, address(links.term(field, value)))
                for value, count in getattr(facets, facet)
            ],
        )
        for facet, (name, field) in _FIELDS.items()
    ]
    sections.append((_("日期"), [(value, count, address(links.day(value))) for value, count in facets.days]))
    return [(name, values) for name, values in sections if values]
