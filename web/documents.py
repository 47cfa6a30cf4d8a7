"""JSON documents of an article, of its versions, and of the difference between two of them."""

from __future__ import annotations

import json
from typing import Any

from archive.diff.revisions import compare_revisions
from archive.model.article import Revision
from archive.union.store import AnyStore
from web import links
from web.article import find_article
from web.diff import chosen_versions
from web.rendering.language import gettext as _
from web.request import BadRequestError, File, NotFoundError, Request, SiteContext

# Characters of the texts of all versions together, in one document.
MAX_CHARACTERS = 4_000_000


def article_json(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return the document of ``finarchive show --json``."""
    docid = request.path["docid"]
    find_article(docid, request, store)
    return _json(site.article_document(store, docid, request.as_of))


def versions_json(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return all versions, each as in the document of the article, with its text and the addresses of its pages."""
    docid = request.path["docid"]
    find_article(docid, request, store)
    document = site.article_document(store, docid, request.as_of) or {}
    base, as_of = request.origin + links.article(docid), {"as_of": request.args.get("as_of")}
    versions: list[dict[str, Any]] = []
    for row in document["revisions"]:
        number = row["number"]
        difference = links.link(f"{base}/diff.json", as_of, old=number - 1, new=number) if number > 1 else None
        text = store.of(docid).articles.text(docid, number)
        versions.append({**row, "text": text, "page": links.link(base, as_of, version=number), "diff": difference})
    if sum(len(each["text"] or "") for each in versions) > MAX_CHARACTERS:
        message = _("各版正文共超过 %(most)s 字，太长，请用 finarchive export jsonl")
        raise BadRequestError(message % {"most": MAX_CHARACTERS})
    return _json({"docid": docid, "versions": versions})


def diff_json(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return the document of ``finarchive diff --json``."""
    docid = request.path["docid"]
    revisions: list[Revision] = find_article(docid, request, store)["revisions"]
    if not revisions:
        raise NotFoundError(_("%(docid)s 还没有版本") % {"docid": docid})
    if len(revisions) == 1 and not {"old", "new"} & request.args.keys():
        return _json(site.difference_document(store.of(docid).prefix + revisions[0].path, None, revisions[0], None))
    old, new = chosen_versions(request, store, revisions)
    own = store.of(docid)
    difference = compare_revisions(own, own.root, old, new, site.plain_text)
    return _json(site.difference_document(own.prefix + new.path, old, new, difference))


def _json(document: Any) -> File:
    return File(json.dumps(document, ensure_ascii=False).encode(), "application/json; charset=utf-8")
