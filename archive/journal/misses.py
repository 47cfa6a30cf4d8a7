"""Journal documents of misses: a broad list turned out not to contain another one. Pure."""

from __future__ import annotations

from typing import Any

from archive.journal.document_values import checked, text
from archive.journal.documents import Document
from archive.model.feed import Miss, MissKind


def dump_missed(miss: Miss) -> Document:
    """Return a miss as a document."""
    return {"feed": miss.feed, "broad": miss.broad, "docid": miss.docid, "kind": miss.kind}


@checked
def load_missed(document: Any) -> Miss:
    """Return the miss of a "missed" document.

    :raises ValueError: the document is not valid
    """
    feed, broad, docid = (text(document[key]) for key in ("feed", "broad", "docid"))
    return Miss(feed, broad, docid, MissKind(text(document["kind"])))
