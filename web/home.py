"""The first page: how much came when, and what came last."""

from __future__ import annotations

from datetime import datetime, timedelta

from markupsafe import Markup

from archive.files.paths import CHINA
from archive.model.results import HourCount
from archive.query.parser import And
from archive.store import Store
from web import charts, links
from web.request import HtmlPage, Request, SiteContext

HOURS = 48  # that are drawn: yesterday beside today, and as many as a screen has room for
NEWEST = 30  # articles that are listed: two screens
NAMED = 12  # stocks that are named most


def front(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The first page."""
    time, as_of = asked.time, asked.as_of
    last = store.stats.latest(as_of or asked.now)
    chart, named = None, []
    if last:
        until = (last + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        since = until - timedelta(hours=HOURS)
        chart = _chart(store.stats.hours(since, until, time), since, asked)
        named = store.stats.top_symbols(since, until, time, NAMED)
    return HtmlPage(
        "front.html",
        {
            "chart": chart,
            "last": last,
            "named": [(name, count, links.symbol(name, as_of=asked.args.get("as_of"))) for name, count in named],
            "hits": store.search.find(And(()), NEWEST, time, by_time=True),
            "hours": HOURS,
            "counts": store.entries.counts() if as_of is None else None,
        },
    )


def _chart(counts: list[HourCount], since: datetime, asked: Request) -> Markup:
    kept = asked.args.get("as_of")
    feeds: dict[str, dict[datetime, charts.ChartMark]] = {}
    totals: dict[datetime, charts.ChartMark] = {}
    for each in counts:
        begin = each.hour.astimezone(CHINA)
        told = f"{begin.month}月{begin.day}日 {begin.hour}–{begin.hour + 1} 时：{each.articles} 篇"
        query = links.hour(each.hour)
        if each.feed is None:
            totals[each.hour] = charts.ChartMark(
                each.articles, told, links.link("/search", q=query, sort="time", as_of=kept)
            )
        else:
            query = f"{links.term('feed', each.feed)} {query}"
            address = links.link("/search", q=query, sort="time", as_of=kept)
            feeds.setdefault(each.feed, {})[each.hour] = charts.ChartMark(
                each.articles, f"{each.feed}，{told}", address
            )
    busiest = sorted(feeds, key=lambda feed: -sum(mark.value for mark in feeds[feed].values()))
    return charts.timeline(charts.spread(since, HOURS), totals, {feed: feeds[feed] for feed in busiest})
