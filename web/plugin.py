"""The archive as a plugin of Datasette: our pages beside its own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from datasette import Response, hookimpl
from datasette.app import Datasette
from datasette.utils.asgi import Base400
from datasette.utils.asgi import Request as DatasetteRequest
from datasette.views.base import DatasetteError
from markupsafe import Markup

from archive.model.errors import ArchiveError
from archive.search.canned_queries import CANNED_QUERIES
from web import links
from web.article import article
from web.database import Index
from web.diff import changes
from web.feeds import feeds
from web.home import front
from web.raw import picture, raw
from web.request import BadRequestError, File, NotFoundError, Request, SiteContext, View
from web.search import feed, found, search
from web.symbol import symbol

logger = logging.getLogger("finarchive")

_ARTICLE = r"/article/(?P<docid>[^/]+)"
# Address -> what makes the page. Datasette looks through these before its own.
ROUTES: dict[str, View] = {
    r"/": front,
    r"/search": search,
    r"/search\.json": found,
    r"/search\.atom": feed,
    r"/feeds": feeds,
    r"/symbol/(?P<symbol>[^/]+)": symbol,
    _ARTICLE: article,
    rf"{_ARTICLE}/diff": changes,
    rf"{_ARTICLE}/raw/(?P<file>[A-Za-z0-9.-]+)/(?P<offset>[0-9]{{1,18}})": raw,
    r"/picture/(?P<sha256>[0-9a-f]{64})": picture,
}
_SERVED = "finarchive"  # where a Datasette has what its pages are made from
_HEADINGS = {400: "无法理解的请求", 404: "没有找到", 500: "出错了", 503: "暂时无法读取"}
_FRESH = {"cache-control": "no-cache"}  # what is shown is as it stands now


def furnish(datasette: Datasette, index: Index, library: SiteContext) -> None:
    """Let a Datasette serve our pages."""
    setattr(datasette, _SERVED, (index, library))


@hookimpl  # type: ignore[untyped-decorator] # Datasette has no types
def register_routes(datasette: Datasette) -> list[tuple[str, Any]]:
    """Our pages."""
    return [(rf"^{path}$", _served(view)) for path, view in ROUTES.items()]


@hookimpl  # type: ignore[untyped-decorator]
def canned_queries(database: str) -> dict[str, dict[str, str]]:
    """What is often asked of the index."""
    return {
        each.name: {"title": each.title, "description": each.description, "sql": each.sql} for each in CANNED_QUERIES
    }


@hookimpl  # type: ignore[untyped-decorator]
def render_cell(value: Any, column: str) -> Markup | None:
    """A docid and a stock lead to their pages, in whatever table they stand."""
    if column not in ("docid", "symbol") or not isinstance(value, str) or not value:
        return None
    address = links.article(value) if column == "docid" else links.symbol(value)
    return Markup('<a href="{}">{}</a>').format(address, value)


@hookimpl  # type: ignore[untyped-decorator]
def handle_exception(
    datasette: Datasette, request: DatasetteRequest, exception: Exception
) -> Callable[[], Awaitable[Response]]:
    """An answer in our words for what went wrong, on our pages and on Datasette's."""

    async def response() -> Response:
        status, heading, text = _told(exception)
        if status == 500:
            logger.error("page-failed path=%s", request.path, exc_info=exception)
        if request.path.endswith(".json"):
            return Response.json({"ok": False, "error": text, "status": status, "title": heading}, status=status)
        context = {"heading": heading, "text": text, "status": status}
        html = await datasette.render_template("trouble.html", context, request=request)
        return Response(html, status, _FRESH, "text/html; charset=utf-8")

    return response


def _served(view: View) -> Callable[[DatasetteRequest, Datasette], Awaitable[Response]]:
    async def serve(request: DatasetteRequest, datasette: Datasette) -> Response:
        index, library = getattr(datasette, _SERVED)
        # A path comes as it was sent, percent signs and all.
        parts = {name: unquote(value) for name, value in request.url_vars.items()}
        args = {name: request.args[name] for name in request.args}
        asked = Request(parts, args, library.now())
        made = await index.read(lambda store: view(asked, store, library))
        if isinstance(made, File):
            return Response(made.body, 200, {**_FRESH, **made.headers}, made.content_type)
        # The number of a version, or of a page, may be another one now.
        lasting = {name: value for name, value in args.items() if name in ("q", "sort")}
        to_now = links.link(request.path, lasting)
        context = {"as_of": asked.args.get("as_of", ""), "then": asked.as_of, "to_now": to_now, **made.context}
        html = await datasette.render_template(made.template, context, request=request)
        return Response(html, made.status, _FRESH, "text/html; charset=utf-8")

    return serve


def _told(error: Exception) -> tuple[int, str, str]:
    """The status, and what is said: in short, and in words."""
    # Undocumented in Datasette 0.65: DatasetteError and Base400, and their attributes.
    status, text = 500, "程序的日志里有详情"
    match error:
        case NotFoundError() | BadRequestError():
            status, text = error.status, str(error)
        case TimeoutError():
            status, text = 503, "用时过长，已中止；请缩小范围，例如加上 since: 或 feed:"
        case ArchiveError():
            status, text = 503, str(error)
        case DatasetteError():
            # Of what cannot be asked for in that way; it says 500 of some. Some of its messages are HTML.
            status = 400 if error.status == 500 else error.status
            text = str((error.title if error.message_is_html else error.message) or "")
        case Base400():
            status, text = error.status, str(error)
    return status, _HEADINGS.get(status, "无法完成"), text
