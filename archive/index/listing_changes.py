"""Decide what counts as a change when a listing names a known article. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from archive.index.statements import Row
from archive.model.feed import Entry, ListingChange


class ListedFields(Struct, frozen=True):
    """The fields of a listing's item whose changes are recorded."""

    title: str  # "": no listing has one
    modified: datetime | None


def change(entry: Entry, seen: datetime, last_of_feed: ListedFields, last: ListedFields) -> ListingChange | None:
    """Return how a listing has changed what is known of an article; None if it has not.

    Each feed's listing is compared with its own last fields: otherwise two listings that never agree would change the
    article in turns, at every poll. A value that another feed's listing already brought is no
    change either. A field that a listing omits keeps its value. See D31.

    :param seen: when the listing was read
    :param last_of_feed: the last fields in the same feed's listing; if it never changed, the first in any listing
    :param last: the last fields in any listing
    """
    if _merged(entry, last_of_feed) == last_of_feed:
        return None
    now = _merged(entry, last)
    if now == last:
        return None
    return ListingChange(
        entry.docid, seen, now.title, now.modified, now.title not in (last_of_feed.title, last.title)
    )


def is_edit(change: ListingChange, last: ListedFields) -> bool:
    """Return whether a change replaces a known field, and does not only add one."""
    retitled = bool(last.title) and change.title != last.title
    return retitled or (last.modified is not None and change.modified != last.modified)


def _merged(entry: Entry, before: ListedFields) -> ListedFields:
    return ListedFields(entry.title or before.title, entry.modified or before.modified)


def is_moved(entry: Entry, row: Row, feed: str) -> bool:
    """Return whether a known entry takes the listing's address; all other fields stay as first seen.

    A pending entry that is to be fetched from its page takes it. So does an item whose text the listing carries: the
    new address is the page that the item became. Whether the text is on the page or in a listing, and in whose, is
    decided when the entry is first seen: otherwise two feeds would change it in turns. See D52 and D74.
    """
    if row["url"] in (None, entry.url):
        return False
    if row["carrier"] is not None and row["carrier"] != feed:
        return False
    return bool(row["content"] is not None or (row["status"] == "pending" and entry.content is None))
