"""The Datasette plugin: adds the archive's pages beside Datasette's own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from datasette import Response, hookimpl
from datasette.app import Datasette
from datasette.database import QueryInterrupted
from datasette.utils.asgi import Base400, NotFound
from datasette.utils.asgi import Request as DatasetteRequest
from datasette.views.base import DatasetteError
from markupsafe import Markup

from archive.model.errors import ArchiveError
from archive.search.canned_queries import CANNED_QUERIES
from web import links
from web.article import article
from web.changes import changes, changes_atom, changes_json
from web.database import Index, UnionReader
from web.diff import diff
from web.documents import article_json, diff_json, versions_json
from web.feeds import feeds
from web.home import front, set_language
from web.http.language import switch
from web.raw import image, raw
from web.rendering.language import gettext as _
from web.rendering.language import to_translate
from web.request import File, Redirect, Request, SiteContext, View, WebError
from web.search import feed, search, search_json
from web.symbol import symbol

logger = logging.getLogger("finarchive")

_ARTICLE = r"/article/(?P<docid>[^/]+)"
# URL path (a regular expression) -> view. Datasette tries these routes before its own.
ROUTES: dict[str, View] = {
    r"/": front,
    r"/search": search,
    r"/search\.json": search_json,
    r"/search\.atom": feed,
    r"/changes": changes,
    r"/changes\.json": changes_json,
    r"/changes\.atom": changes_atom,
    r"/feeds": feeds,
    r"/language": set_language,
    r"/symbol/(?P<symbol>[^/]+)": symbol,
    r"/article/(?P<docid>[^/]+)\.json": article_json,
    rf"{_ARTICLE}/versions\.json": versions_json,
    rf"{_ARTICLE}/diff\.json": diff_json,
    _ARTICLE: article,
    rf"{_ARTICLE}/diff": diff,
    rf"{_ARTICLE}/raw/(?P<file>[A-Za-z0-9.-]+)/(?P<offset>[0-9]{{1,18}})": raw,
    r"/picture/(?P<sha256>[0-9a-f]{64})": image,
}
_ATTRIBUTE = "finarchive"  # of a Datasette object: what reads the archive, and the context of its pages
_HEADINGS = {
    400: to_translate("无法理解的请求"), 404: to_translate("没有找到"), 500: to_translate("出错了"),
    503: to_translate("暂时无法读取"),
}  # fmt: skip
_NO_CACHE = {"cache-control": "no-cache"}  # pages show the present state


def attach(datasette: Datasette, reader: Index | UnionReader, site: SiteContext) -> None:
    """Give a Datasette object what reads the archive, and the context that the views need."""
    setattr(datasette, _ATTRIBUTE, (reader, site))


@hookimpl  # type: ignore[untyped-decorator] # Datasette has no types
def register_routes(datasette: Datasette) -> list[tuple[str, Any]]:
    """Return the routes of the archive's pages."""
    return [(rf"^{path}$", _handler(view)) for path, view in ROUTES.items()]


@hookimpl  # type: ignore[untyped-decorator]
def canned_queries(database: str) -> dict[str, dict[str, str]]:
    """Return the canned queries of the index."""
    return {
        each.name: {"title": _(each.title), "description": _(each.description), "sql": each.sql}
        for each in CANNED_QUERIES
    }


@hookimpl  # type: ignore[untyped-decorator]
def render_cell(value: Any, column: str) -> Markup | None:
    """Link docids and stock symbols to their pages, in every table."""
    if column not in ("docid", "symbol") or not isinstance(value, str) or not value:
        return None
    address = links.article(value) if column == "docid" else links.symbol(value)
    return Markup('<a href="{}">{}</a>').format(address, value)


@hookimpl  # type: ignore[untyped-decorator]
def handle_exception(
    datasette: Datasette, request: DatasetteRequest, exception: Exception
) -> Callable[[], Awaitable[Response]]:
    """Render the error page, for the archive's pages and for Datasette's."""

    async def response() -> Response:
        status, heading, text = _describe(exception, request)
        if status == 500:
            logger.error("page-failed path=%s", request.path, exc_info=exception)
        if request.path.endswith(".json"):
            return Response.json({"ok": False, "error": text, "status": status, "title": heading}, status=status)
        context = {"heading": heading, "text": text, "status": status}
        html = await datasette.render_template("trouble.html", context, request=request)
        return Response(html, status, _NO_CACHE, "text/html; charset=utf-8")

    return response


