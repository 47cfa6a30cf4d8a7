"""An XML parser for foreign documents: no entities, no external documents, few levels. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from crawler.errors import ListingError

MAX_LEVELS = 100  # sitemaps have five, folders of feeds in OPML a few


def parse_xml(text: str) -> Element:
    """Return the root element of a document. Names of elements keep their prefixes, declared or not.

    :raises ListingError: the document is not well formed, declares entities, or has too many levels
    """
    builder = TreeBuilder()
    level = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal level
        level += 1
        if level > MAX_LEVELS:
            raise ListingError(f"the XML has more than {MAX_LEVELS} levels")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal level
        level -= 1
        builder.end(name)

    def refuse_entity(*_: object) -> None:
        raise ListingError("the XML declares entities")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse_entity
    parser.buffer_text = True
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
        root: Element = builder.close()
    except expat.ExpatError as error:
        raise ListingError(f"the XML is not well formed: {error}") from error
    except AssertionError as error:  # of the builder: no element, or one that does not end
        raise ListingError(f"the XML is not well formed: {error}") from error
    return root


def local_name(element: Element) -> str:
    """Return the name of an element without its prefix, in lower case."""
    return element.tag.rpartition(":")[2].lower()


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield the children of an element with a name, whatever their prefix."""
    return (child for child in element if local_name(child) == name)


def text_of(element: Element | None, *path: str) -> str:
    """Return the text of an element, or of its first descendant on a path of names; "" if there is none."""
    for name in path:
        element = next(children(element, name), None) if element is not None else None
    return "".join(element.itertext()).strip() if element is not None else ""
