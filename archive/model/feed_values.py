"""Values that only feeds of other sites have."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Precision(StrEnum):
    """How exactly a time of publication is stated."""

    TIME = "time"  # with a time of day
    DAY = "day"  # only its day


class Enclosure(Struct, frozen=True):
    """A file that a feed attaches to an item, for example a podcast (RSS ``enclosure``, Atom ``rel="enclosure"``)."""

    url: str  # absolute
    media_type: str | None  # as stated, e.g. "audio/mpeg"
