"""The page of the feeds: how each is doing, when it brings articles, how much of it is known complete."""

from __future__ import annotations

from collections import Counter
from typing import Any

from archive.store import Store
from web import charts, links
from web.feed_status import DayCoverage, FeedStatus
from web.request import HtmlPage, Request, SiteContext

_STATES = {"ok": "正常", "stale": "久无新文", "failing": "读取失败", "blocked": "被要求稍候", "new": "尚未读取"}


def feeds(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The page of the feeds, as they are now."""
    found = library.standings(store, asked.now)
    return HtmlPage(
        "feeds.html",
        {
            "as_of": "",
            "then": None,
            "feeds": [_shown(each) for each in found],
            "sums": [
                (_STATES[state], state, count) for state, count in Counter(each.state for each in found).items()
            ],
        },
    )


def _shown(standing: FeedStatus) -> dict[str, Any]:
    weekday, weekend = standing.arrival_rate[:24], standing.arrival_rate[24:]
    return {
        "standing": standing,
        "state": _STATES[standing.state],
        "search": links.link("/search", q=links.term("feed", standing.id), sort="time"),
        "data": links.link("/index/listings", feed__exact=standing.id),
        "feed": links.feed(links.term("feed", standing.id)),
        "rhythm": [
            (
                name,
                charts.arrival_rate(rates, most=max(standing.arrival_rate), described=f"{name}每小时的文章数"),
                sum(rates),
            )
            for name, rates in (("工作日", weekday), ("周末", weekend))
            if rates
        ],
        "cover": charts.cover([_cell(day) for day in standing.days], described="每天已知完整的部分"),
        "known": _share(standing),
    }


def _cell(day: DayCoverage) -> tuple[charts.ChartMark, bool]:
    told = f"{day.day.month}月{day.day.day}日：" + (f"{day.share:.2%} 已知完整" if day.begun else "记录尚未开始")
    return charts.ChartMark(day.share, told), day.begun


def _share(standing: FeedStatus) -> str:
    """How many of the days are known whole."""
    begun = [day for day in standing.days if day.begun]
    return f"{sum(day.share == 1 for day in begun)} / {len(begun)} 天完整"
