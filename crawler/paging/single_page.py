"""A backfill of a list that has one page. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from archive.model.feed import Listing, Span
from crawler.listings.source import PAGE_SIZE
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, record_of
from crawler.paging.page import distinct, listing_page


def apply_single_page(backfill: Backfill, listing: Listing) -> BackfillStep:
    """Apply the page of a list that has only one: articles that it does not show are not available."""
    oldest, reason = listing_page(1, PAGE_SIZE, listing, shows_known=False).low, ""
    backfill = replace(backfill, pages=backfill.pages + 1)
    if oldest is None:
        reason = f"the list of {backfill.feed} shows no article with a time"
    elif oldest > backfill.start:
        reason = f"the list of {backfill.feed} has one page, which reaches back to {oldest.isoformat()} only"
    if oldest and oldest <= backfill.end:
        backfill = replace(backfill, covered=Span(max(oldest, backfill.start), backfill.end))
    oldest_available = oldest if oldest and oldest > backfill.start else None
    next_step = NextStep.DONE if oldest else NextStep.FAILED
    page = record_of(
        replace(backfill, history=False), distinct(listing.entries), listing, oldest_available, next_step
    )
    return BackfillStep(backfill, page, next_step, reason)
