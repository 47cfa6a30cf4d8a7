"""When to try again. Pure."""

from __future__ import annotations

from datetime import timedelta

from archive.records import Kind

_NOW, _MINUTE, _HOUR, _DAY = timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# After each failed attempt, how long to wait; after the last, the entry is parked. The first retry is due at once,
# for the next run: most slips are over by then.
_MENDS_BY_ITSELF = (_NOW, _MINUTE, 5 * _MINUTE, _HOUR / 2, 2 * _HOUR, 6 * _HOUR, _DAY)
# A 404 can be a server that has not got the page yet, an unreadable page a slip of the site's editors; three tries
# over a day tell.
_HARDLY_MENDS = (_NOW, _HOUR, _DAY)
_DELAYS = {
    Kind.TEMPORARY: _MENDS_BY_ITSELF,
    Kind.BLOCKED: _MENDS_BY_ITSELF,
    Kind.REFUSED: _HARDLY_MENDS,
    Kind.GONE: _HARDLY_MENDS,
    Kind.UNREADABLE: _HARDLY_MENDS,
}


def retry_delay(kind: Kind, attempts: int) -> timedelta | None:
    """How long after a failed attempt to try again; None to park the entry.

    :param attempts: failed ones so far, this one included
    """
    delays = _DELAYS[kind]
    return delays[attempts - 1] if attempts <= len(delays) else None
