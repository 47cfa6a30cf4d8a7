"""What reading a list needs to know of its feed. Parser processes get no more, and need not load the settings."""

from __future__ import annotations

from typing import Protocol

PAGE_SIZE = 50  # maximum of the roll API; larger values silently give 50


class ListSource(Protocol):
    """A feed, as seen by the code that reads its list. A :class:`config.model.Feed` is one."""

    @property
    def id(self) -> str:
        """The feed's id."""

    @property
    def endpoint(self) -> str:
        """The address of its list."""

    @property
    def zone(self) -> str:
        """The zone of times that state none, an IANA name."""
