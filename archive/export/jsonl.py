"""Export as JSON Lines: one object a line, UTF-8. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import attrgetter

from archive.export.formats import Table

# Only strings contain them.
_ESCAPED = {each: f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}


def to_jsonl(table: Table) -> Iterator[bytes]:
    """Write one line for each row: times are ISO 8601 in UTC with milliseconds, a missing value is null.

    Characters that some programs take for the end of a line are escaped: the line separators of Unicode.
    """
    names = table.columns.__struct_fields__
    values = attrgetter(*names)
    for row in table.rows:
        line = json.dumps(dict(zip(names, values(row), strict=True)), ensure_ascii=False, default=_json_value)
        for character, escaped in _ESCAPED.items():
            line = line.replace(character, escaped)
        yield (line + "\n").encode()


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    raise TypeError(value)
