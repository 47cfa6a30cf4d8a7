"""The kinds of list that can be read: a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive.records import Listing
from config.model import Feed
from crawler.listings import roll


@dataclass(frozen=True, slots=True)
class Reader:
    """How a kind of list is asked for and read."""

    page_url: Callable[[Feed, int], str]  # the address of a page, counted from 1
    read: Callable[[bytes, str, Feed], Listing]  # body, Content-Type, feed; raises ListingError


READERS: dict[str, Reader] = {
    "roll": Reader(roll.page_url, roll.read),
}
