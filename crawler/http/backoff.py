"""Back-off of hosts that refuse requests or cannot be reached. Pure.

Status 403, 418, 429 and 456 back off the whole host, twice as long each time. So does 503 for as long as its
Retry-After says. Requests in a row that did not reach the host back it off too, for a shorter time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct
from msgspec.structs import replace

from archive.model.backoff import doubling
from archive.model.feed import FailureKind, HostBackoff
from crawler.errors import CrawlerError

# How Sina's hosts answer too many requests (456 is Sina's own). Other pages of the host would get the same answer.
REFUSALS = frozenset({403, 418, 429, 456})
MAX_REFUSAL_BACKOFF = timedelta(hours=1)  # the end of a ban is noticed within the hour
# With Retry-After it says for how long the whole service is down; without, it may be about one page. See D297.
UNAVAILABLE = 503
# Some servers answer so for one broken page: the others then wait an hour and not a day.
MAX_UNAVAILABLE_BACKOFF = timedelta(hours=1)
MAX_RETRY_AFTER = timedelta(days=1)  # a longer Retry-After is a mistake of the server
# The return of a network must be noticed soon, and attempts cost an unreachable host nothing.
MAX_OUTAGE_BACKOFF = timedelta(minutes=5)
# Weight of failures in a row after which a host counts as unreachable (weights: see failures.unreachable_weight).
# Fewer could be chance; more would use up the attempts of articles that are not at fault. See D26.
UNREACHABLE_WEIGHT = 5.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HostBackedOffError(CrawlerError):
    """The request was not sent because its host is backed off."""

    def __init__(self, backoff: HostBackoff) -> None:
        super().__init__(
            f"{backoff.host} is backed off until {backoff.until:%Y-%m-%d %H:%M:%S} UTC ({backoff.reason})"
        )
        self.backoff = backoff


class HostState(Struct, frozen=True):
    """What one process knows of a host's refusals and failures, for another process."""

    backoff: HostBackoff | None = None  # also one that has ended, if the host has not answered since
    remaining: timedelta = timedelta(0)  # until the host may be requested again
    unreachable: float = 0.0  # weight of the requests in a row that did not reach the host


