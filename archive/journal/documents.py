"""Records in journal documents, version 1: the explicit mapping between records and JSON. Pure.

The keys are literals of this module. They do not follow the names of Python fields, so that a renamed field cannot
change the format. Times are ISO 8601 with "Z" for UTC, durations are ISO 8601 too, enums are stored by value.
Keys that were added to version 1 over time are optional when a document is loaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from archive.journal.document_values import (
    array,
    checked,
    dump_duration,
    dump_time,
    duration,
    flag,
    moment,
    number,
    numbers,
    optional_moment,
    optional_text,
    text,
    texts,
    time,
)
from archive.model.feed import Entry, Failure, FailureKind, Filing, PendingEntry
from archive.model.feed_values import Enclosure, Precision
from archive.model.fetch import ArchiveRules, Fetch
from archive.model.image import IMAGE_EXTENSIONS, FailedImage, StoredImage

Document = dict[str, Any]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_EMPTY: list[Any] = []  # default of an absent array
_COMMON_KEYS = 14  # of an entry that has only those; one whose content is removed has fewer
_PRECISIONS = {precision.value: precision for precision in Precision}
_FAILURE_KINDS = {kind.value: kind for kind in FailureKind}


def dump_fetch(fetch: Fetch) -> Document:
    """Return a fetch as a document, without its response, which has WARC records of its own."""
    return {
        "at": dump_time(fetch.at),
        "pending": _dump_pending(fetch.pending),
        "feed": fetch.feed,
        "filing": {"categories": list(fetch.filing.categories), "author": fetch.filing.author},
        "rules": dump_rules(fetch.rules),
        "answer": None,
        "failure": fetch.failure and dump_failure(fetch.failure),
        **({"rule": fetch.rule} if fetch.rule > 1 else {}),
    }


@checked
def load_fetch(document: Any) -> Fetch:
    """Return the fetch of a document, without its response.

    :raises ValueError: the document is not valid
    """
    filing, failure = document["filing"], document.get("failure")
    return Fetch(
        moment(document["at"]),
        _load_pending(document["pending"]),
        text(document["feed"]),
        _filing(text(filing["author"]), *array(filing["categories"])),
        _load_rules(document["rules"]),
        None,
        None if failure is None else load_failure(failure),
        number(document.get("rule", 1)),
    )


def _dump_pending(pending: PendingEntry) -> Document:
    return {
        "entry": dump_entry(pending.entry),
        "host": pending.host,
        "feeds": list(pending.feeds),
        "attempts": pending.attempts,
        "first_seen": dump_time(pending.first_seen),
        "path": pending.path,
        "revision": pending.revision,
    }


def _load_pending(document: Any) -> PendingEntry:
    return PendingEntry(
        _load_entry(document["entry"]),
        text(document["host"]),
        texts(document["feeds"]),
        number(document["attempts"]),
        moment(document["first_seen"]),
        _path(document.get("path")),
        number(document.get("revision", 0)),
    )


def _path(value: Any) -> str | None:
    """Return the path of an article; ValueError if it is not inside the folder of the articles."""
    path = optional_text(value)
    if path is not None and (path.startswith(("/", ".")) or "\0" in path or ".." in path.split("/")):
        raise ValueError(f"{path[:80]!r} is not the path of an article")
    return path


def dump_rules(rules: ArchiveRules) -> Document:
    """Return rules as a document."""
    document: Document = {
        "profile": rules.profile,
        "clean": rules.clean,
        "recheck": [dump_duration(age) for age in rules.recheck],
        "least_retry": dump_duration(rules.min_retry_delay),
        "images": rules.images,
    }
    flags = {"markdown": rules.markdown, "local_images": rules.local_images}
    return document | {name: True for name, is_on in flags.items() if is_on}


@checked
def load_rules(document: Any) -> ArchiveRules:
    """Return the rules of a document.

    :raises ValueError: the document is not valid
    """
    return _load_rules(document)


def _load_rules(document: Any) -> ArchiveRules:
    return _rules(
        document["profile"],
        document["clean"],
        document["least_retry"],
        (document.get("images", False), document.get("markdown", False), document.get("local_images", False)),
        *array(document["recheck"]),
    )


# Nearly all fetches of an archive share a few rules and filings.


@lru_cache(maxsize=256, typed=True)
def _rules(profile: Any, clean: Any, min_retry_delay: Any, flags: tuple[Any, ...], *recheck: Any) -> ArchiveRules:
    ages = tuple([duration(age) for age in recheck])
    return ArchiveRules(text(profile), flag(clean), ages, duration(min_retry_delay), *map(flag, flags))


@lru_cache(maxsize=256, typed=True)
def _filing(author: Any, *categories: Any) -> Filing:
    return Filing(texts([*categories]), text(author))


def dump_entry(entry: Entry) -> Document:
    """Return an entry as a document."""
    return {
        "docid": entry.docid,
        "url": entry.url,
        "title": entry.title,
        "published": entry.published and dump_time(entry.published),
        "modified": entry.modified and dump_time(entry.modified),
        "entered": entry.entered and dump_time(entry.entered),
        "media": entry.media,
        "image": entry.image,
        "keywords": list(entry.keywords),
        "lids": list(entry.lids),
        "content": entry.content,
        "symbols": list(entry.symbols),
        "withdrawn": entry.withdrawn,
        "foreign": entry.foreign,
        **_dump_feed_fields(entry),
    }


def identity_of(entry: Document) -> Document:
    """Return of an entry's document what identifies the entry, which is an entry's document too; see D238."""
    return {key: entry[key] for key in ("docid", "url", "guid", "link") if entry.get(key) is not None}


def _dump_feed_fields(entry: Entry) -> Document:
    """Return what few entries have; the keys of what an entry lacks are absent."""
    enclosures = [{"url": each.url, "type": each.media_type} for each in entry.enclosures]
    fields = {
        "listed_text": entry.listed_text,
        "is_excerpt": entry.is_excerpt,
        "authors": list(entry.authors),
        "enclosures": enclosures,
        "guid": entry.guid,
        "link": entry.link,
        "published_text": entry.published_text,
        "precision": None if entry.precision is Precision.TIME else entry.precision.value,
        "published_note": entry.published_note,
        "stock_names": [list(each) for each in entry.stock_names],
    }
    return {name: value for name, value in fields.items() if value not in (None, False, [])}


def _load_entry(document: Any) -> Entry:
    # For speed, a rebuild loads thousands in a second: null is not type-checked, and absent arrays share a default.
    get = document.get
    published, modified, entered = get("published"), get("modified"), get("entered")
    media, image, content = get("media"), get("image"), get("content")
    return Entry(
        text(document["docid"]),
        text(document["url"]),
        text(get("title", "")),
        None if published is None else time(published),
        None if modified is None else time(modified),
        None if entered is None else time(entered),
        None if media is None else text(media),
        None if image is None else text(image),
        texts(get("keywords", _EMPTY)),
        numbers(get("lids", _EMPTY)),
        None if content is None else text(content),
        texts(get("symbols", _EMPTY)),
        flag(get("withdrawn", False)),
        flag(get("foreign", False)),
        *(_load_feed_fields(document) if len(document) != _COMMON_KEYS else ()),
    )


def _load_feed_fields(document: Any) -> tuple[Any, ...]:
    get = document.get
    return (
        optional_text(get("listed_text")),
        flag(get("is_excerpt", False)),
        texts(get("authors", _EMPTY)),
        tuple(Enclosure(text(each["url"]), optional_text(each["type"])) for each in array(get("enclosures", _EMPTY))),
        optional_text(get("guid")),
        optional_text(get("link")),
        optional_text(get("published_text")),
        _PRECISIONS[get("precision", Precision.TIME)],
        optional_text(get("published_note")),
        tuple((text(symbol), text(name)) for symbol, name in array(get("stock_names", _EMPTY))),
    )


@checked
def load_entry(document: Any) -> Entry:
    """Return the entry of a document.

    :raises ValueError: the document is not valid
    """
    return _load_entry(document)


def dump_failure(failure: Failure) -> Document:
    """Return a failure as a document."""
    return {"subject": failure.subject, "kind": failure.kind.value, "reason": failure.reason}


@checked
def load_failure(document: Any) -> Failure:
    """Return the failure of a document.

    :raises ValueError: the document is not valid
    """
    return Failure(text(document["subject"]), _FAILURE_KINDS[document["kind"]], text(document["reason"]))


def dump_stored_image(image: StoredImage) -> Document:
    """Return a stored image as a document."""
    return {
        "url": image.url,
        "at": dump_time(image.at),
        "sha256": image.sha256,
        "media_type": image.media_type,
        "size": image.size,
    }


@checked
def load_stored_image(document: Any) -> StoredImage:
    """Return the stored image of a document.

    :raises ValueError: the document is not valid
    """
    sha256, media_type = text(document["sha256"]), text(document["media_type"])
    if not _SHA256.fullmatch(sha256) or media_type not in IMAGE_EXTENSIONS:  # the path of its file follows from them
        raise ValueError(f"{media_type[:40]!r} {sha256[:80]!r} is no stored image")
    return StoredImage(text(document["url"]), moment(document["at"]), sha256, media_type, number(document["size"]))


def dump_failed_image(image: FailedImage) -> Document:
    """Return a failed image as a document."""
    return {
        "failure": dump_failure(image.failure),
        "at": dump_time(image.at),
        "due": image.due and dump_time(image.due),
    }


@checked
def load_failed_image(document: Any) -> FailedImage:
    """Return the failed image of a document.

    :raises ValueError: the document is not valid
    """
    return FailedImage(load_failure(document["failure"]), moment(document["at"]), optional_moment(document["due"]))
