"""Meaning of HTTP statuses. Pure, and free of Scrapy."""

from __future__ import annotations

from archive.model.feed import Failure, FailureKind
from archive.model.secrets import mask_secrets
from crawler.http.backoff import REFUSALS

_GONE = frozenset({404, 410, 451})


def of_status(status: int, subject: str, location: str = "") -> Failure | None:
    """Return the failure that a response's status means; None for a success.

    :param subject: the docid, feed id or URL that the request was for
    :param location: the Location header, of a redirect that was not followed
    """
    if status in REFUSALS:
        return Failure(subject, FailureKind.BLOCKED, f"status {status}: the host refuses requests")
    if status in _GONE:
        return Failure(subject, FailureKind.GONE, f"status {status}: no such page")
    if 300 <= status < 400:
        return Failure(
            subject, FailureKind.UNREADABLE, f"status {status}: a redirect to {one_line(location)[:200] or 'nowhere'}"
        )
    if not 200 <= status < 300:
        return Failure(subject, FailureKind.TEMPORARY, f"status {status}")
    if status != 200:  # 204 No Content, 206 Partial Content: no page that could be filed
        return Failure(subject, FailureKind.UNREADABLE, f"status {status}: no page")
    return None


def one_line(text: str) -> str:
    """Make foreign text safe for a message.

    :return: one line of at most 300 characters, without terminal control codes and secrets of addresses
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(mask_secrets(printable).split())[:300]
