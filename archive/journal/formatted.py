"""The journal document of `rebuild --as-configured`: with which settings all earlier fetches are written. Pure."""

from __future__ import annotations

from typing import Any

from archive.journal.document_values import array, checked, flag, text, texts
from archive.journal.documents import Document
from archive.model.feed import Filing
from archive.model.formatting import Formatting

_BODIES = ("faithful", "clean", "markdown")


def dump_formatted(formatting: Formatting) -> Document:
    """Return settings as a document."""
    return {
        "profile": formatting.profile,
        "body": formatting.body,
        "filings": {
            feed: {"categories": list(filing.categories), "author": filing.author}
            for feed, filing in formatting.filings.items()
        },
        **({"local_images": True} if formatting.local_images else {}),
    }


@checked
def load_formatted(document: Any) -> Formatting:
    """Return the settings of a document.

    :raises ValueError: the document is not valid
    """
    if document["body"] not in _BODIES:
        raise ValueError(f"{str(document['body'])[:40]!r} is no body")
    return Formatting(
        text(document["profile"]),
        document["body"],
        {
            text(feed): Filing(texts(array(filing["categories"])), text(filing["author"]))
            for feed, filing in document["filings"].items()
        },
        flag(document.get("local_images", False)),
    )
