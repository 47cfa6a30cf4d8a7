"""What all records have in common: they are structs of msgspec."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


def as_dict(record: Struct) -> dict[str, Any]:
    """Return the fields of a record by name. Records in them, also in lists, tuples and dicts, become dicts too."""
    return {name: _converted(getattr(record, name)) for name in record.__struct_fields__}


def _converted(value: Any) -> Any:
    match value:
        case Struct():
            return as_dict(value)
        case list() | tuple():
            return type(value)(map(_converted, value))
        case dict():
            return {key: _converted(each) for key, each in value.items()}
    return value
