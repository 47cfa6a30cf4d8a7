"""The page of a stock: the articles that name it, and their number per day."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from archive.model.errors import QueryError
from archive.model.symbols import symbol_of
from archive.query.parser import symbol_filter
from archive.union.store import AnyStore
from web import links
from web.rendering import charts
from web.rendering.language import gettext as _
from web.request import HtmlPage, NotFoundError, Request, SiteContext

PAGE_SIZE = 30  # articles
CHART_DAYS = 90  # a quarter; each bar is wide enough to point at
MAX_PAGES = 1_000
MAX_NAME_LENGTH = 60  # characters of an unknown symbol in the error message; Sina's longest symbols have a dozen


def symbol(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the page of a stock."""
    name = _symbol(request, store)
    number = request.number("page", 1, MAX_PAGES)
    hits = store.stats.of_symbol(name, PAGE_SIZE + 1, (number - 1) * PAGE_SIZE, request.time)
    if not hits:
        raise NotFoundError(_no_articles(name) if number == 1 else _("没有第 %(number)s 页") % {"number": number})
    counts = store.stats.days_of_symbol(name, request.time)
    as_of = {"as_of": request.args.get("as_of")}
    here, query = links.symbol(name), links.term("symbol", name)
    has_next = len(hits) > PAGE_SIZE and number < MAX_PAGES
    return HtmlPage(
        "symbol.html",
        {
            "here": links.link(here, as_of, page=number if number > 1 else None),
            "symbol": name,
            "names": store.stocks.of(name, request.time),
            "hits": hits[:PAGE_SIZE],
            "articles": sum(count for _, count in counts),
            "first": counts[0][0],
            "last": counts[-1][0],
            "chart": _chart(counts, query, as_of),
            "days": CHART_DAYS,
            "query": query,
            "search": links.link("/search", as_of, q=query, sort="time"),
            "number": number,
            "previous_page": links.link(here, as_of, page=number - 1) if number > 1 else None,
            "next_page": links.link(here, as_of, page=number + 1) if has_next else None,
            "data": [
                (each.prefix[:-1], links.tables(each.prefix, "symbols", symbol__exact=name)) for each in store.stores
            ],
            "feed": links.feed(query),
        },
    )


def _symbol(request: Request, store: AnyStore) -> str:
    """Return the symbol that the address has, or that of the one stock that is called so."""
    text = request.path["symbol"]
    called = store.stocks.called(text, request.time) if not text.isascii() else []
    return called[0] if len(called) == 1 else symbol_of(text)


def _no_articles(name: str) -> str:
    message = _("档案中没有文章提及 %(name)s") % {"name": name[:MAX_NAME_LENGTH]}
    try:
        symbol_filter(name)
    except QueryError:
        return message
    query = links.term("symbol", name)[: MAX_NAME_LENGTH + 10]
    return _("%(message)s；可以试试搜索 %(query)s") % {"message": message, "query": query}


def _chart(counts: list[tuple[str, int]], query: str, as_of: dict[str, str | None]) -> Markup:
    """Return the chart of the days up to the last one that has articles."""
    count_of = {date.fromisoformat(day): count for day, count in counts}
    last = max(count_of)
    marks = []
    for day in (last - timedelta(days=CHART_DAYS - 1 - index) for index in range(CHART_DAYS)):
        count = count_of.get(day, 0)
        address = links.link("/search", as_of, q=f"{query} {links.day(day.isoformat())}", sort="time")
        title = _("%(month)s月%(day)s日：%(count)s 篇") % {"month": day.month, "day": day.day, "count": count}
        marks.append((day, charts.ChartMark(count, title, address)))
    label = _("截至 %(day)s 的 %(count)s 天里每天的文章数") % {"day": last, "count": CHART_DAYS}
    return charts.days(marks, label=label)
