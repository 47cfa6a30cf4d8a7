"""An Atom 1.0 feed (RFC 4287) with whole texts. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from archive.export.formats import Export
from archive.export.html import cleaned
from archive.files.post import body_of
from archive.model.results import Record

# A reader asks for the whole feed at each visit: a hundred texts are half a megabyte, and several hours of one list.
NEWEST = 100
# The feed's own time is that of its newest version, and stands before the first entry: all are in memory.
MOST = 1_000
_SUMMARY = 200  # characters of the text
# What XML 1.0 has no way to write.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Ids are drawn from names below this one; it must never change, or every reader shows every article again.
_NAMES = uuid.UUID("2f6c1f0e-8a1d-5d0e-9a53-6b7a1c3f5e21")


def to_atom(export: Export) -> Iterator[bytes]:
    """A feed of articles, the newest first.

    An entry's id is that of the article, whatever its address becomes; ``updated`` is when the version was observed.
    The content is its HTML with only what may stay; where its file is not as recorded, its plain text.
    """
    records = list(export.records)[::-1]
    updated = max((record.observed for record in records), default=export.at)
    head = tostring(_feed(export.asked, updated), "utf-8", xml_declaration=True)
    yield head.removesuffix(b"</feed>")
    for record in records:
        archived = export.archived(record)
        yield tostring(_entry(record, archived.data if archived else None), "utf-8") + b"\n"
    yield b"</feed>\n"


def _feed(asked: str, updated: datetime) -> Element:
    feed = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
    _add(feed, "title", f"finarchive: {asked}" if asked else "finarchive")
    _add(feed, "id", _id(f"feed {asked}"))
    _add(feed, "updated", _time(updated))
    # Every entry needs an author; of whom no medium is named, it is this one.
    _add(SubElement(feed, "author"), "name", "finarchive")
    _add(feed, "generator", "finarchive")
    return feed


def _entry(record: Record, data: bytes | None) -> Element:
    entry = Element("entry")
    _add(entry, "title", record.title)
    _add(entry, "id", _id(f"article {record.docid}"))
    if _leads_to_the_web(record.url):
        SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": _spoken(record.url)})
    _add(entry, "published", _time(record.published))
    _add(entry, "updated", _time(record.observed))
    if record.media:
        _add(SubElement(entry, "author"), "name", record.media)
    terms = [f"feed:{feed}" for feed in record.feeds] + [f"symbol:{symbol}" for symbol in record.symbols]
    for term in (*terms, *record.keywords):
        SubElement(entry, "category", {"term": _spoken(term)})
    _add(entry, "summary", _shortened(record.text or ""))
    if data is None:
        _add(entry, "content", record.text or "")
    else:
        content = cleaned(body_of(data), lambda url: url if _leads_to_the_web(url) else None)
        _add(entry, "content", content).set("type", "html")
    return entry


def _add(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = _spoken(text)
    return child


def _spoken(text: str) -> str:
    return _UNSPEAKABLE.sub("", text)


def _id(name: str) -> str:
    return uuid.uuid5(_NAMES, name).urn


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SUMMARY else line[:_SUMMARY] + "…"


def _leads_to_the_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))
