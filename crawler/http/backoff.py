"""Hosts that are left alone: those that ask for rest, and those that cannot be reached. Pure.

403, 418, 429 and 456 put the whole host to rest, twice as long each time; so do, for less long, requests in a row
that did not get through to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from archive.model.backoff import doubling
from archive.model.feed import FailureKind, HostBackoff
from crawler.errors import CrawlerError

# What Sina's hosts answer to who asks too fast (456 is Sina's own); the host's other pages would get the same.
REFUSALS = frozenset({403, 418, 429, 456})
LONGEST = timedelta(hours=1)  # a ban that is over is noticed within the hour
MAX_STATED = timedelta(days=1)  # a Retry-After beyond it is a slip of the server's
# A network that is back is to be noticed soon, and trying costs its host nothing.
MAX_OUTAGE = timedelta(minutes=5)
# Failures in a row after which a host counts as out of reach (weights: see failures.is_out_of_reach). Fewer could be
# chance; more would spend the attempts of articles that are not to blame. See D26.
OUT_OF_REACH = 5.0


class HostBackedOffError(CrawlerError):
    """The request was not sent: its host wants rest."""

    def __init__(self, backoff: HostBackoff) -> None:
        what = "wants rest" if backoff.kind is FailureKind.BLOCKED else "is left alone"
        super().__init__(f"{backoff.host} {what} until {backoff.until:%Y-%m-%d %H:%M:%S} UTC ({backoff.reason})")
        self.backoff = backoff


class HostBackoffs:
    """Which hosts rest, and until when.

    :param first: the first rest of a host that did not say how long
    :param now: the clock, aware
    :param stored: rests of earlier runs. What a host stated is kept to; of our own guesses only the count is, so
        that a new run may ask once whether the host answers again.
    :param on_backoff: told of each new rest
    :param on_recovery: told of each host that answers after a rest
    """

    def __init__(
        self,
        first: timedelta,
        now: Callable[[], datetime],
        stored: Iterable[HostBackoff] = (),
        on_backoff: Callable[[HostBackoff], None] = lambda backoff: None,
        on_recovery: Callable[[str], None] = lambda host: None,
    ) -> None:
        self.first_delay, self._now = first, now
        self._on_backoff, self._on_recovery = on_backoff, on_recovery
        self._backoffs: dict[str, HostBackoff] = {}
        self._until: dict[str, datetime] = {}
        self._misses: dict[str, float] = {}  # requests in a row that did not get through, by weight
        for backoff in stored:
            self._backoffs[backoff.host] = backoff
            # Not longer than one can be: it may have been written under a clock that was wrong.
            self._until[backoff.host] = min(backoff.until, now() + MAX_STATED) if backoff.from_retry_after else now()

    def current(self, host: str) -> HostBackoff | None:
        """The rest that a host has now; None when it may be asked."""
        backoff = self._backoffs.get(host)
        return backoff if backoff is not None and self._until[host] > self._now() else None

    def clock_moved(self, by: timedelta) -> None:
        """The clock was set forward by so much, or back: rests are spans, and do not change with it."""
        self._until = {host: until + by for host, until in self._until.items()}

    def check(self, host: str) -> None:
        """Raise :class:`HostBackedOffError` when a host has rest now."""
        if backoff := self.current(host):
            raise HostBackedOffError(backoff)

    def record_refusal(self, host: str, status: int, retry_after: str | None) -> None:
        """A host answered with one of the :data:`REFUSALS`.

        :param retry_after: its Retry-After header: seconds or an HTTP date
        """
        if self.current(host):
            return  # sent before the rest began: the same refusal, not another
        before, now = self._backoffs.get(host), self._now()
        failures = before.failures + 1 if before else 1
        stated = _stated(retry_after, now)
        guess = doubling(failures, self.first_delay, LONGEST)
        # A host that goes on refusing after the rest it stated did not mean it.
        span = guess if stated is None else stated if failures == 1 else max(stated, guess)
        self._begin(HostBackoff(host, now + span, failures, stated is not None, f"it answered {status}"))

    def record_unreachable(self, host: str, weight: float, reason: str) -> None:
        """A request did not get through to its host.

        :param weight: how much that says of the host, from 0 to 1
        """
        misses = self._misses[host] = self._misses.get(host, 0.0) + weight
        if not weight or misses < OUT_OF_REACH or self.current(host):
            return
        before = self._backoffs.get(host)
        failures = before.failures + 1 if before else 1
        span = doubling(failures, self.first_delay, MAX_OUTAGE)
        self._begin(
            HostBackoff(host, self._now() + span, failures, False, f"out of reach: {reason}", FailureKind.TEMPORARY)
        )

    def _begin(self, backoff: HostBackoff) -> None:
        self._backoffs[backoff.host], self._until[backoff.host] = backoff, backoff.until
        self._on_backoff(backoff)

    def record_answer(self, host: str) -> None:
        """A host answered as it should."""
        self._misses.pop(host, None)
        if host in self._backoffs and not self.current(host):  # not: sent before the rest began, come after
            del self._backoffs[host], self._until[host]
            self._on_recovery(host)


def _stated(retry_after: str | None, now: datetime) -> timedelta | None:
    """How long a Retry-After header asks to wait; None when it says nothing that can be understood."""
    if not retry_after:
        return None
    try:
        if retry_after.strip().isdigit():
            span = timedelta(seconds=int(retry_after))
        else:
            when = parsedate_to_datetime(retry_after)
            span = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(span, timedelta(0)), MAX_STATED)
