"""Times as the index and JSON documents have them: ISO 8601, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@lru_cache(maxsize=256)  # a row's times are often each other's, and a poll's those of all its entries
def to_text(time: datetime | None) -> str | None:
    """A time as the index has it: fixed width, so that text sorts as time does."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds") if time else None


def to_time(text: str | None) -> datetime | None:
    """The reverse of :func:`to_text`."""
    return datetime.fromisoformat(text) if text else None
