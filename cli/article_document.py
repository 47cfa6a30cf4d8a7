"""One article for ``show``: as a JSON document, and as an HTML page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.files.layout import revision_path
from archive.model.article import Revision
from archive.model.errors import ArchiveError
from archive.query.messages import query_error
from archive.records import as_dict
from archive.union.lookup import archives_beside
from cli.context import CommandError
from scheduler.monitoring.reports import plain

if TYPE_CHECKING:
    from archive.store import Store
    from archive.union.store import AnyStore

_STOCK_DIGITS = 6  # of the number of a stock, at most
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def find_article(store: AnyStore, ident: str, as_of: datetime | None = None) -> dict[str, Any] | None:
    """The metadata of an article, and the text of its newest version: the document of ``show --json``.

    :param ident: the article's docid, its address, or the path of its file, relative to the archive's root or the
        current folder
    :param as_of: use only what was known at this time; None for what is known now
    :return: None if the archive does not know the article, or did not know it at that time
    :raises CommandError: it was removed on request
    """
    found = find_entry(store, ident)
    if found is None:
        return None
    own, row = found
    refuse_forgotten(own, row["docid"])
    document = _as_of(store, own, row, as_of) if as_of else _now(store, own, row)
    if document and own.prefix:
        document["archives"] = [own.prefix[:-1], *archives_beside(store, own, row["docid"], as_of or _END_OF_TIME)]
    return document


def _now(store: AnyStore, own: Store, row: dict[str, Any]) -> dict[str, Any]:
    history, revisions = own.history.as_of(row["docid"], _END_OF_TIME) or {}, own.articles.revisions(row["docid"])
    document: dict[str, Any] = {
        "docid": row["docid"],
        "title": revisions[-1].title if revisions else row["title"],
        "path": row["path"] and own.prefix + row["path"],
        "url": row["url"],
        "published": row["published"],
        "media": row["media"],
        "feeds": own.history.feeds(row["docid"], _END_OF_TIME),
        "status": row["status"],
        **{key: row[key] for key in ("attempts", "failure", "first_seen")},
        "revisions": [plain(as_dict(revision), exact=True) for revision in revisions],
        "gone": history.get("gone"),
        "moved": history.get("moved"),
        "unlisted": own.unlisted.absences(row["docid"]),
        "facts": history.get("facts"),
        "facts_changes": history.get("facts_changes", []),
        "observations": history.get("observations", []),
        "same_story": store.history.same_story(row["docid"], _END_OF_TIME),
        "text": None,
    }
    if revisions:
        _add_text(document, own, revisions[-1], own.root / row["path"])
    return document


def with_names(document: dict[str, Any], store: AnyStore, as_of: datetime | None = None) -> dict[str, Any]:
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


def find_entry(store: AnyStore, ident: str) -> tuple[Store, dict[str, Any]] | None:
    """The store that has an article, and its row in the index; None if there is none.

    :param ident: as in :func:`find_article`
    """
    row = next(filter(None, (_find_row(each, ident) for each in store.stores)), None)
    if row is None:
        return None
    own = store.of(row["docid"])
    return own, own.articles.find(row["docid"]) or row


def _find_row(store: Store, ident: str) -> dict[str, Any] | None:
    path = _path_in_archive(store.root, ident).removeprefix(store.prefix)
    row = store.articles.find(ident) or store.articles.find(path)
    if row is None and ("/" in ident or "." in ident):
        from crawler.urls import possible_docids  # noqa: PLC0415 - docids are the rule

        row = next(filter(None, map(store.articles.find, possible_docids(ident))), None)
    return row


def named_docid(store: AnyStore, text: str) -> str | None:
    """The docid of the article that a search for a text means: its docid, its address, or its file's path.

    :return: None if the text is a query
    :raises QueryError: it is an address, of no article that the archive knows
    """
    text = text.strip()
    # Docids and addresses have no Chinese characters. Six digits may be a docid too, and are a stock.
    if not (text.isascii() or "/" in text) or (text.isdigit() and len(text) <= _STOCK_DIGITS):
        return None
    if found := find_entry(store, text):
        return str(found[1]["docid"])
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


def article_html(store: AnyStore, ident: str, as_of: datetime | None = None) -> str | None:
    """The newest version of an article as an HTML page; its pictures are files of the archive.

    The arguments are those of :func:`find_article`. With ``as_of``, pictures that were stored later are omitted.

    :return: None if the archive has no version of the article, or had no version at that time
    :raises ArchiveError: the version's file cannot be read
    """
    found = find_entry(store, ident)
    if found is None:
        return None
    own, row = found
    root, all_revisions = own.root, own.articles.revisions(row["docid"])
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
        stored = own.images.path_of(url, as_of)
        return (root.absolute() / stored).as_uri() if stored and (root / stored).is_file() else None

    return render_view(newest, body, local_address)


def _as_of(store: AnyStore, own: Store, row: dict[str, Any], time: datetime) -> dict[str, Any] | None:
    document = own.history.as_of(row["docid"], time)
    if document is None:
        return None
    revisions = document["revisions"]
    document |= {
        "path": document["path"] and own.prefix + document["path"],
        "revisions": [plain(as_dict(revision), exact=True) for revision in revisions],
        "unlisted": own.unlisted.absences(row["docid"], time),
        "same_story": store.history.same_story(row["docid"], time),
        "text": None,
    }
    if revisions:
        newest = revisions[-1]
        path = revision_path(newest.path, newest.number, row["revision"])
        _add_text(document, own, newest, own.root / path)
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
