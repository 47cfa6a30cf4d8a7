"""Export as JSON Lines: one object a line, UTF-8. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from archive.model.results import Record


def to_jsonl(records: Iterable[Record]) -> Iterator[bytes]:
    """Write one line for each record: times are ISO 8601 in UTC with milliseconds, a missing value is null."""
    for record in records:
        yield (json.dumps(asdict(record), ensure_ascii=False, default=_json_value) + "\n").encode()


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(value)
