"""OPML files, in which feed readers exchange their feeds, read and written. Pure. http://opml.org/spec2.opml"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from crawler.errors import ListingError
from crawler.extract.charset import decode
from crawler.markup.xml_repair import repair_xml
from crawler.markup.xml_tree import children, local_name, parse_xml

# What XML 1.0 does not allow.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROOT = re.compile(r"<((?:[a-zA-Z][\w-]{0,30}:)?opml)(?=[\s>/])", re.IGNORECASE)


class Outline(NamedTuple):
    """An outline that is no folder."""

    title: str  # "" if it has none
    address: str  # of its feed, as stated; "" if it names none
    folders: tuple[str, ...]  # names, outermost first


def read_opml(body: bytes) -> list[Outline]:
    """Return the outlines of an OPML file that are no folders.

    A folder is an outline with outlines in it, a feed is an outline with ``xmlUrl``.

    :raises ListingError: the bytes are not OPML
    """
    root = parse_xml(repair_xml(decode(body), _ROOT))
    if local_name(root) != "opml":
        raise ListingError(f"it is not OPML: its root element is {root.tag[:40]}")
    return [Outline(_title(each), _attribute(each, "xmlurl"), folders) for each, folders in _outlines(root)]


def write_opml(title: str, outlines: Iterable[Outline]) -> bytes:
    """Return an OPML file with feeds in their folders.

    :param title: of the file
    """
    root = Element("opml", version="2.0")
    SubElement(SubElement(root, "head"), "title").text = _xml_text(title)
    body = SubElement(root, "body")
    folders: dict[tuple[str, ...], Element] = {(): body}
    for outline in outlines:
        for depth, name in enumerate(outline.folders, start=1):
            path = outline.folders[:depth]
            if path not in folders:
                folders[path] = SubElement(folders[path[:-1]], "outline", text=_xml_text(name))
        text = _xml_text(outline.title)
        SubElement(
            folders[outline.folders], "outline", type="rss", text=text, title=text, xmlUrl=_xml_text(outline.address)
        )
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode("utf-8", "replace")


def _xml_text(text: str) -> str:
    return _NOT_XML.sub(" ", text)


def _outlines(root: Element) -> Iterator[tuple[Element, tuple[str, ...]]]:
    """Yield the outlines that name a feed or nothing, in their order, and the names of their folders."""
    pending: list[tuple[Element, tuple[str, ...]]]
    pending = [(each, ()) for body in children(root, "body") for each in reversed(list(children(body, "outline")))]
    while pending:
        outline, folders = pending.pop()
        inner = list(children(outline, "outline"))
        if _attribute(outline, "xmlurl") or not inner:
            yield outline, folders
        name = _title(outline)
        below = (*folders, name) if name and inner else folders
        pending += [(each, below) for each in reversed(inner)]


def _title(outline: Element) -> str:
    return _attribute(outline, "title") or _attribute(outline, "text")


def _attribute(outline: Element, name: str) -> str:
    """Return an attribute by its name in lower case: programs write xmlUrl in several ways."""
    return next((" ".join(value.split()) for key, value in outline.attrib.items() if key.lower() == name), "")
