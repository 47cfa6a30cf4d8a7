"""Conclusions from one page of a list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archive.model.feed import Entry, Failure, FailureKind, Listing
from crawler.paging.page import ListingPage, listing_page

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def seen(minutes: list[float | None], *, page: int = 1, size: int = 50, total: int | None = None) -> ListingPage:
    """A page with articles of these minutes ago; None: without a time."""
    times = [None if ago is None else NOW - timedelta(minutes=ago) for ago in minutes]
    entries = tuple(Entry(str(n), "https://x/", "", time, *[None] * 4) for n, time in enumerate(times))
    return listing_page(page, size, Listing(entries, (), total), shows_known=False)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_a_page_covers_everything_later_than_its_oldest_quarter() -> None:
    page = seen([*range(50)])
    assert (page.low, page.high) == (ago(37) + SECOND, ago(12))


@pytest.mark.parametrize("odd", [100_000, -100_000])
def test_pinned_articles_move_its_bounds_little(odd: float) -> None:
    page = seen([*[odd] * 5, *range(45)])
    assert page.low
    assert page.high
    assert ago(44) < page.low <= ago(30)
    assert ago(20) <= page.high <= NOW


def test_a_page_without_times_has_no_bounds() -> None:
    page = seen([None, None])
    assert (page.low, page.high, page.is_disordered) == (None, None, False)


@pytest.mark.parametrize(
    ("minutes", "is_disordered"),
    [
        ([*range(50)], False),
        ([5] * 50, False),
        ([900, *range(49)], False),
        ([3, 2, 1], False),  # too few to tell
        ([*range(50, 0, -1)], True),
        ([0, 9] * 25, True),
    ],
)
def test_a_few_articles_out_of_order_are_no_disorder(minutes: list[float | None], is_disordered: bool) -> None:
    assert seen(minutes).is_disordered is is_disordered


@pytest.mark.parametrize(
    ("count", "page", "total", "ends"),
    [
        (49, 1, None, True),
        (50, 1, None, False),
        (49, 3, 149, True),
        (49, 3, 150, False),  # the list says that there is more
        (50, 3, 150, False),  # the next page tells
        (0, 3, 100, False),  # an empty page may be a hiccup
    ],
)
def test_a_short_page_ends_a_list_that_reports_its_total(
    count: int, page: int, total: int | None, ends: bool
) -> None:
    assert seen([*range(count)], page=page, total=total).ends_the_list is ends


def test_an_item_that_cannot_be_understood_takes_a_place() -> None:
    failures = tuple(Failure(f"item{n}", FailureKind.UNREADABLE, "") for n in range(10))
    page = listing_page(2, 10, Listing((), failures, 20), shows_known=True)
    assert (page.place, page.count, page.is_short, page.shows_known) == (10, 10, False, True)
    assert ("item3", None) in page.items
