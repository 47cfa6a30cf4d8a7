"""Tombstones: journal documents that say what was removed. Pure. See D184 and D238."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from archive.journal.document_values import array, checked, dump_time, moment, number, optional_text, text, texts
from archive.journal.documents import Document


class Rewrite(Struct, frozen=True):
    """A tombstone: what was removed from a journal file."""

    file: str  # its name
    before: str  # sha256 of the file that was replaced, hex
    after: str  # sha256 of the file that replaced it
    records: int  # that were changed
    headers: Mapping[str, int]  # name in lower case -> number of values that were removed
    at: datetime  # aware


def dump_rewritten(rewrite: Rewrite) -> Document:
    """Return a tombstone as a document."""
    return {
        "file": rewrite.file,
        "before": rewrite.before,
        "after": rewrite.after,
        "records": rewrite.records,
        "headers": dict(rewrite.headers),
        "at": dump_time(rewrite.at),
    }


@checked
def load_rewritten(document: Any) -> Rewrite:
    """Return the tombstone of a "rewritten" document.

    :raises ValueError: the document is not valid
    """
    headers = {text(name): number(count) for name, count in document["headers"].items()}
    return Rewrite(
        text(document["file"]),
        text(document["before"]),
        text(document["after"]),
        number(document["records"]),
        headers,
        moment(document["at"]),
    )


class ForgottenVersion(Struct, frozen=True):
    """A version of a forgotten article."""

    number: int
    sha256: str  # of its file, hex
    at: datetime  # when it was observed; aware


class ForgottenImage(Struct, frozen=True):
    """An image that only a forgotten article had."""

    url: str
    sha256: str | None  # of its file, hex; None: it was never stored
    media_type: str | None


class Forgotten(Struct, frozen=True):
    """A tombstone: an article that was removed on request."""

    docid: str
    at: datetime  # of the request; aware
    reason: str
    versions: tuple[ForgottenVersion, ...]
    images: tuple[ForgottenImage, ...]


def dump_forgotten(articles: Sequence[Forgotten]) -> Document:
    """Return articles that are forgotten as a document."""
    return {
        "articles": [
            {
                "docid": each.docid,
                "at": dump_time(each.at),
                "reason": each.reason,
                "versions": [[one.number, one.sha256, dump_time(one.at)] for one in each.versions],
                "images": [[one.url, one.sha256, one.media_type] for one in each.images],
            }
            for each in articles
        ]
    }


@checked
def load_forgotten(document: Any) -> list[Forgotten]:
    """Return the articles of a "forgotten" document.

    :raises ValueError: the document is not valid
    """
    return [
        Forgotten(
            text(each["docid"]),
            moment(each["at"]),
            text(each["reason"]),
            tuple(ForgottenVersion(number(n), text(sha), moment(at)) for n, sha, at in array(each["versions"])),
            tuple(
                ForgottenImage(text(url), optional_text(sha), optional_text(kind))
                for url, sha, kind in array(each["images"])
            ),
        )
        for each in array(document["articles"])
    ]


def dump_forgetting_done(docids: Sequence[str]) -> Document:
    """Return as a document that nothing of forgotten articles is left."""
    return {"docids": list(docids)}


@checked
def load_forgetting_done(document: Any) -> list[str]:
    """Return the docids of a "forgetting-done" document.

    :raises ValueError: the document is not valid
    """
    return list(texts(document["docids"]))


def dump_removed(docid: str, digest: str | None) -> Document:
    """Return what stands in the place of a fetch of a forgotten article.

    :param digest: of the body that was removed
    """
    return {"docid": docid, "digest": digest}


@checked
def load_removed(document: Any) -> tuple[str, str | None]:
    """Return the docid and the digest of a "removed" document.

    :raises ValueError: the document is not valid
    """
    return text(document["docid"]), optional_text(document["digest"])
