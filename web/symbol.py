"""The page of a stock: what named it, and when."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from archive.model.errors import QueryError
from archive.query.parser import symbol_filter
from archive.store import Store
from web import charts, links
from web.request import HtmlPage, NotFoundError, Request, SiteContext

SIZE = 30  # articles to a page
DAYS = 90  # that are drawn: a quarter, a day of which is wide enough to be pointed at
MAX_PAGES = 1_000
SHOWN = 60  # characters of a symbol that there is not: Sina's longest have a dozen


def symbol(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The page of a stock."""
    name = asked.path["symbol"]
    number = asked.number("page", 1, MAX_PAGES)
    hits = store.overview.of_symbol(name, SIZE + 1, (number - 1) * SIZE, asked.time)
    if not hits:
        raise NotFoundError(_none(name) if number == 1 else f"没有第 {number} 页")
    counts = store.overview.days_of_symbol(name, asked.time)
    kept = {"as_of": asked.args.get("as_of")}
    here = links.symbol(name)
    return HtmlPage(
        "symbol.html",
        {
            "symbol": name,
            "hits": hits[:SIZE],
            "articles": sum(count for _, count in counts),
            "first": counts[0][0],
            "last": counts[-1][0],
            "chart": _chart(counts, links.term("symbol", name), kept),
            "days": DAYS,
            "query": links.term("symbol", name),
            "search": links.link("/search", kept, q=links.term("symbol", name), sort="time"),
            "number": number,
            "before": links.link(here, kept, page=number - 1) if number > 1 else None,
            "after": links.link(here, kept, page=number + 1) if len(hits) > SIZE and number < MAX_PAGES else None,
            "data": links.link("/index/symbols", symbol__exact=name),
            "feed": links.feed(links.term("symbol", name)),
        },
    )


def _none(name: str) -> str:
    try:
        symbol_filter(name)
    except QueryError:
        return f"档案中没有文章提及 {name[:SHOWN]}"
    return f"档案中没有文章提及 {name[:SHOWN]}；可以试试搜索 {links.term('symbol', name)[: SHOWN + 10]}"


def _chart(counts: list[tuple[str, int]], query: str, kept: dict[str, str | None]) -> Markup:
    """The days up to the last one that has any."""
    of = {date.fromisoformat(day): count for day, count in counts}
    last = max(of)
    shown = [last - timedelta(days=DAYS - 1 - place) for place in range(DAYS)]
    marks = []
    for day in shown:
        count = of.get(day, 0)
        address = links.link("/search", kept, q=f"{query} {links.day(day.isoformat())}", sort="time")
        marks.append((day, charts.ChartMark(count, f"{day.month}月{day.day}日：{count} 篇", address)))
    return charts.days(marks, described=f"截至 {last} 的 {DAYS} 天里每天的文章数")
