"""The page with the differences between two versions of an article."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archive.diff.revisions import compare_revisions
from archive.diff.text import DiffPart
from archive.model.article import ArticleImage, Revision
from archive.union.store import AnyStore
from web import links
from web.article import find_article, numbered
from web.rendering.diff_rows import rows
from web.rendering.language import gettext as _
from web.rendering.language import to_translate
from web.request import BadRequestError, HtmlPage, NotFoundError, Request, SiteContext

# Characters of both texts together; longer texts are not compared here. Their comparison takes a second of a thread.
MAX_CHARACTERS = 200_000
NAMES = {
    "published": to_translate("发布"), "updated": to_translate("页面自称更新"), "media": to_translate("媒体"),
    "url": to_translate("原址"), "editor": to_translate("责任编辑"), "original_title": to_translate("原标题"),
    "keywords": to_translate("关键词"), "symbols": to_translate("股票"), "pictures": to_translate("图片"),
}  # fmt: skip


def diff(request: Request, store: AnyStore, site: SiteContext) -> HtmlPage:
    """Return the page of two versions side by side: the arguments ``old`` and ``new``, or the two newest."""
    docid = request.path["docid"]
    revisions: list[Revision] = find_article(docid, request, store)["revisions"]
    old, new = chosen_versions(request, store, revisions)
    own = store.of(docid)
    difference = compare_revisions(own, own.root, old, new, site.plain_text)
    text, as_of = difference.text, {"as_of": request.args.get("as_of")}
    return HtmlPage(
        "diff.html",
        {
            "docid": docid,
            "old": old,
            "new": new,
            "revisions": revisions,
            "title": difference.title,
            "facts": [
                (_(NAMES[name]), _lines(before), _lines(after)) for name, (before, after) in difference.facts.items()
            ],
            "rows": rows(text) if text is not None else None,
            "same": text is not None and all(piece.part is DiffPart.SAME for piece in text),
            "failure": difference.failure,
            "absences": difference.absences,
            "data": links.link(f"{links.article(docid)}/diff.json", old=old.number, new=new.number, **as_of),
            "back": links.article(docid, **as_of),
        },
    )


def chosen_versions(request: Request, store: AnyStore, revisions: list[Revision]) -> tuple[Revision, Revision]:
    """Return the versions that the arguments ``old`` and ``new`` name, or the two newest.

    :raises NotFoundError: there is no such version, or only one
    :raises BadRequestError: their texts are too long to be compared here
    """
    docid = request.path["docid"]
    if len(revisions) < 2:
        raise NotFoundError(_("%(docid)s 已知的版本不到两个，没有可以比较的") % {"docid": docid})
    old, new = (
        numbered(revisions, request.number(name, default.number, 999_999))
        for name, default in (("old", revisions[-2]), ("new", revisions[-1]))
    )
    size = sum(len(store.of(docid).articles.text(docid, each.number) or "") for each in (old, new))
    if size > MAX_CHARACTERS:
        command = f"finarchive diff {docid} {old.number} {new.number}"
        raise BadRequestError(_("两版共 %(size)s 字，太长，请用 %(command)s") % {"size": size, "command": command})
    return old, new


def _lines(value: Any) -> list[str]:
    """Return the value of a field as lines of text."""
    match value:
        case None:
            return []
        case datetime():
            return [links.china(value)]
        case tuple():
            return [
                f"{each.url} {each.caption}".rstrip() if isinstance(each, ArticleImage) else str(each)
                for each in value
            ]
    return [str(value)]
