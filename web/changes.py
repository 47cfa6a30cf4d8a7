"""Changes of articles: the page, the JSON document and the Atom feed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from archive.diff.changes import change_document, short_diff
from archive.diff.text import DiffPart, DiffPiece
from archive.export.atom import DEFAULT_ENTRIES, ChangeText, changes_to_atom
from archive.files.paths import CHINA
from archive.model.errors import QueryError
from archive.model.results import ArticleChange, ChangeKind, ChangesPage
from archive.query.messages import describe
from archive.query.nodes import And
from archive.union.store import AnyStore
from web import links
from web.diff import NAMES
from web.rendering.language import DEFAULT, LANGUAGES, as_language, current, to_translate
from web.rendering.language import gettext as _
from web.rendering.reasons import reason
from web.rendering.text import visible
from web.request import BadRequestError, File, HtmlPage, Request, SiteContext
from web.search import understood

PAGE_SIZE = 30  # changes
COUNTED = 200  # changes that are read for a page, and counted for its facets
MAX_VALUES = 12  # of a facet
KINDS = {
    ChangeKind.REVISED: to_translate("修订"), ChangeKind.RETITLED: to_translate("改标题"),
    ChangeKind.GONE: to_translate("已撤"), ChangeKind.RETURNED: to_translate("恢复"),
    ChangeKind.MOVED: to_translate("换成别文"), ChangeKind.UNLISTED: to_translate("离开列表"),
    ChangeKind.FACTS: to_translate("资料变动"),
}  # fmt: skip
_FACETS = ((to_translate("订阅源"), "feed"), (to_translate("媒体"), "media"), (to_translate("股票"), "symbol"))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ELEMENTS = {DiffPart.REMOVED: Markup("<del>{}</del>"), DiffPart.ADDED: Markup("<ins>{}</ins>")}


def changes(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the page of changes, the newest first, or those before the cursor of the argument ``after``.

    The facets count the changes of the page and those that follow it.
    """
    args = _args(request)
    after = request.args.get("after")
    counted = _find(request, store, site, COUNTED, after or None)
    page = first(counted, PAGE_SIZE)
    stocks = {symbol for change in counted.changes for symbol in change.symbols}
    names = store.names.feeds() | store.stocks.current(stocks, request.time)
    return HtmlPage(
        "changes.html",
        {
            "query": args["q"],
            "day": args["day"],
            "changes": [_context(store, change, request, names) for change in page.changes],
            "kinds": [
                (name, kind, links.link("/changes", args, kind=kind), kind == args["kind"])
                for kind, name in (("", _("全部")), *((str(kind), _(name)) for kind, name in KINDS.items()))
            ],
            "facets": _facets(counted.changes, args, names),
            "counted": len(counted.changes),
            "all_counted": not after and not counted.next,
            "newest": links.link("/changes", args) if after else None,
            "next_page": links.link("/changes", args, after=page.next) if page.next else None,
            "all_days": links.link("/changes", args, day=None),
            "begins": store.stats.begins(request.time),
            "data": links.link("/changes.json", args),
            "feed": links.link("/changes.atom", args, as_of=None, lang=_lang()),
        },
    )


