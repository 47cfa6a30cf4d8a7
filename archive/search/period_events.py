"""The periods in which the same was known of an article, from what was observed of it. Pure.

A period begins when something is observed that changes what is known: a version, other facts, another feed, a
deletion, a return. It ends when the next one begins.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from archive.export.cursor import Cursor
from archive.files.paths import CHINA
from archive.model.fetch import Outcome

_SEEN = (Outcome.FIRST, Outcome.REVISED, Outcome.SAME)
_END = "~"  # sorts after every time


class SearchableVersion(Struct, frozen=True):
    """A row of ``searchable``. Times are texts as in the index."""

    id: int
    number: int
    step: int  # of the facts for which the row was added; 0: for the version itself
    at: str  # when it was observed
    since: str
    until: str | None


class FactsStep(Struct, frozen=True):
    """A row of ``facts``."""

    number: int  # of the version
    step: int
    at: str
    fetch: int  # id of the fetch that brought it


class FeedSighting(Struct, frozen=True):
    """A row of ``listings``."""

    id: int
    feed: str
    seen: str  # "": before such times were recorded


class FetchOutcome(Struct, frozen=True):
    """A row of ``observations``."""

    id: int
    at: str
    outcome: str
    number: int  # of the newest version then; 0: none
    moved_to: str | None  # docid of the other article that the address showed


class Period(Struct, frozen=True):
    """What was known of an article from ``start`` on, until ``end``."""

    start: str
    end: str | None  # None: it is still so
    version: int  # id in ``searchable``
    number: int
    step: int  # of the version's facts; 0: as its page first stated them
    feeds: tuple[str, ...]
    gone_from: str | None
    gone_to: str | None  # when it was seen again, however much later
    moved_to: str | None  # docid of the other article that its address shows


class ArticleEvents(Struct):
    """Everything that was observed of an article, each kind in the order of its ids; fetches by time."""

    versions: list[SearchableVersion] = field(default_factory=list)
    facts: list[FactsStep] = field(default_factory=list)
    listings: list[FeedSighting] = field(default_factory=list)
    fetches: list[FetchOutcome] = field(default_factory=list)

    def up_to(self, cursor: Cursor) -> ArticleEvents:
        """Return what was committed up to a cursor."""
        versions = [each for each in self.versions if each.id <= cursor.version]
        return ArticleEvents(
            [_with_end(each, versions) for each in versions],
            [each for each in self.facts if each.fetch <= cursor.fetch],
            [each for each in self.listings if each.id <= cursor.listing],
            [each for each in self.fetches if each.id <= cursor.fetch],
        )

    def earliest_after(self, cursor: Cursor) -> str:
        """Return the earliest time of what was committed after a cursor."""
        times = [each.at for each in self.versions if each.id > cursor.version]
        times += [each.at for each in self.facts if each.fetch > cursor.fetch]
        times += [each.seen for each in self.listings if each.id > cursor.listing]
        times += [each.at for each in self.fetches if each.id > cursor.fetch]
        return min(times, default=_END)

    def periods(self) -> list[Period]:
        """Return the periods of the article, in their order."""
        gone = list(_gone_periods(self.fetches))
        starts = self._starts()
        found: list[Period] = []
        for version in self.versions:
            until = version.until or _END
            inside = [start for start in starts if version.since <= start < until]
            for place, start in enumerate(inside):
                known_gone = [each for each in gone if each[0] <= start < (each[1] or _END)]
                gone_from, gone_to = known_gone[0] if known_gone else (None, None)
                period = Period(
                    start, version.until, version.id, version.number, self._step(version.number, start),
                    self._feeds(start), gone_from, gone_to, self._moved_to(start),
                )  # fmt: skip
                if place and replace(found[-1], start=start) == period:  # what was observed changed nothing
                    continue
                if place:
                    found[-1] = replace(found[-1], end=start)
                found.append(period)
        return sorted(found, key=lambda each: each.start)

    def _starts(self) -> Sequence[str]:
        """Return the times at which something may have changed."""
        starts = {each.since for each in self.versions} | {each.at for each in self.facts}
        starts |= {each.seen for each in self.listings}
        if any(each.outcome in (Outcome.GONE, Outcome.MOVED) for each in self.fetches):
            starts |= {each.at for each in self.fetches}
        return sorted(starts)

    def _step(self, number: int, time: str) -> int:
        return max((each.step for each in self.facts if each.number == number and each.at <= time), default=0)

    def _moved_to(self, time: str) -> str | None:
        fetches = (each for each in reversed(self.fetches) if each.at <= time and each.outcome != Outcome.FAILED)
        last = next(fetches, None)
        return last.moved_to if last and last.outcome == Outcome.MOVED else None

    def _feeds(self, time: str) -> tuple[str, ...]:
        return tuple(sorted(each.feed for each in self.listings if each.seen <= time))


class ChangedPeriod(Struct, frozen=True):
    """A period of an article that is not as it was at a cursor."""

    docid: str
    start: str
    now: Period | None  # None: it is no more
    before: Period | None  # None: it was not
    # Something became known later than it happened, so whether `before` matched a query cannot be asked any more.
    is_backdated: bool = False

    def each(self) -> Iterator[Period]:
        """Yield the period as it is now, and as it was."""
        yield from filter(None, (self.now, self.before))

    def to_write(self, matching: Container[tuple[int, str]] | None) -> Period | None:
        """Return the period to write: as it is now, or one without a length to replace an earlier one; None: neither.

        :param matching: version and start of the periods that match the query; None: all do
        """
        for period in self.each():
            if matching is None or (period.version, period.start) in matching:
                return period if period is self.now else replace(period, end=period.start)
        return replace(self.before, end=self.start) if self.before and self.is_backdated else None


def changed_periods(docid: str, events: ArticleEvents, after: Cursor | None) -> Iterator[ChangedPeriod]:
    """Yield the periods of an article that are not as they were at a cursor; all without one."""
    now = {each.start: each for each in events.periods()}
    before = {each.start: each for each in events.up_to(after).periods()} if after else {}
    earliest = events.earliest_after(after) if after else _END
    for start in sorted(now.keys() | before.keys()):
        if now.get(start) != before.get(start):
            yield ChangedPeriod(docid, start, now.get(start), before.get(start), is_backdated=earliest <= start)


def month_of(time: str) -> str:
    """Return the month in China, YYYY-MM, of a time as in the index."""
    return f"{datetime.fromisoformat(time).astimezone(CHINA):%Y-%m}"


def _with_end(version: SearchableVersion, versions: Iterable[SearchableVersion]) -> SearchableVersion:
    """Return a version with the end that it had when the index had no others than these; as ``archive.index.fts``."""
    ends = [
        each.at
        for each in versions
        if each.id > version.id and each.number >= version.number and (each.number != 1 or each.step)
    ]
    return SearchableVersion(
        version.id, version.number, version.step, version.at, version.since, min(ends, default=None)
    )


def _gone_periods(fetches: Iterable[FetchOutcome]) -> Iterable[tuple[str, str | None]]:
    """Yield when an article was gone: from when, and when it was seen again, None if it was not."""
    since: str | None = None
    for fetch in fetches:
        if fetch.outcome in _SEEN:
            if since:
                yield since, fetch.at
            since = None
        elif fetch.outcome == Outcome.GONE and fetch.number:
            since = since or fetch.at
    if since:
        yield since, None
