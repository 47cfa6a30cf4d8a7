"""The article page: one version, and everything known about the article."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from archive.export.html import clean_html
from archive.files.layout import revision_path
from archive.files.paths import CHINA
from archive.files.post import html_of
from archive.model.article import Revision
from archive.model.fetch import Observation
from archive.model.times import to_text
from archive.query.scripts import CHINESE, is_chinese
from archive.store import Store
from archive.union.lookup import archives_beside
from archive.union.store import AnyStore
from web import links
from web.rendering.language import gettext as _
from web.request import HtmlPage, NotFoundError, Request, SiteContext

MAX_LISTED_FETCHES = 40  # an article is fetched three or four times, one that comes and goes a hundred times


def article(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the page of an article, with the version of the argument ``version``, or the newest."""
    docid, own = request.path["docid"], store.of(request.path["docid"])
    state = find_article(docid, request, store)
    revisions: list[Revision] = state["revisions"]
    revision = find_revision(request, revisions, "version")
    fetches = own.stats.fetches(docid, request.time)
    as_of = {"as_of": request.args.get("as_of")}
    context: dict[str, Any] = {
        "state": state,
        "revision": revision,
        "revisions": [(each, links.article(docid, version=each.number, **as_of)) for each in reversed(revisions)],
        "differences": {
            new.number: links.link(f"{links.article(docid)}/diff", old=old.number, new=new.number, **as_of)
            for old, new in pairwise(revisions)
        },
        "fetches": [(fetch, raw_link(fetch)) for fetch in fetches[-MAX_LISTED_FETCHES:]],
        "fetch_count": len(fetches),
        "same_story": _same_story(docid, store, request),
        "feeds": _feeds(state["feeds"], store, as_of),
        "prefix": own.prefix,
        "others": archives_beside(store, own, docid, request.time),
        "data": links.tables(own.prefix, "revisions", docid=docid),
        "gone_evidence": next((each.evidence for each in fetches if to_text(each.at) == state["gone"]), None),
        "json": links.link(f"{links.article(docid)}.json", as_of),
        "versions_json": links.link(f"{links.article(docid)}/versions.json", as_of),
        "neighbours": _neighbours(docid, revisions, store, request),
    }
    if revision:
        facts = state["facts"] if revision is revisions[-1] else None
        context |= _revision_context(revision, revisions[-1], facts, as_of)
        context["stock_names"] = store.stocks.current((symbol for symbol, _ in context["symbols"]), request.time)
        context |= _body(revision, own, site, request)
        # "": unknown
        context["language"] = (
            CHINESE if is_chinese(own.articles.text(docid, revision.number) or revision.title) else ""
        )
        raw_links = [raw_link(fetch) for fetch in fetches if fetch.revision == revision.number and raw_link(fetch)]
        context["raw"] = raw_links[0] if raw_links else None
    return HtmlPage("article.html", context)


def _same_story(docid: str, store: AnyStore, request: Request) -> list[tuple[Any, str]]:
    """Return the other articles that tell the same story, with their links."""
    as_of = request.args.get("as_of")
    others = [each for each in store.history.same_story(docid, request.time) if each["docid"] != docid]
    return [(each, links.article(each["docid"], as_of=as_of)) for each in others]


