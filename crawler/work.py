"""What the spider asks of whoever runs it: the seam between the web and the disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from archive.records import Article, Entry, Failure, Poll


class Work(Protocol):
    """A crawl's work and where its outcomes go.

    Any method may raise; the spider then stops, for what is not recorded must not go on being fetched.
    """

    def start(self, on_crash: Callable[[BaseException], None], on_room: Callable[[], None]) -> None:
        """A crawl begins.

        :param on_crash: to be told of an error that makes it useless to go on
        :param on_room: to be called when :meth:`take`, which gave nothing for want of room, has work again
        """

    async def stop(self) -> None:
        """No more will come: bring what is on its way to the disk."""

    def known(self, feed: str, docids: Collection[str]) -> set[str]:
        """Those of ``docids`` that an earlier poll of ``feed`` left nothing unread below of."""

    def polled(self, poll: Poll) -> None:
        """A poll has ended: record what it saw."""

    def hosts(self) -> Iterable[str]:
        """The hosts that work may be waiting for; empty until articles may be fetched."""

    def take(self, host: str, most: int) -> list[Entry]:
        """At most so many entries of a host to fetch now, none of them handed out already.

        Fewer, or none, when too many are on their way to the disk.
        """

    def full(self) -> bool:
        """Whether :meth:`take` gives nothing now for want of room."""

    def give_back(self, entry: Entry) -> None:
        """An entry was not asked for after all: its host wants rest."""

    def archived(self, entry: Entry, article: Article, milliseconds: int) -> None:
        """An entry's page was fetched, which took so long, and understood."""

    def failed(self, entry: Entry, failure: Failure) -> None:
        """An entry's page could not be had or understood."""

    def patience(self, host: str) -> float | None:
        """Seconds until a resting host may be asked again; None when it is not worth waiting for."""