def changes_json(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return changes as JSON: those of ``finarchive changes --json``, and the address of the next ones."""
    page = _find(request, store, site, PAGE_SIZE, request.args.get("after") or None)
    document = {
        "changes": [change_document(store, change) for change in page.changes],
        "next": request.origin + links.link("/changes.json", _args(request), after=page.next) if page.next else None,
    }
    return File(json.dumps(document, ensure_ascii=False).encode(), "application/json; charset=utf-8")


def changes_atom(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return the newest changes as an Atom feed, in the language of the argument ``lang``."""
    args = _args(request)
    if (lang := request.args.get("lang")) and not as_language(lang):
        known = _("、").join(LANGUAGES)
        raise BadRequestError(_("lang 应为 %(known)s 之一，而不是 %(text)r") % {"known": known, "text": lang[:60]})
    page = _find(request, store, site, DEFAULT_ENTRIES, cursor=None)
    entries = [_change_text(store, change, request.origin) for change in page.changes]
    name = " ".join(filter(None, (_("变动"), args["q"], args["kind"], args["day"])))
    # A feed without entries always has the same time, so that it is the same document.
    updated = page.changes[0].at if page.changes else store.stats.begins(request.time) or request.now
    own = request.origin + links.link("/changes.atom", args, lang=_lang())
    feed = changes_to_atom(entries, name, updated, own, language=_("zh-CN"), identity=links.link("", args))
    return File(feed, "application/atom+xml; charset=utf-8")


def _change_text(store: AnyStore, change: ArticleChange, origin: str) -> ChangeText:
    kind = _(KINDS[change.kind])
    title = f"{kind}{_('：')}{change.title or _('（无标题）')}"
    return ChangeText(change, kind, title, str(_said(store, change)), origin + _address(change, {}))


def _lang() -> str | None:
    """Return the argument ``lang`` of a feed in the language of the request; the default needs none."""
    return None if current() == DEFAULT else current()


def _args(request: Request) -> dict[str, str]:
    return {name: request.args.get(name, "").strip() for name in ("q", "kind", "day", "as_of")}


def _find(request: Request, store: AnyStore, site: SiteContext, limit: int, cursor: str | None) -> ChangesPage:
    """Return the changes that the request's arguments select.

    :raises BadRequestError: an argument is not valid
    """
    args = _args(request)
    if args["kind"] and args["kind"] not in list(ChangeKind):
        known = _("、").join(ChangeKind)
        raise BadRequestError(
            _("kind 应为 %(kinds)s 之一，而不是 %(text)r") % {"kinds": known, "text": args["kind"][:60]}
        )
    kinds = [ChangeKind(args["kind"])] if args["kind"] else list(ChangeKind)
    since, until = _day(args["day"]) if args["day"] else (None, request.time)
    try:
        query = understood(args["q"], request, store, site) if args["q"] else And(())
        return store.changes.find(
            query, limit, since=since, time=min(until, request.time), kinds=kinds, cursor=cursor
        )
    except QueryError as error:
        said = describe(error, current())
        if error.code != "changes-cursor":
            said = _("无法理解查询“%(query)s”：%(said)s") % {"query": args["q"], "said": said}
        raise BadRequestError(said) from error


def first(found: ChangesPage, limit: int) -> ChangesPage:
    """Return the first changes of a page. Changes with one cursor are kept together, so there may be two more."""
    changes = found.changes
    end = limit
    while end < len(changes) and changes[end].cursor == changes[end - 1].cursor:
        end += 1
    return ChangesPage(changes[:end], changes[end - 1].cursor) if end < len(changes) else found


def _day(text: str) -> tuple[datetime, datetime]:
    """Return the begin and the last millisecond of a day in China."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        begin = datetime.fromisoformat(text).replace(tzinfo=CHINA)
        return begin, begin + timedelta(days=1, milliseconds=-1)
    except (ValueError, OverflowError):
        raise BadRequestError(_("day 应为一天，如 2026-09-30，而不是 %(text)r") % {"text": text[:60]}) from None


def _context(store: AnyStore, change: ArticleChange, request: Request, names: Mapping[str, str]) -> dict[str, Any]:
    as_of = {"as_of": request.args.get("as_of")}
    return {
        "change": change,
        "name": _(KINDS[change.kind]),
        "feeds": [names.get(feed, feed) for feed in change.feeds],
        "symbols": [(symbol, names.get(symbol), links.symbol(symbol, **as_of)) for symbol in change.symbols[:4]],
        "address": links.article(change.docid, **as_of),
        "said": _said(store, change),
        "difference": _address(change, as_of) if change.kind is ChangeKind.REVISED else None,
    }


def _address(change: ArticleChange, as_of: dict[str, Any]) -> str:
    article = links.article(change.docid)
    if change.kind is ChangeKind.REVISED:
        return links.link(f"{article}/diff", as_of, old=change.before, new=change.after)
    return links.link(article, as_of)


def _said(store: AnyStore, change: ArticleChange) -> Markup:
    """Return what changed, as HTML."""
    if diff := short_diff(store, change):
        return _marked(diff)
    match change.kind:
        case ChangeKind.FACTS:
            fields = (
                Markup("{}{}<del>{}</del> → <ins>{}</ins>").format(
                    _(NAMES[name]), _("："), visible(_value(change.before[name])), visible(_value(change.after[name]))
                )
                for name in change.after
            )
            return escape(_("；")).join(fields)
        case ChangeKind.MOVED:
            other = Markup('<a href="{}">{}</a>').format(links.article(change.after), change.after)
            return escape(_("地址现在显示 %(other)s")) % {"other": other}
        case ChangeKind.UNLISTED:
            name = store.names.feeds().get(change.before, change.before)
            return escape(_("离开 %(feed)s 的列表，邻近的仍在")) % {"feed": visible(name)}
        case ChangeKind.REVISED:
            return escape(_("图片或格式有变，或文字太长，见比较"))
    return reason(change.evidence) if change.evidence else Markup()


def _marked(diff: Iterable[DiffPiece]) -> Markup:
    return Markup().join(_ELEMENTS.get(piece.part, Markup("{}")).format(visible(piece.text)) for piece in diff)


def _value(value: Any) -> str:
    return _("、").join(map(str, value)) if isinstance(value, list) else str(value or _("无"))


def _facets(
    counted: Iterable[ArticleChange], args: dict[str, str], names: Mapping[str, str]
) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Return each facet's heading and values: text, count, and the link to these changes."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("feed", "media", "symbol", "day")}
    for change in counted:
        counts["feed"].update(change.feeds)
        counts["media"].update([change.media] if change.media else [])
        counts["symbol"].update(change.symbols)
        counts["day"][f"{change.at.astimezone(CHINA):%Y-%m-%d}"] += 1
    sections = [
        (
            _(heading),
            [
                (
                    _named(field, value, names),
                    count,
                    links.link("/changes", args, q=links.narrowed(args["q"], links.term(field, value))),
                )
                for value, count in counts[field].most_common(MAX_VALUES)
            ],
        )
        for heading, field in _FACETS
    ]
    days = sorted(counts["day"].items(), reverse=True)[:MAX_VALUES]
    sections.append((_("日期"), [(day, count, links.link("/changes", args, day=day)) for day, count in days]))
    return [(heading, values) for heading, values in sections if values]


def _named(field: str, value: str, names: Mapping[str, str]) -> str:
    """Return the text of a facet's value: a feed by its name, a stock by name and symbol."""
    if field == "symbol" and value in names:
        return f"{names[value]} {value}"
    return names.get(value, value) if field == "feed" else value
