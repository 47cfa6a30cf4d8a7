"""Pickles records as their field values: twice as fast as the default, for what goes to parser processes and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from typing import Any


def pickle_by_fields(*kinds: type) -> None:
    """Pickle records of these classes as their field values. Each class has more than one field."""
    for kind in kinds:
        ForkingPickler.register(kind, partial(_reduce, attrgetter(*(field.name for field in fields(kind)))))


def _reduce(values_of: Callable[[Any], tuple[Any, ...]], record: Any) -> tuple[type, tuple[Any, ...]]:
    return type(record), values_of(record)
