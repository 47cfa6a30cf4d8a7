"""The arrival rates of feeds, learned from polls."""

from __future__ import annotations

from archive.model.feed import ArrivalRate, ListingResult, Poll
from scheduler.crawl.context import CrawlContext
from scheduler.policy.arrival_rate import EMPTY, learn, learn_first_poll


class LearnedRates:
    """The arrival rates of feeds."""

    def __init__(self, context: CrawlContext) -> None:
        self._context = context
        self._rates = context.store.feeds.arrival_rates()

    def rate(self, feed: str) -> ArrivalRate:
        """Return the arrival rate of a feed."""
        return self._rates.get(feed, EMPTY)

    def forget(self, feed: str) -> None:
        """Forget the rate of a feed: it reads another list."""
        self._rates.pop(feed, None)

    def learn(self, poll: Poll, result: ListingResult) -> None:
        """Learn from a poll.

        :raises TransientError: the rate cannot be recorded now
        """
        # Where another list brings the articles first, those count that are new in this one.
        plan = self._context.listening
        is_listening = poll.feed in plan.heard or poll.feed in plan.heard.values()
        if not poll.caught_up or not (result.known_now if is_listening else result.new):
            return  # a silence is learned when it ends
        times = [entered for entry in poll.entries if (entered := entry.entered or entry.published)]
        rate = self._rates.get(poll.feed)
        if rate is None or rate.until is None:
            learned = learn_first_poll(times, poll.at)
        else:
            # Time in a gap was not observed.
            since = max(rate.until, result.gap.end) if result.gap else rate.until
            learned = learn(rate, since, poll.at, [each for each in times if each > since])
        self._rates[poll.feed] = learned
        self._context.store.feeds.commit_arrival_rate(poll.feed, learned)
