"""The feeds page: the status, the arrival rate and the coverage of each feed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from archive.union.store import AnyStore
from web import links
from web.feed_status import DayCoverage, FeedStatus
from web.rendering import charts
from web.rendering.language import gettext as _
from web.rendering.language import to_translate
from web.request import HtmlPage, Request, SiteContext

_STATES = {
    "ok": to_translate("正常"), "stale": to_translate("久无新文"), "failing": to_translate("读取失败"),
    "blocked": to_translate("被要求稍候"), "new": to_translate("尚未读取"),
}  # fmt: skip


def feeds(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the page of all feeds, as they are now."""
    statuses = site.feed_statuses(store, request.now)
    return HtmlPage(
        "feeds.html",
        {
            "as_of": "",
            "then": None,
            "feeds": [_feed_context(each) for each in statuses],
            "sums": [
                (_(_STATES[state]), state, count) for state, count in Counter(each.state for each in statuses).items()
            ],
        },
    )


def _feed_context(status: FeedStatus) -> dict[str, Any]:
    weekday, weekend = status.arrival_rate[:24], status.arrival_rate[24:]
    return {
        "status": status,
        "state": _(_STATES[status.state]),
        "search": links.link("/search", q=links.term("feed", status.id), sort="time"),
        "data": links.tables(status.prefix, "listings", feed__exact=status.id),
        "feed": links.feed(links.term("feed", status.id)),
        "arrival_rates": [
            (
                name,
                charts.arrival_rate(
                    rates, maximum=max(status.arrival_rate), label=_("%(days)s每小时的文章数") % {"days": name}
                ),
                sum(rates),
            )
            for name, rates in ((_("工作日"), weekday), (_("周末"), weekend))
            if rates
        ],
        "coverage": charts.coverage([_cell(day) for day in status.days], label=_("每天已核实和暂时完整的部分")),
        "complete_days": _complete_days(status),
        "open_gaps": [gap for gap in status.gaps if not gap.lost],
        "lost_gaps": [gap for gap in status.gaps if gap.lost],
    }


def _cell(day: DayCoverage) -> tuple[charts.ChartMark, float, bool]:
    shares = {"settled": f"{day.settled:.2%}", "provisional": f"{day.share - day.settled:.2%}"}
    known = _("%(settled)s 已核实，%(provisional)s 暂时完整") % shares if day.begun else _("记录尚未开始")
    title = _("%(month)s月%(day)s日：%(what)s") % {"month": day.day.month, "day": day.day.day, "what": known}
    return charts.ChartMark(day.share, title), day.settled, day.begun


def _complete_days(status: FeedStatus) -> str:
    """Return how many of the days are settled, and how many are known, as text."""
    begun = [day for day in status.days if day.begun]
    settled, known = sum(day.settled == 1 for day in begun), sum(day.share == 1 for day in begun)
    counts = {"count": len(begun), "settled": settled, "provisional": known - settled}
    return _("%(count)s 天中 %(settled)s 天已核实，%(provisional)s 天暂时完整") % counts
