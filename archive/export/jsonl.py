"""JSON Lines: an object a line, UTF-8. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from archive.model.results import Record


def to_jsonl(records: Iterable[Record]) -> Iterator[bytes]:
    """A line for each record; times are ISO 8601 in UTC with milliseconds, null is what the site did not say."""
    for record in records:
        yield (json.dumps(asdict(record), ensure_ascii=False, default=_plain) + "\n").encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(value)
