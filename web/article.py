"""The page of an article: a version of it to read, and all that is known of it."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from archive.export.html import cleaned
from archive.files.paths import revision_path
from archive.files.post import load
from archive.model.article import Revision
from archive.model.fetch import Observation
from archive.store import Store
from web import links
from web.request import HtmlPage, NotFoundError, Request, SiteContext

MAX_LOOKS = 40  # that are listed: an article is looked at three or four times, one that flaps a hundred


def article(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The page of an article, in its newest version or in the one of a number."""
    docid = asked.path["docid"]
    known = known_of(docid, asked, store)
    revisions: list[Revision] = known["revisions"]
    shown = version(asked, revisions, "version")
    fetches = store.stats.fetches(docid, asked.time)
    kept = {"as_of": asked.args.get("as_of")}
    context: dict[str, Any] = {
        "known": known,
        "shown": shown,
        "revisions": [(each, links.article(docid, version=each.number, **kept)) for each in reversed(revisions)],
        "differences": {
            new.number: links.link(f"{links.article(docid)}/diff", old=old.number, new=new.number, **kept)
            for old, new in pairwise(revisions)
        },
        "looks": [(fetch, raw_link(fetch)) for fetch in fetches[-MAX_LOOKS:]],
        "looked": len(fetches),
        "story": [
            (each, links.article(each["docid"], **kept))
            for each in store.history.same_story(docid, asked.time)
            if each["docid"] != docid
        ],
        "feeds": [
            (feed, links.link("/search", q=links.term("feed", feed), sort="time", **kept)) for feed in known["feeds"]
        ],
        "data": f"/index/revisions?docid={docid}",
    }
    if shown:
        context |= _of_version(shown, revisions[-1], kept)
        context |= _body(shown, store, library, asked)
        raws = [fetch for fetch in fetches if fetch.revision == shown.number and raw_link(fetch)]
        context["raw"] = raw_link(raws[0]) if raws else None
    return HtmlPage("article.html", context)


def known_of(docid: str, asked: Request, store: Store) -> dict[str, Any]:
    """What was known of an article.

    :raises MissingError: nothing was
    """
    known = store.history.as_of(docid, asked.time)
    if known is None:
        raise NotFoundError(f"档案中没有文章 {docid}" + ("，或当时尚未得知" if asked.as_of else ""))
    return known


def version(asked: Request, revisions: list[Revision], name: str) -> Revision | None:
    """The version whose number an argument of this name says, else the newest; None when there is none.

    :raises MissingError: there is no such version
    """
    if not asked.args.get(name):
        return revisions[-1] if revisions else None
    number = asked.number(name, 1, 999_999)
    found = next((each for each in revisions if each.number == number), None)
    if found is None:
        raise NotFoundError(f"没有第 {number} 版；已知 {len(revisions)} 版")
    return found


def raw_link(fetch: Observation) -> str | None:
    """The address of what the site answered to a look; None when no answer is kept."""
    if fetch.place is None or fetch.digest is None:
        return None
    return f"{links.article(fetch.docid)}/raw/{fetch.place.file}/{fetch.place.offset}"


def _of_version(shown: Revision, newest: Revision, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "newest": shown.number == newest.number,
        "symbols": [(each, links.symbol(each, **kept)) for each in shown.symbols],
        "keywords": [(each, links.link("/search", q=links.quoted(each), **kept)) for each in shown.keywords],
        "media": (shown.media, links.link("/search", q=links.term("media", shown.media), **kept))
        if shown.media
        else None,
        "origin": shown.url if shown.url.startswith(("http://", "https://")) else None,
    }


def _body(shown: Revision, store: Store, library: SiteContext, asked: Request) -> dict[str, Any]:
    """The HTML of a version's file, cleaned; where it cannot be read, its plain text, and why."""
    newest = max(each.number for each in store.articles.revisions(shown.docid))
    path = library.root / revision_path(shown.path, shown.number, newest)
    try:
        body = load(path.read_bytes())[1]
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        return {"text": store.articles.text(shown.docid, shown.number), "failure": told}
    # What it gives is what nh3 lets through: a short list of elements, no script, no address but links to the web.
    return {"body": Markup(cleaned(body, _local(store, library, asked.as_of)))}  # noqa: S704 - cleaned


def _local(store: Store, library: SiteContext, as_of: datetime | None) -> Any:
    def local(url: str) -> str | None:
        kept = store.images.path_of(url, as_of) if library.images else None
        return f"/picture/{Path(kept).stem}" if kept and (library.root / kept).is_file() else None

    return local
