"""What all records have in common: they are structs of msgspec."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct, to_builtins


def as_dict(record: Struct) -> dict[str, Any]:
    """Return the fields of a record by name. Records in them become dicts too; times stay what they are."""
    fields: dict[str, Any] = to_builtins(record, builtin_types=(date, datetime, timedelta))
    return fields
