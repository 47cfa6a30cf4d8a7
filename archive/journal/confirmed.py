"""The journal document of a fetch whose page was removed, because it only confirmed a version. Pure. See D210."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from archive.journal.document_values import (
    array,
    checked,
    dump_time,
    number,
    optional_moment,
    optional_text,
    text,
    texts,
)
from archive.journal.documents import Document, dump_fetch, load_fetch
from archive.model.article import PageFacts
from archive.model.fetch import Confirmation, Fetch


def dump_confirmed(fetch: Fetch, confirmation: Confirmation) -> Document:
    """Return a fetch as a document, with what stays of its page."""
    page = confirmation.page
    return {
        "look": dump_fetch(fetch),
        "status": confirmation.status,
        "digest": confirmation.digest,
        "page": {
            "title": page.title,
            "published": page.published and dump_time(page.published),
            "updated": page.updated and dump_time(page.updated),
            "media": page.media,
            "keywords": None if page.keywords is None else list(page.keywords),
            "symbols": None if page.symbols is None else list(page.symbols),
        },
        "symbols": list(confirmation.symbols),
    }


@checked
def load_confirmed(document: Any) -> Fetch:
    """Return the fetch of a document, with what stays of its page.

    :raises ValueError: the document is not valid
    """
    page = document["page"]
    facts = PageFacts(
        optional_text(page["title"]),
        optional_moment(page["published"]),
        optional_moment(page["updated"]),
        optional_text(page["media"]),
        None if page["keywords"] is None else texts(array(page["keywords"])),
        None if page["symbols"] is None else texts(array(page["symbols"])),
    )
    confirmation = Confirmation(
        number(document["status"]), text(document["digest"]), facts, texts(array(document["symbols"]))
    )
    return replace(load_fetch(document["look"]), confirmed=confirmation)
