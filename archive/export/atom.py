"""Export as an Atom 1.0 feed (RFC 4287) with full texts. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from archive.export.formats import Export
from archive.export.html import clean_html
from archive.files.post import body_of
from archive.model.results import ArticleChange, Record
from archive.query.scripts import CHINESE, is_chinese

# Feed readers fetch the whole feed each time: a hundred texts are half a megabyte, and several hours of one list.
DEFAULT_ENTRIES = 100
# All entries are in memory: the feed's update time is that of its newest version, and precedes the first entry.
MAX_ENTRIES = 1_000
_UNKNOWN_LANGUAGE = "und"  # in BCP 47; feeds of other sites have articles in any language
_SUMMARY_LENGTH = 200  # characters of the text
# Characters that XML 1.0 cannot represent.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The namespace of the ids. It must never change: a feed reader would show every article again.
_NAMESPACE = uuid.UUID("2f6c1f0e-8a1d-5d0e-9a53-6b7a1c3f5e21")


class ChangeText(NamedTuple):
    """A change, and what a feed says about it."""

    change: ArticleChange
    kind: str  # its name
    title: str  # of the entry; the article's title is in it
    html: str  # what changed
    url: str  # of a page about it


def to_atom(
    export: Export, own_url: str | None = None, page_of: Callable[[str], str] | None = None
) -> Iterator[bytes]:
    """Write a feed of articles, the newest first, in UTF-8.

    An entry's id depends on the docid alone, so a change of the URL does not matter; ``updated`` is when the version
    was observed. The content is the version's HTML as :func:`clean_html` returns it, or the plain text if the
    version's file differs from its record. Kept images have the links of :class:`Export`, the others their address.

    :param own_url: the feed's address, if it has one
    :param page_of: returns the address of an article's page in the archive, by its docid; the site's page is then a
        second link
    """
    records = list(export.records)[::-1]
    updated = max((record.observed for record in records), default=export.at)
    head = tostring(_feed(export.query, f"feed {export.query}", updated, own_url), "utf-8", xml_declaration=True)
    yield head.removesuffix(b"</feed>")
    for record in records:
        archived = export.archived(record)
        yield tostring(_entry(record, archived.data if archived else None, page_of, export), "utf-8") + b"\n"
    yield b"</feed>\n"


def changes_to_atom(
    changes: Iterable[ChangeText], name: str, updated: datetime, own_url: str, *, language: str, identity: str
) -> bytes:
    """Write a feed of changes, in their order, in UTF-8.

    The ids of entries do not depend on the language, so that a change is one change in the feeds of all languages.

    :param name: of the feed
    :param own_url: the feed's address
    :param language: of all that is said about the changes, as BCP 47 has it; titles and names have their own
    :param identity: what selects the feed's changes; the feed's id depends on it and on the language
    """
    feed = _feed(name, f"changes {language} {identity}", updated, own_url, language)
    for change, kind, title, html, url in changes:
        entry = SubElement(feed, "entry")
        _set_language(_add(entry, "title", title), change.title, language)
        _add(entry, "id", _id(f"change {change.docid} {change.at.isoformat()} {change.kind}"))
        _link(entry, "alternate", url)
        if _is_web_url(change.url):
            _link(entry, "via", change.url)
        _add(entry, "updated", _time(change.at))
        if change.media:
            _set_language(_add(SubElement(entry, "author"), "name", change.media), change.media, language)
        SubElement(entry, "category", {"term": change.kind, "label": kind})
        for term in _terms(change):
            SubElement(entry, "category", {"term": _xml_text(term)})
        _add(entry, "content", html).set("type", "html")
    document: bytes = tostring(feed, "utf-8", xml_declaration=True)
    return document + b"\n"


def _feed(
    name: str, identity: str, updated: datetime, own_url: str | None = None, language: str = CHINESE
) -> Element:
    feed = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": language})
    _add(feed, "title", f"finarchive: {name}" if name else "finarchive")
    _add(feed, "id", _id(identity))
    if own_url:
        _link(feed, "self", own_url, "application/atom+xml")
    _add(feed, "updated", _time(updated))
    # Every entry needs an author; this one applies to entries without a medium.
    _add(SubElement(feed, "author"), "name", "finarchive")
    _add(feed, "generator", "finarchive")
    return feed


def _entry(record: Record, data: bytes | None, page_of: Callable[[str], str] | None, export: Export) -> Element:
    entry = Element("entry")
    _set_language(entry, record.title + (record.text or ""), CHINESE)
    _add(entry, "title", record.title)
    _add(entry, "id", _id(f"article {record.docid}"))
    if page_of:
        _link(entry, "alternate", page_of(record.docid))
    if _is_web_url(record.url):
        _link(entry, "via" if page_of else "alternate", record.url)
    _add(entry, "published", _time(record.published))
    _add(entry, "updated", _time(record.observed))
    if record.media:
        _add(SubElement(entry, "author"), "name", record.media)
    for term in (*_terms(record), *record.keywords):
        SubElement(entry, "category", {"term": _xml_text(term)})
    _add(entry, "summary", _shortened(record.text or ""))
    if data is None:
        _add(entry, "content", record.text or "")
    else:
        content = clean_html(body_of(data), lambda url: export.image_link(url) or (url if _is_web_url(url) else None))
        _add(entry, "content", content).set("type", "html")
    return entry


def _set_language(element: Element, text: str, inherited: str) -> None:
    """Mark an element whose text has another language than the elements around it."""
    language = CHINESE if is_chinese(text) else _UNKNOWN_LANGUAGE
    if language != inherited and any(map(str.isalpha, text)):
        element.set("xml:lang", language)


def _terms(of: Record | ArticleChange) -> list[str]:
    return [f"feed:{feed}" for feed in of.feeds] + [f"symbol:{symbol}" for symbol in of.symbols]


def _link(parent: Element, relation: str, url: str, media_type: str = "text/html") -> None:
    SubElement(parent, "link", {"rel": relation, "type": media_type, "href": _xml_text(url)})


def _add(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = _xml_text(text)
    return child


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("", text)


def _id(name: str) -> str:
    return uuid.uuid5(_NAMESPACE, name).urn


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SUMMARY_LENGTH else line[:_SUMMARY_LENGTH] + "…"


def _is_web_url(url: str) -> bool:
    return url.startswith(("http://", "https://"))
