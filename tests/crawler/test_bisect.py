"""Finding a time in a paged list takes few requests for any distribution of articles."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crawler.listings.source import PAGE_SIZE
from crawler.paging.bisect import MAX_CLOSE_PAGES, PageBisection, is_close, next_probe, record_above

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)


def times(rates: list[float], count: int) -> list[datetime]:
    """Publication times, newest first: these numbers of articles an hour, day after day, repeated."""
    dice, result, hours = random.Random(1), [], 0.0
    for _ in range(count):
        hours += dice.expovariate(rates[int(hours / 24) % len(rates)])
        result.append(NOW - timedelta(hours=hours))
    return result


def find(published: list[datetime], goal: datetime, *, total: bool) -> tuple[PageBisection, list[int]]:
    """Search a list as a backfill does; return the requested pages."""
    search, probes = PageBisection(goal), [0]
    while not is_close(search):
        page = next_probe(search)
        probes.append(page)
        shown = published[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        if shown and shown[-1] > goal:
            search = record_above(search, page, shown[0], shown[-1], len(published) if total else None)
        elif page == 1:
            break
        else:
            search = replace(search, first_below=page)
    return search, probes[1:]


SPREADS = {
    "steady": [40.0],
    "weekdays": [40.0, 40.0, 40.0, 40.0, 40.0, 5.0, 5.0],
    "bursts": [40.0] * 60 + [1.0] * 60,
    "busy lately": [400.0] + [4.0] * 1000,
    "quiet lately": [2.0] * 3 + [40.0] * 1000,
}


@pytest.mark.parametrize("spread", SPREADS)
def test_a_page_of_a_hundred_thousand_articles_is_found_in_fourteen_requests(spread: str) -> None:
    published = times(SPREADS[spread], 100_000)
    counts = [len(find(published, published[place], total=True)[1]) for place in range(100, 100_000, 499)]
    assert max(counts) <= 14
    assert mean(counts) <= 13


def test_guesses_that_fall_short_are_at_least_doubled() -> None:
    """The further back, the more there was, so that each rate seen so far is too low; and no total to stop at."""
    published = [NOW - timedelta(days=1) * (1 - 0.9 ** (place / 50)) for place in range(5000)]
    assert len(find(published, published[4900], total=False)[1]) <= 15


def test_what_is_recent_is_found_in_fewer() -> None:
    published = times(SPREADS["weekdays"], 100_000)
    counts = [len(find(published, published[place], total=True)[1]) for place in range(60, 1500)]
    assert mean(counts) <= 7


@settings(deadline=None)
@given(
    gaps=st.lists(st.integers(0, 10_000), min_size=1, max_size=900),
    goal=st.integers(-100, 1_000_000),
    total=st.booleans(),
)
def test_what_is_found_lies_above_and_little_more_does(gaps: list[int], goal: int, total: bool) -> None:
    published, past = [], 0
    for gap in gaps:
        past += gap
        published.append(NOW - timedelta(seconds=past))
    wanted = NOW - timedelta(seconds=goal)
    search, probes = find(published, wanted, total=total)
    pages = [published[place : place + PAGE_SIZE] for place in range(0, len(published), PAGE_SIZE)]
    above = sum(page[-1] > wanted for page in pages)
    assert search.last_above <= above < search.last_above + MAX_CLOSE_PAGES
    assert len(probes) <= 15
    assert len(set(probes)) == len(probes)
