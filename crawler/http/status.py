"""What an HTTP status means for who wanted a page. Pure."""

from __future__ import annotations

from archive.model.feed import Failure, FailureKind
from crawler.http.backoff import REFUSALS

_GONE = frozenset({404, 410, 451})


def of_status(status: int, subject: str, location: str = "") -> Failure | None:
    """The failure that an answer's status means; None for a success.

    :param location: the Location header, of a redirect that was not followed
    """
    if status in REFUSALS:
        return Failure(subject, FailureKind.BLOCKED, f"status {status}: the host wants rest")
    if status in _GONE:
        return Failure(subject, FailureKind.GONE, f"status {status}: no such page")
    if 300 <= status < 400:
        return Failure(
            subject, FailureKind.UNREADABLE, f"status {status}: a redirect to {one_line(location)[:200] or 'nowhere'}"
        )
    if not 200 <= status < 300:
        return Failure(subject, FailureKind.TEMPORARY, f"status {status}")
    if status != 200:  # 204 No Content, 206 a part: nothing that could be filed
        return Failure(subject, FailureKind.UNREADABLE, f"status {status}: no page")
    return None


def one_line(text: str) -> str:
    """Other people's text as a part of a message: one line, of bounded length, that cannot steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:300]