class HostBackoffs:
    """Back-off state of all hosts.

    A back-off is a duration: its end is kept on a clock that cannot be set. The wall clock serves only for what is
    stored and shown. See D140.

    :param first_delay: first back-off of a host that sent no Retry-After
    :param now: the clock, aware
    :param stored: back-offs of earlier runs. A Retry-After still holds; of estimated back-offs only the count of
        failures does, so that a new run may try once whether the host answers again.
    :param on_backoff: called with each new back-off
    :param on_recovery: called with each host that answers after a back-off
    :param elapsed: the time since any fixed moment, on a clock that cannot be set; None: ``now`` is never set
    """

    def __init__(
        self,
        first_delay: timedelta,
        now: Callable[[], datetime],
        stored: Iterable[HostBackoff] = (),
        on_backoff: Callable[[HostBackoff], None] = lambda backoff: None,
        on_recovery: Callable[[str], None] = lambda host: None,
        *,
        elapsed: Callable[[], timedelta] | None = None,
    ) -> None:
        self.first_delay = first_delay
        self._now = now
        self._elapsed = elapsed or (lambda: now() - _EPOCH)
        self._on_backoff = on_backoff
        self._on_recovery = on_recovery
        self._backoffs: dict[str, HostBackoff] = {}
        self._ends: dict[str, timedelta] = {}  # host -> end of its back-off, on the clock `elapsed`
        self._unreachable: dict[str, float] = {}  # weight of requests in a row that did not reach the host
        for backoff in stored:
            self._backoffs[backoff.host] = backoff
            # Bounded, because it may have been written while the clock was wrong.
            remaining = min(backoff.until - now(), MAX_RETRY_AFTER) if backoff.from_retry_after else timedelta(0)
            self._ends[backoff.host] = self._elapsed() + remaining

    def current(self, host: str) -> HostBackoff | None:
        """Return the back-off of a host, with its end by the present wall clock; None if requests may be sent."""
        remaining = self.remaining(host)
        return replace(self._backoffs[host], until=self._now() + remaining) if remaining else None

    def remaining(self, host: str) -> timedelta:
        """Return how long a host still gets no requests; zero if requests may be sent."""
        end = self._ends.get(host)
        return max(end - self._elapsed(), timedelta(0)) if end is not None else timedelta(0)

    def all_current(self) -> list[HostBackoff]:
        """Return all back-offs that have not ended, as :meth:`current` does."""
        return [backoff for host in self._ends if (backoff := self.current(host))]

    def check(self, host: str) -> None:
        """Raise :class:`HostBackedOffError` if a host is backed off now."""
        if backoff := self.current(host):
            raise HostBackedOffError(backoff)

    def record_refusal(self, host: str, status: int, retry_after: str | None, date: str | None = None) -> None:
        """Back off a host that answered with one of the :data:`REFUSALS`.

        :param retry_after: its Retry-After header: seconds or an HTTP date
        :param date: its Date header, from which a date in Retry-After counts; without it, our clock is used
        """
        if self.current(host):
            return  # the request was sent before the back-off began: the same refusal
        now, failures = self._now(), self._failures(host) + 1
        requested = _parse_retry_after(retry_after, _parse_date(date) or now)
        estimate = doubling(failures, self.first_delay, MAX_REFUSAL_BACKOFF)
        # The Retry-After of a host that refuses again after it is not reliable.
        delay = estimate if requested is None else requested if failures == 1 else max(requested, estimate)
        self._begin(HostBackoff(host, now + delay, failures, requested is not None, f"it answered {status}"), delay)

    def record_unavailable(self, host: str, retry_after: str | None, date: str | None = None) -> None:
        """Back off a host that answered :data:`UNAVAILABLE`, if it says for how long.

        :param retry_after: its Retry-After header, ``date``: its Date header, as in :meth:`record_refusal`
        """
        now = self._now()
        delay = _parse_retry_after(retry_after, _parse_date(date) or now)
        if not delay or self.current(host):
            return
        delay = min(delay, MAX_UNAVAILABLE_BACKOFF)
        failures = max(self._failures(host), 1)  # not one more: it refuses nothing
        reason = f"it answered {UNAVAILABLE}"
        self._begin(HostBackoff(host, now + delay, failures, True, reason, FailureKind.TEMPORARY), delay)

    def record_unreachable(self, host: str, weight: float, reason: str) -> None:
        """Count a request that did not reach its host; back the host off after several in a row.

        :param weight: how strongly the failure indicates an unreachable host, from 0 to 1
        """
        total = self._unreachable[host] = self._unreachable.get(host, 0.0) + weight
        if not weight or total < UNREACHABLE_WEIGHT or self.current(host):
            return
        failures = self._failures(host) + 1
        delay = doubling(failures, self.first_delay, MAX_OUTAGE_BACKOFF)
        until = self._now() + delay
        self._begin(HostBackoff(host, until, failures, False, f"unreachable: {reason}", FailureKind.TEMPORARY), delay)

    def state(self, host: str) -> HostState:
        """Return what is known of a host."""
        return HostState(self._backoffs.get(host), self.remaining(host), self._unreachable.get(host, 0.0))

    def adopt(self, host: str, state: HostState) -> None:
        """Replace what is known of a host by what another process knows."""
        was_backed_off = host in self._backoffs
        self._unreachable[host] = state.unreachable
        if state.backoff is None:
            self._backoffs.pop(host, None)
            self._ends.pop(host, None)
            if was_backed_off:
                self._on_recovery(host)
            return
        known = self._backoffs.get(host)
        is_known = known is not None and known.failures == state.backoff.failures and bool(self.remaining(host))
        if state.remaining and not is_known:
            self._begin(replace(state.backoff, until=self._now() + state.remaining), state.remaining)
        else:
            self._backoffs[host] = state.backoff
            self._ends[host] = self._elapsed() + state.remaining

    def _failures(self, host: str) -> int:
        backoff = self._backoffs.get(host)
        return backoff.failures if backoff else 0

    def _begin(self, backoff: HostBackoff, delay: timedelta) -> None:
        self._backoffs[backoff.host] = backoff
        self._ends[backoff.host] = self._elapsed() + delay
        self._on_backoff(backoff)

    def record_answer(self, host: str) -> None:
        """End the back-off and the counts of a host that answered normally."""
        self._unreachable.pop(host, None)
        if host in self._backoffs and not self.current(host):  # else the request was sent before the back-off began
            del self._backoffs[host]
            del self._ends[host]
            self._on_recovery(host)


def _parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return the delay that a Retry-After header requests; None if it is missing or unreadable."""
    if not value:
        return None
    try:
        if value.strip().isdigit():
            delay = timedelta(seconds=int(value))
        elif when := _parse_date(value):
            delay = when - now
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return min(max(delay, timedelta(0)), MAX_RETRY_AFTER)


def _parse_date(value: str | None) -> datetime | None:
    """Return the time of an HTTP date; None if it is missing or unreadable."""
    try:
        when = parsedate_to_datetime(value) if value else None
        return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC) if when else None
    except (ValueError, OverflowError, TypeError):
        return None
