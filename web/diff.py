"""The page of what changed between two versions of an article."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archive.diff.revisions import compare_revisions
from archive.diff.text import DiffPart
from archive.model.article import ArticleImage, Revision
from archive.store import Store
from web import links
from web.article import known_of
from web.diff_rows import rows
from web.request import BadRequestError, HtmlPage, NotFoundError, Request, SiteContext

# Characters of both texts together, beyond which they are not compared here: a second of a thread is enough.
LONGEST = 200_000
_NAMES = {
    "published": "发布", "updated": "页面自称更新", "media": "媒体", "url": "原址", "editor": "责任编辑",
    "original_title": "原标题", "keywords": "关键词", "symbols": "股票", "pictures": "图片",
}  # fmt: skip


def changes(asked: Request, store: Store, library: SiteContext) -> HtmlPage:
    """The page of two versions side by side: those of the numbers ``old`` and ``new``, else the two newest."""
    docid = asked.path["docid"]
    revisions: list[Revision] = known_of(docid, asked, store)["revisions"]
    if len(revisions) < 2:
        raise NotFoundError(f"{docid} 已知的版本不到两个，没有可以比较的")
    old, new = (
        _numbered(revisions, asked.number(name, default.number, 999_999))
        for name, default in (("old", revisions[-2]), ("new", revisions[-1]))
    )
    size = sum(len(store.articles.text(docid, each.number) or "") for each in (old, new))
    if size > LONGEST:
        raise BadRequestError(f"两版共 {size} 字，太长，请用 finarchive diff {docid} {old.number} {new.number}")
    found = compare_revisions(store, library.root, old, new, library.plain_text)
    kept = {"as_of": asked.args.get("as_of")}
    return HtmlPage(
        "changes.html",
        {
            "docid": docid,
            "old": old,
            "new": new,
            "revisions": revisions,
            "title": found.title,
            "facts": [(_NAMES[name], _told(before), _told(after)) for name, (before, after) in found.facts.items()],
            "rows": rows(found.text) if found.text is not None else None,
            "same": found.text is not None and all(piece.part is DiffPart.SAME for piece in found.text),
            "failure": found.failure,
            "absences": found.absences,
            "back": links.article(docid, **kept),
        },
    )


def _numbered(revisions: list[Revision], number: int) -> Revision:
    for each in revisions:
        if each.number == number:
            return each
    raise NotFoundError(f"没有第 {number} 版；已知 {len(revisions)} 版")


def _told(value: Any) -> list[str]:
    """A fact as lines of text."""
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
