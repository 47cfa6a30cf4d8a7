"""When an article or an image is fetched again: retries after failures, rechecks by age, idle delays. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate

from archive.model.backoff import doubling
from archive.model.feed import FailureKind
from archive.model.fetch import ArticleState, Fetch, Outcome

_NO_DELAY = timedelta(0)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# Delays after each failed attempt; after the last one the entry is parked. The first retry is due at once, for the
# next run: most failures have ended by then.
_TRANSIENT_DELAYS = (_NO_DELAY, _MINUTE, 5 * _MINUTE, _HOUR / 2, 2 * _HOUR, 6 * _HOUR, _DAY)
# A 404 can come from a server that does not have the page yet, an unreadable page from an editor's mistake. Three
# attempts over a day are enough to tell.
_LASTING_DELAYS = (_NO_DELAY, _HOUR, _DAY)
_DELAYS = {
    FailureKind.TEMPORARY: _TRANSIENT_DELAYS,
    FailureKind.BLOCKED: _TRANSIENT_DELAYS,
    FailureKind.REFUSED: _LASTING_DELAYS,
    FailureKind.GONE: _LASTING_DELAYS,
    FailureKind.ENDED: _LASTING_DELAYS,
    FailureKind.UNREADABLE: _LASTING_DELAYS,
}
MAX_RETRY_DELAY = max(delay for delays in _DELAYS.values() for delay in delays)
# An archived article that cannot be fetched is not retried at once: nothing is lost in the meantime.
MIN_REFETCH_DELAY = _MINUTE
# After this many fetches in a row without a change, the delay doubles with each further one: some lists move every
# mtime at every poll.
MAX_UNCHANGED_FETCHES = 3
FIRST_IDLE_DELAY = _MINUTE
MAX_IDLE_DELAY = _DAY


def retry_delay(kind: FailureKind, attempts: int, known_for: timedelta) -> timedelta | None:
    """Return how long to wait after a failed attempt; None to park the entry.

    Many attempts may have failed within a few minutes for another reason, which does not count for this failure. So a
    delay is used only if the entry has been known for as long as the delays before it together. See D36.

    :param attempts: failed attempts so far, this one included
    :param known_for: time since the entry was first seen; negative when the clock was set back
    """
    delays = _DELAYS[kind]
    due = sum(total <= known_for for total in accumulate(delays)) if known_for >= _NO_DELAY else len(delays)
    step = min(attempts - 1, due)
    return delays[step] if step < len(delays) else None


def retry_at(kind: FailureKind, fetch: Fetch, state: ArticleState | None) -> datetime | None:
    """Return when to retry an article after a failed fetch; None to park it, or to give up the refetch.

    :param state: of an article that has a version
    """
    attempts = (state.attempts if state else fetch.pending.attempts) + 1
    first_seen = state.archived_at if state else fetch.pending.first_seen
    delay = retry_delay(kind, attempts, fetch.at - first_seen)
    if delay is None:
        return None
    return fetch.at + max(delay, fetch.rules.min_retry_delay, MIN_REFETCH_DELAY if state else _NO_DELAY)


def recheck_at(fetch: Fetch, outcome: Outcome, state: ArticleState | None) -> datetime | None:
    """Return when an article reaches the next age at which it is fetched again; None: never.

    Ages count from the first version. They start again when the site removes the article, and when it restores it.
    """
    if fetch.status is None and fetch.failure is None:
        return None  # the listing carries the text, and reports its changes
    since = fetch.at
    if state:
        gone = state.gone_after(outcome, fetch.at)
        returned = state.gone is not None and outcome not in (Outcome.FAILED, Outcome.MOVED)
        since = gone or (fetch.at if returned else state.archived_at)
    ages = (since + age for age in sorted(fetch.rules.recheck))
    return next((time for time in ages if time > fetch.at), None)


def unchanged_fetches(outcome: Outcome, state: ArticleState | None) -> int:
    """Return the number of fetches in a row without a change, this one included. A failed fetch does not count."""
    if state is None:
        return 0
    if outcome is Outcome.FAILED:
        return state.idle
    changed = (state.gone is not None) != (outcome is Outcome.GONE) and outcome is not Outcome.MOVED
    return 0 if changed or outcome is Outcome.REVISED else state.idle + 1


def idle_delay(unchanged: int) -> timedelta | None:
    """Return how long to wait after a number of fetches in a row without a change; None: no delay yet."""
    if unchanged < MAX_UNCHANGED_FETCHES:
        return None
    return doubling(unchanged - MAX_UNCHANGED_FETCHES + 1, FIRST_IDLE_DELAY, MAX_IDLE_DELAY)
