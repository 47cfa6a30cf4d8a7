"""Records to JSON and back. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def dump(record: object) -> Any:
    """A record of ours as a document that JSON can hold: times in ISO 8601, spans as ISO 8601 durations."""
    kind: Any = type(record)
    return _adapter(kind).dump_python(record, mode="json")


def load(kind: type[T], document: Any) -> T:
    """The reverse of :func:`dump`.

    :param kind: of record
    :raises ValueError: the document does not hold one
    """
    sought: Any = kind
    found: T = _adapter(sought).validate_python(document)
    return found


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
