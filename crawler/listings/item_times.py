"""The times of an item in a list of another site. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from archive.model.feed import Entry
from archive.model.feed_values import Precision
from crawler.extract.time_forms.zones import zone_of
from crawler.extract.times import publication, read_time
from crawler.listings.site_items import one_line
from crawler.listings.source import ListSource

_MAX_TIME_CHARS = 100  # of a stated time that is kept


def with_times(entry: Entry, published: object, updated: object, feed: ListSource, at: datetime) -> Entry:
    """Return an entry with its times; its update counts as its publication if it states no other time.

    :param published: the time of publication, as the item states it
    :param updated: that of its last change
    :param feed: has the zone of times that state none
    :param at: when the poll began
    """
    zone, texts = zone_of(feed.zone), (one_line(published), one_line(updated))
    stated, change = (read_time(text, zone=zone, now=at) for text in texts)
    text = texts[0] or texts[1] if stated or not change else texts[1]
    time, precision, note = publication(stated or change, zone=zone, now=at)
    is_change = stated and change and change != stated and change.precision is Precision.TIME and change.at <= at
    return replace(
        entry,
        published=time,
        modified=change.at if is_change and change else None,
        published_text=text[:_MAX_TIME_CHARS] or None,
        precision=precision,
        published_note=note,
    )
