"""The home page: articles per hour, the most named stocks, and the latest articles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from markupsafe import Markup

from archive.files.paths import CHINA
from archive.model.results import HourCount
from archive.query.parser import And
from archive.union.store import AnyStore
from web import links
from web.rendering import charts
from web.rendering.language import COOKIE, as_language
from web.rendering.language import gettext as _
from web.request import BadRequestError, HtmlPage, Redirect, Request, SiteContext

CHART_HOURS = 48  # shows yesterday beside today, and fits a screen
LATEST_ARTICLES = 30  # two screens
TOP_SYMBOLS = 12
MAX_LABEL = 7  # characters of a feed's name beside its row, as wide as an id of twelve letters


def front(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the home page."""
    time, as_of = request.time, request.as_of
    last = store.stats.latest(as_of or request.now)
    chart, symbols = None, []
    if last:
        until = (last + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        since = until - timedelta(hours=CHART_HOURS)
        chart = _chart(store.stats.hours(since, until, time), since, request, store.names.feeds())
        symbols = store.stats.top_symbols(since, until, time, TOP_SYMBOLS)
    hits = store.search.find(And(()), LATEST_ARTICLES + 1, time, by_time=True)
    shown, then = hits[:LATEST_ARTICLES], {"as_of": request.args.get("as_of")}
    names = store.stocks.current((symbol for symbol, _ in symbols), time)
    return HtmlPage(
        "front.html",
        {
            "chart": chart,
            "symbols": [
                (names.get(symbol, symbol), count, links.symbol(symbol, as_of=request.args.get("as_of")))
                for symbol, count in symbols
            ],
            "hits": shown,
            "more": links.link("/search", then, sort="time", before=links.place(shown[-1])) if hits != shown else "",
            "begins": store.stats.begins(request.now),
            "hours": CHART_HOURS,
            "counts": [(each.prefix[:-1], each.entries.counts()) for each in store.stores] if as_of is None else [],
        },
    )


def set_language(request: Request, store: AnyStore, site: SiteContext) -> Redirect:
    """Remember the language of the argument ``to``, and lead back to the page of the argument ``back``."""
    language = as_language(request.args.get("to", ""))
    if language is None:
        raise BadRequestError(_("to 应为 zh 或 en"))
    back = request.args.get("back", "")
    # Only to pages of this site: browsers read //host and /\\host as other sites.
    is_local = back.startswith("/") and back[1:2] not in ("/", "\\") and back.isprintable() and back.isascii()
    cookie = f"{COOKIE}={language}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
    return Redirect(back if is_local else "/", {"set-cookie": cookie})


def _chart(counts: list[HourCount], since: datetime, request: Request, names: Mapping[str, str]) -> Markup:
    as_of = request.args.get("as_of")
    feeds: dict[str, dict[datetime, charts.ChartMark]] = {}
    totals: dict[datetime, charts.ChartMark] = {}
    for each in counts:
        start = each.hour.astimezone(CHINA)
        title = _("%(month)s月%(day)s日 %(begin)s–%(end)s 时：%(count)s 篇") % {
            "month": start.month, "day": start.day, "begin": start.hour, "end": start.hour + 1,
            "count": each.articles,
        }  # fmt: skip
        query = links.hour(each.hour)
        if each.feed is None:
            address = links.link("/search", q=query, sort="time", as_of=as_of)
            totals[each.hour] = charts.ChartMark(each.articles, title, address)
        else:
            query = f"{links.term('feed', each.feed)} {query}"
            address = links.link("/search", q=query, sort="time", as_of=as_of)
            mark = charts.ChartMark(each.articles, f"{names.get(each.feed, each.feed)}，{title}", address)
            feeds.setdefault(each.feed, {})[each.hour] = mark
    busiest = sorted(feeds, key=lambda feed: -sum(mark.value for mark in feeds[feed].values()))
    # Names are cut to the width of the labels; the marks have the whole ones.
    labels = {feed: names.get(feed, feed)[:MAX_LABEL] for feed in busiest}
    unique = len(set(labels.values())) == len(labels)
    rows = {labels[feed] if unique else feed: feeds[feed] for feed in busiest}
    return charts.timeline(charts.hours_from(since, CHART_HOURS), totals, rows)
