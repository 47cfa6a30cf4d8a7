"""Map rows of the index to records, and records to rows. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from archive.index.statements import Row, to_json
from archive.model.article import ArticleImage, PageFacts, Revision, TextSource
from archive.model.feed import (
    ArrivalRate,
    Counts,
    Entry,
    FailureKind,
    FeedHistory,
    Filing,
    HostBackoff,
    Lateness,
    PendingEntry,
    Span,
    Validators,
)
from archive.model.feed_values import Enclosure, Precision
from archive.model.fetch import ArticleState, JournalPosition, Observation, Outcome
from archive.model.symbols import symbols_of
from archive.model.times import to_text, to_time


def entry_row(entry: Entry, feed: str, host: str, first_seen: datetime) -> dict[str, Any]:
    """Return a new row of ``entries``.

    :param feed: the feed whose listing named the entry first
    """
    return {
        "docid": entry.docid,
        "url": entry.url,
        "host": host,
        "title": entry.title,
        "published": to_text(entry.published),
        "modified": to_text(entry.modified),
        "entered": to_text(entry.entered),
        "media": entry.media,
        "image": entry.image,
        "keywords": to_json(entry.keywords, ascii_only=False),
        "lids": to_json(entry.lids),
        "content": entry.content,
        "symbols": to_json(symbols_of(entry.symbols)),
        "withdrawn": int(entry.withdrawn),
        "foreign_site": int(entry.foreign),
        "carrier": feed if (entry.content, entry.listed_text) != (None, None) else None,
        "first_seen": to_text(first_seen),
        "due": to_text(first_seen),
        "listed_text": entry.listed_text,
        "is_excerpt": int(entry.is_excerpt),
        "guid": entry.guid,
        "link": entry.link,
        "stock_names": to_json(entry.stock_names, ascii_only=False),
        **_feed_columns(entry),
    }


def _feed_columns(source: Entry | Revision) -> dict[str, Any]:
    """Return the columns that ``entries`` and ``revisions`` have for feeds of other sites."""
    enclosures = [{"url": each.url, "type": each.media_type} for each in source.enclosures]
    return {
        "authors": to_json(source.authors, ascii_only=False),
        "enclosures": to_json(enclosures, ascii_only=False),
        "published_text": source.published_text,
        "precision": source.precision,
        "published_note": source.published_note,
    }


def _feed_fields(row: Row) -> dict[str, Any]:
    return {
        "authors": tuple(json.loads(row["authors"])),
        "enclosures": tuple(Enclosure(each["url"], each["type"]) for each in json.loads(row["enclosures"])),
        "published_text": row["published_text"],
        "precision": Precision(row["precision"]),
        "published_note": row["published_note"],
    }


def pending(row: Row) -> PendingEntry:
    """Map a row of ``entries``, with ``feeds`` as a JSON list and title and mtime as in the last change."""
    entry = Entry(
        docid=row["docid"],
        url=row["url"],
        title=row["title"],
        published=to_time(row["published"]),
        modified=to_time(row["modified"]),
        entered=to_time(row["entered"]),
        media=row["media"],
        image=row["image"],
        keywords=tuple(json.loads(row["keywords"])),
        lids=tuple(json.loads(row["lids"])),
        content=row["content"],
        symbols=tuple(json.loads(row["symbols"])),
        withdrawn=bool(row["withdrawn"]),
        foreign=bool(row["foreign_site"]),
        listed_text=row["listed_text"],
        is_excerpt=bool(row["is_excerpt"]),
        guid=row["guid"],
        link=row["link"],
        stock_names=tuple((symbol, name) for symbol, name in json.loads(row["stock_names"])),
        **_feed_fields(row),
    )
    return PendingEntry(
        entry,
        row["host"],
        tuple(json.loads(row["feeds"])),
        row["attempts"],
        datetime.fromisoformat(row["first_seen"]),
        row["path"],
        row["revision"],
    )


def revision(row: Row) -> Revision:
    """Map a row of ``revisions``."""
    return Revision(
        docid=row["docid"],
        number=row["number"],
        path=row["path"],
        sha256=row["sha256"],
        title=row["title"],
        published=datetime.fromisoformat(row["published"]),
        fetched_at=datetime.fromisoformat(row["fetched_at"]),
        url=row["url"] or "",
        modified=to_time(row["modified"]),
        updated=to_time(row["updated"]),
        media=row["media"],
        keywords=tuple(json.loads(row["keywords"])),
        symbols=tuple(json.loads(row["symbols"])),
        editor=row["editor"],
        original_title=row["original_title"],
        pictures=tuple(ArticleImage(picture["url"], picture["caption"]) for picture in json.loads(row["pictures"])),
        fingerprint=row["fingerprint"] or "",
        story=row["story"] or "",
        sealed=row["sealed"],
        text_from=TextSource(row["text_from"]),
        text_note=row["text_note"],
        raw_title=row["raw_title"],
        written_with=row["written_with"],
        **_feed_fields(row),
    )


def article_state(row: Row) -> ArticleState:
    """Map a row of :data:`archive.index.statements.SELECT_STATES`."""
    archived_at = datetime.fromisoformat(row["archived_at"])
    newest = revision(row)
    if row["facts_step"]:
        newest = replace(
            newest,
            updated=to_time(row["facts_updated"]),
            media=row["facts_media"],
            keywords=tuple(json.loads(row["facts_keywords"])),
            symbols=tuple(json.loads(row["facts_symbols"])),
        )
    return ArticleState(
        newest,
        archived_at,
        row["text"],
        row["attempts"],
        to_time(row["gone"]),
        row["idle"],
        to_time(row["recheck"]),
        None if row["listed_title"] is None else _stated(row),
        row["listed_title"] or "",
        row["facts_step"] or 0,
    )


def _stated(row: Row) -> PageFacts:
    keywords, symbols = row["stated_keywords"], row["stated_symbols"]
    return PageFacts(
        row["stated_title"],
        to_time(row["stated_published"]),
        to_time(row["stated_updated"]),
        row["stated_media"],
        None if keywords is None else tuple(json.loads(keywords)),
        None if symbols is None else tuple(json.loads(symbols)),
    )


def observation(row: Row) -> Observation:
    """Map a row of ``observations``."""
    return Observation(
        docid=row["docid"],
        at=datetime.fromisoformat(row["at"]),
        outcome=Outcome(row["outcome"]),
        revision=row["revision"],
        evidence=row["evidence"],
        returned=bool(row["returned"]),
        status=row["status"],
        position=JournalPosition(row["file"], row["offset"]) if row["file"] is not None else None,
        digest=row["digest"],
    )


def feed_history(row: Row) -> FeedHistory:
    """Map a row of ``feeds``."""
    return FeedHistory(
        feed=row["id"],
        filing=Filing(tuple(json.loads(row["categories"])), row["author"]),
        last_poll=to_time(row["last_poll"]),
        last_success=to_time(row["last_success"]),
        newest=to_time(row["newest"]),
        error=row["error"],
        kind=FailureKind(row["error_kind"]) if row["error_kind"] else None,
        complete_to=to_time(row["complete_to"]),
        failing_since=to_time(row["failing_since"]),
        trouble=row["trouble"],
        oldest_available=to_time(row["floor"]),
        validators=Validators(row["etag"], row["last_modified"]) if row["etag"] or row["last_modified"] else None,
        swept=to_time(row["swept"]),
        moved_to=row["moved_to"],
    )


def backoff(row: Row) -> HostBackoff:
    """Map a row of ``rests``."""
    return HostBackoff(
        row["host"],
        datetime.fromisoformat(row["until"]),
        row["strikes"],
        bool(row["stated"]),
        row["reason"],
        FailureKind(row["kind"]),
    )


def span(row: Row) -> Span:
    """Map a row of ``spans``, or of another table with a start and an end."""
    return Span(datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"]))


def arrival_rate(row: Row) -> ArrivalRate:
    """Map a row of ``rhythms``."""
    return ArrivalRate(tuple(json.loads(row["seconds"])), tuple(json.loads(row["arrivals"])), to_time(row["until"]))


def lateness(row: Row) -> Lateness:
    """Map a row of ``lateness``."""
    return Lateness(tuple(json.loads(row["counts"])), to_time(row["until"]))


def counts(row: Row) -> Counts:
    """Map a row with the numbers of all, pending, parked and forgotten entries."""
    entries, pending, parked = row["entries"] - row["forgotten"], row["pending"], row["parked"]
    return Counts(entries, entries - pending - parked, pending, parked)


def revision_row(revision: Revision) -> dict[str, Any]:
    """Return a new row of ``revisions``."""
    return {
        "docid": revision.docid,
        "number": revision.number,
        "path": revision.path,
        "sha256": revision.sha256,
        "published": to_text(revision.published),
        "fetched_at": to_text(revision.fetched_at),
        "title": revision.title,
        "modified": to_text(revision.modified),
        "fingerprint": revision.fingerprint,
        "story": revision.story or None,
        "sealed": revision.sealed,
        "text_from": revision.text_from,
        "text_note": revision.text_note,
        "raw_title": revision.raw_title,
        "written_with": revision.written_with,
        **_feed_columns(revision),
        **facts_row(revision),
    }


def facts_row(source: Any) -> dict[str, Any]:
    """Return the columns of ``revisions`` with facts from the page, of an Article or a Revision."""
    return {
        "url": source.url,
        "updated": to_text(source.updated),
        "media": source.media,
        "keywords": to_json(source.keywords, ascii_only=False),
        "symbols": to_json(source.symbols),
        "pictures": to_json(
            [{"url": each.url, "caption": each.caption} for each in source.pictures], ascii_only=False
        ),
        "editor": source.editor,
        "original_title": source.original_title,
    }
