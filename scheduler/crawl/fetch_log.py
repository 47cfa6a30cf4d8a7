"""The log lines of fetches of articles and of changes in lists."""

from __future__ import annotations

import logging

from archive.model.feed import ListingResult, PendingEntry
from archive.model.fetch import Decision, Fetch, Outcome

logger = logging.getLogger("finarchive")


def log_fetch(decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
    """Log a fetch in one line."""
    docid, revision = pending.entry.docid, decision.revision
    if revision:
        what = "archived" if decision.outcome is Outcome.FIRST else "revised"
        logger.info(
            "%s feed=%s docid=%s revision=%d ms=%d", what, decision.fetch.feed, docid, revision.number, milliseconds
        )
    elif decision.outcome is Outcome.SAME:
        logger.info("same feed=%s docid=%s ms=%d", decision.fetch.feed, docid, milliseconds)
    elif pending.revision and decision.moved_to:
        logger.warning(
            "moved feed=%s docid=%s to=%s reason=%r",
            decision.fetch.feed, docid, decision.moved_to, decision.evidence,
        )  # fmt: skip
    elif pending.revision and decision.outcome is Outcome.GONE:
        logger.warning("gone feed=%s docid=%s reason=%r", decision.fetch.feed, docid, decision.evidence)
    else:
        what = "failed" if decision.due else "parked" if not pending.revision else "given-up"
        logger.warning(
            "%s feed=%s docid=%s attempt=%d reason=%r",
            what, decision.fetch.feed, docid, pending.attempts + 1, decision.evidence,
        )  # fmt: skip


def log_refused(fetch: Fetch, reason: str) -> None:
    """Log a fetch whose file cannot be written."""
    pending = fetch.pending
    logger.warning(
        "failed feed=%s docid=%s attempt=%d reason=%r",
        fetch.feed, pending.entry.docid, pending.attempts + 1, reason,
    )  # fmt: skip


def log_changes(feed: str, result: ListingResult) -> None:
    """Log what a list has changed of known entries."""
    for unlisted in result.unlisted:
        logger.info("unlisted feed=%s docid=%s", feed, unlisted.docid)
    for change in result.changes:
        if change.retitled:
            logger.info("retitled feed=%s docid=%s title=%r", feed, change.docid, change.title)
