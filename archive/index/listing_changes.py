"""What counts as a change, when a listing names an article again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archive.model.feed import Entry, ListingChange


@dataclass(frozen=True, slots=True)
class ListedFields:
    """What listings say of an article and may say otherwise later."""

    title: str  # "": none has said
    modified: datetime | None


def change(entry: Entry, seen: datetime, here: ListedFields, last: ListedFields) -> ListingChange | None:
    """What a listing says anew of an article; None when nothing.

    Each feed's listing is compared with itself: two that never agree would else take turns in changing the article,
    at every poll. What another feed's listing has said already is no news either. What a listing leaves out, it
    does not take back. See D31.

    :param here: what the same feed's listing said last; what the first one of any said, when this one said no other
    :param last: what any listing said last
    """
    if _heard(entry, here) == here:
        return None
    now = _heard(entry, last)
    if now == last:
        return None
    return ListingChange(entry.docid, seen, now.title, now.modified, now.title not in (here.title, last.title))


def is_edit(change: ListingChange, last: ListedFields) -> bool:
    """Whether a change replaces what was known, and does not only add to it."""
    retitled = bool(last.title) and change.title != last.title
    return retitled or (last.modified is not None and change.modified != last.modified)


def _heard(entry: Entry, before: ListedFields) -> ListedFields:
    return ListedFields(entry.title or before.title, entry.modified or before.modified)
