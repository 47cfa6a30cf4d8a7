"""Export as JSON Lines: one object a line, UTF-8. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from archive.export.formats import Table


def to_jsonl(table: Table) -> Iterator[bytes]:
    """Write one line for each row: times are ISO 8601 in UTC with milliseconds, a missing value is null."""
    for row in table.rows:
        yield (json.dumps(asdict(row), ensure_ascii=False, default=_json_value) + "\n").encode()


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(value)