def _feeds(feeds: list[str], store: AnyStore, as_of: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the name of each feed, and the link to its articles."""
    names = store.names.feeds()
    return [
        (names.get(feed, feed), links.link("/search", q=links.term("feed", feed), sort="time", **as_of))
        for feed in feeds
    ]


def _neighbours(
    docid: str, revisions: list[Revision], store: AnyStore, request: Request
) -> list[tuple[str, str, str, str]]:
    """Return the articles published just before and after this one: relation, heading, title, link."""
    if not revisions:
        return []
    found = store.history.neighbours(docid, revisions[-1].published, request.time)
    return [
        (relation, heading, each["title"], links.article(each["docid"], as_of=request.args.get("as_of")))
        for each, relation, heading in zip(found, ("next", "prev"), (_("较早一篇"), _("较新一篇")), strict=True)
        if each
    ][::-1]


def find_article(docid: str, request: Request, store: AnyStore) -> dict[str, Any]:
    """Return what is known about an article at the request's time, as :meth:`History.as_of` does.

    :raises NotFoundError: nothing is known of it
    """
    own = store.of(docid)
    if found := own.forgotten.find(docid):
        day = f"{found[0].astimezone(CHINA):%Y-%m-%d}"
        raise NotFoundError(_("文章 %(docid)s 已于 %(day)s 按要求移除") % {"docid": docid, "day": day})
    state = own.history.as_of(docid, request.time)
    if state is None:
        message = _("档案中没有文章 %(docid)s，或当时尚未得知") if request.as_of else _("档案中没有文章 %(docid)s")
        raise NotFoundError(message % {"docid": docid})
    return state


def find_revision(request: Request, revisions: list[Revision], name: str) -> Revision | None:
    """Return the version whose number is in the argument ``name``, or the newest if there is no such argument.

    :return: None if there are no versions and no number is given
    :raises NotFoundError: there is no such version
    """
    if not request.args.get(name):
        return revisions[-1] if revisions else None
    return numbered(revisions, request.number(name, 1, 999_999))


def numbered(revisions: list[Revision], number: int) -> Revision:
    """Return the version with a number.

    :raises NotFoundError: there is none
    """
    for each in revisions:
        if each.number == number:
            return each
    raise NotFoundError(_("没有第 %(number)s 版；已知 %(count)s 版") % {"number": number, "count": len(revisions)})


def raw_link(fetch: Observation) -> str | None:
    """Return the link to the raw response of a fetch; None if no response is stored."""
    if fetch.position is None or fetch.digest is None:
        return None
    return f"{links.article(fetch.docid)}/raw/{fetch.position.file}/{fetch.position.offset}"


def _revision_context(
    revision: Revision, newest: Revision, facts: dict[str, Any] | None, as_of: dict[str, Any]
) -> dict[str, Any]:
    """Return what is shown of a version.

    :param facts: those of the newest version, as they changed since; None for an earlier one
    """
    known = facts or {"symbols": revision.symbols, "keywords": revision.keywords, "media": revision.media}
    media = known["media"]
    return {
        "newest": revision.number == newest.number,
        "symbols": [(each, links.symbol(each, **as_of)) for each in known["symbols"]],
        "keywords": [(each, links.link("/search", q=links.quoted(each), **as_of)) for each in known["keywords"]],
        "media": (media, links.link("/search", q=links.term("media", media), **as_of)) if media else None,
        "origin": revision.url if revision.url.startswith(("http://", "https://")) else None,
    }


def _body(revision: Revision, store: Store, site: SiteContext, request: Request) -> dict[str, Any]:
    """Return the sanitised HTML of a version's file; if it cannot be read, the plain text and the reason."""
    newest = max(each.number for each in store.articles.revisions(revision.docid))
    path = revision_path(revision.path, revision.number, newest)
    try:
        body = html_of((store.root / path).read_bytes())
    except (OSError, ValueError) as error:
        failure = error.strerror if isinstance(error, OSError) else str(error)
        return {"text": store.articles.text(revision.docid, revision.number), "failure": failure}
    # nh3 lets through a short list of elements, no scripts, and no URLs but links to the web.
    html = clean_html(body, _local_url(store, site, request.as_of), site.names, focusable=True)
    return {"body": Markup(html)}  # noqa: S704 - sanitised


def _local_url(store: Store, site: SiteContext, as_of: datetime | None) -> Callable[[str], str | None]:
    def local_url(url: str) -> str | None:
        path = store.images.path_of(url, as_of) if site.images else None
        return f"/picture/{Path(path).stem}" if path and (store.root / path).is_file() else None

    return local_url