@hookimpl  # type: ignore[untyped-decorator]
def extra_template_vars(request: DatasetteRequest) -> dict[str, Any]:
    """Return the function that links a page to itself in the other language; its argument: another address of it."""
    path = request.full_path if request else "/"
    return {"switch_language": lambda here=None: switch(here or path)}


def _handler(view: View) -> Callable[[DatasetteRequest, Datasette], Awaitable[Response]]:
    """Wrap a view. Datasette passes the handler's arguments by name."""

    async def handle(request: DatasetteRequest, datasette: Datasette) -> Response:
        reader, site = getattr(datasette, _ATTRIBUTE)
        # Datasette does not decode parts of the path.
        path = {name: unquote(value) for name, value in request.url_vars.items()}
        args = {name: request.args[name] for name in request.args}
        view_request = Request(path, args, site.now(), f"{request.scheme}://{request.host}")
        result, missing = await reader.read(lambda store: (view(view_request, store, site), store.missing))
        if isinstance(result, Redirect):
            return Response.redirect(result.address, 303, {**_NO_CACHE, **result.headers})
        if isinstance(result, File):
            if missing and result.is_of_all:
                # Programs read it, and do not see a notice.
                raise ArchiveError("; ".join(missing.values()))
            return Response(result.body, 200, {**_NO_CACHE, **result.headers}, result.content_type)
        # The link to the present keeps the query and the order, not version or page numbers: these may have changed.
        to_now = links.link(request.path, {name: value for name, value in args.items() if name in ("q", "sort")})
        context = {
            "as_of": args.get("as_of", ""), "then": view_request.as_of, "to_now": to_now, "missing": missing,
            **result.context,
        }  # fmt: skip
        html = await datasette.render_template(result.template, context, request=request)
        return Response(html, result.status, _NO_CACHE, "text/html; charset=utf-8")

    return handle


def _describe(error: Exception, request: DatasetteRequest) -> tuple[int, str, str]:
    """Return the status, the heading and the text of the error page."""
    if missing := _missing(error, request):
        return 404, _(_HEADINGS[404]), missing
    # Undocumented in Datasette 0.65: DatasetteError and Base400, and their attributes.
    status, text = 500, _("程序的日志里有详情")
    match error:
        case WebError():
            status, text = error.status, str(error)
        case TimeoutError() | QueryInterrupted():
            status, text = 503, _("用时过长，已中止；请缩小范围，例如加上 since: 或 feed:")
        case ArchiveError():
            status, text = 503, str(error)
        case DatasetteError():
            # Datasette uses status 500 for some invalid requests. Some of its messages are HTML.
            status = 400 if error.status == 500 else error.status
            text = str((error.title if error.message_is_html else error.message) or "")
        case Base400():
            status, text = error.status, str(error)
    return status, _(_HEADINGS.get(status, to_translate("无法完成"))), text


def _missing(error: Exception, request: DatasetteRequest) -> str | None:
    """Return what a request to Datasette's pages asked for and there is not; None if the error is another.

    Datasette answers some addresses of tables and rows that do not exist with 400 or 500.
    """
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    parts[-1] = parts[-1].removesuffix(".json").removesuffix(".csv")
    is_index = parts[0] == "index" or parts[0].startswith("index-")
    is_table = is_index and len(parts) > 1 and not {"sql", "_where"} & set(request.args)
    if isinstance(error, NotFound) and not is_index:
        return _("没有这个地址")
    is_unknown_table = "no such table" in str(error) or (isinstance(error, NotFound) and len(parts) == 2)
    if is_table and is_unknown_table:
        return _("没有 %(table)s 这张表") % {"table": parts[1][:60]}
    # The key of the row may have fewer parts than that of the table.
    is_short_key = "did not supply a value for binding" in str(error)
    if is_table and len(parts) > 2 and (isinstance(error, NotFound) or is_short_key):
        return _("%(table)s 里没有这一行") % {"table": parts[1][:60]}
    return None
