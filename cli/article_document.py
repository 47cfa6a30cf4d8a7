"""One article for ``show``: as a JSON document, and as an HTML page."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.files.layout import revision_path
from archive.model.article import Revision
from archive.model.errors import ArchiveError
from archive.query.messages import query_error
from archive.store import Store
from cli.context import CommandError
from scheduler.monitoring.reports import plain

_STOCK_DIGITS = 6  # of the number of a stock, at most
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def find_article(store: Store, root: Path, ident: str, as_of: datetime | None = None) -> dict[str, Any] | None:
    """The metadata of an article, and the text of its newest version: the document of ``show --json``.

    :param ident: the article's docid, its address, or the path of its file, relative to the archive's root or the
        current folder
    :param as_of: use only what was known at this time; None for what is known now
    :return: None if the archive does not know the article, or did not know it at that time
    :raises CommandError: it was removed on request
    """
    row = find_entry(store, root, ident)
    if row is None:
        return None
    refuse_forgotten(store, row["docid"])
    if as_of:
        return _as_of(store, root, row, as_of)
    history = store.history.as_of(row["docid"], _END_OF_TIME) or {}
    revisions = store.articles.revisions(row["docid"])
    document: dict[str, Any] = {
        "docid": row["docid"],
        "title": revisions[-1].title if revisions else row["title"],
        "path": row["path"],
        "url": row["url"],
        "published": row["published"],
        "media": row["media"],
        "feeds": sorted(json.loads(row["feeds"])),
        "status": row["status"],
        **{key: row[key] for key in ("attempts", "failure", "first_seen")},
        "revisions": [plain(asdict(revision), exact=True) for revision in revisions],
        "gone": history.get("gone"),
        "moved": history.get("moved"),
        "unlisted": store.unlisted.absences(row["docid"]),
        "facts": history.get("facts"),
        "facts_changes": history.get("facts_changes", []),
        "observations": history.get("observations", []),
        "same_story": store.history.same_story(row["docid"], _END_OF_TIME),
        "text": None,
    }
    if revisions:
        _add_text(document, store, revisions[-1], root / row["path"])
    return document


def with_names(document: dict[str, Any], store: Store, as_of: datetime | None = None) -> dict[str, Any]:
    """The document of an article for people: with the names of feeds and stocks beside their ids and symbols."""
    feeds = {feed: f"{name} ({feed})" for feed, name in store.names.feeds().items()}
    shown = document | {
        "feeds": [feeds.get(feed, feed) for feed in document["feeds"]],
        "unlisted": [each | {"feed": feeds.get(each["feed"], each["feed"])} for each in document["unlisted"]],
    }
    if facts := document["facts"]:
        names = store.stocks.current(facts["symbols"], as_of)
        symbols = [f"{names[each]} ({each})" if each in names else each for each in facts["symbols"]]
        shown["facts"] = facts | {"symbols": symbols}
    return shown


def find_entry(store: Store, root: Path, ident: str) -> dict[str, Any] | None:
    """The index row of an article; None if there is none. ``ident`` is as in :func:`find_article`."""
    row = store.articles.find(ident) or store.articles.find(_path_in_archive(root, ident))
    if row is None and ("/" in ident or "." in ident):
        from crawler.urls import possible_docids  # noqa: PLC0415 - docids are the rule

        row = next(filter(None, map(store.articles.find, possible_docids(ident))), None)
    return row


def named_docid(store: Store, root: Path, text: str) -> str | None:
    """The docid of the article that a search for a text means: its docid, its address, or its file's path.

    :return: None if the text is a query
    :raises QueryError: it is an address, of no article that the archive knows
    """
    text = text.strip()
    # Docids and addresses have no Chinese characters. Six digits may be a docid too, and are a stock.
    if not (text.isascii() or "/" in text) or (text.isdigit() and len(text) <= _STOCK_DIGITS):
        return None
    if row := find_entry(store, root, text):
        return str(row["docid"])
    if text.lower().startswith(("http://", "https://")):
        raise query_error("unknown-address", text=text)
    return None


def refuse_forgotten(store: Store, docid: str) -> None:
    """Say when and why an article was removed.

    :raises CommandError: it was
    """
    if found := store.forgotten.find(docid):
        at, reason = found
        raise CommandError(f"{docid} was removed from the archive on {at:%Y-%m-%d}: {reason}")


def article_html(store: Store, root: Path, ident: str, as_of: datetime | None = None) -> str | None:
    """The newest version of an article as an HTML page; its pictures are files of the archive.

    The arguments are those of :func:`find_article`. With ``as_of``, pictures that were stored later are omitted.

    :return: None if the archive has no version of the article, or had no version at that time
    :raises ArchiveError: the version's file cannot be read
    """
    row = find_entry(store, root, ident)
    all_revisions = store.articles.revisions(row["docid"]) if row else []
    revisions = [each for each in all_revisions if as_of is None or each.fetched_at <= as_of]
    if not revisions:
        return None
    from archive.export.html import render_view  # noqa: PLC0415 - the JSON and the text need no parser
    from archive.files.post import html_of  # noqa: PLC0415

    newest = revisions[-1]
    path = root / revision_path(newest.path, newest.number, all_revisions[-1].number)
    try:
        body = html_of(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}; finarchive verify --repair may restore it") from error

    def local_address(url: str) -> str | None:
        stored = store.images.path_of(url, as_of)
        return (root.absolute() / stored).as_uri() if stored and (root / stored).is_file() else None

    return render_view(newest, body, local_address)


def _as_of(store: Store, root: Path, row: dict[str, Any], time: datetime) -> dict[str, Any] | None:
    document = store.history.as_of(row["docid"], time)
    if document is None:
        return None
    revisions = document["revisions"]
    document |= {
        "revisions": [plain(asdict(revision), exact=True) for revision in revisions],
        "unlisted": store.unlisted.absences(row["docid"], time),
        "same_story": store.history.same_story(row["docid"], time),
        "text": None,
    }
    if revisions:
        newest = revisions[-1]
        path = revision_path(newest.path, newest.number, row["revision"])
        _add_text(document, store, newest, root / path)
    return document


def _add_text(document: dict[str, Any], store: Store, revision: Revision, path: Path) -> None:
    """Add the text that ``search`` searches; the file has more of the page, and is read only if there is no other."""
    document["text"] = store.articles.text(revision.docid, revision.number)
    if document["text"] is not None:
        return
    from archive.files.post import html_of  # noqa: PLC0415 - as above
    from crawler.extract.body import article_text  # noqa: PLC0415

    try:
        document["text"] = article_text(html_of(path.read_bytes()))
    except (OSError, ValueError) as error:
        document["failure"] = f"its file cannot be read: {error}"


def _path_in_archive(root: Path, ident: str) -> str:
    try:
        return Path(ident).absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return ident
