"""Times as the index and JSON documents write them: ISO 8601, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)  # the times of a row are often equal, and so are those of all entries of a poll
def to_text(time: datetime | None) -> str | None:
    """Return an aware time as text of fixed width, so that text sorts as time does; None for None."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds") if time else None


def to_time(text: str | None) -> datetime | None:
    """Return the time that :func:`to_text` wrote; None for None and ""."""
    return datetime.fromisoformat(text) if text else None
