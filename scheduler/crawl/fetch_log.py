"""The log lines of fetches of articles, of polls and of changes in lists."""

from __future__ import annotations

import logging

from archive.model.feed import FeedHistory, ListingResult, PendingEntry, Poll
from archive.model.fetch import Decision, Fetch, Outcome
from scheduler.crawl.progress import FeedProgress

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


def log_move(history: FeedHistory | None, poll: Poll) -> None:
    """Log that a feed's address redirects permanently, when that is new."""
    if poll.moved_to and not poll.error and (history is None or history.moved_to != poll.moved_to):
        logger.warning("feed-moved feed=%s to=%s", poll.feed, poll.moved_to)


def log_poll(poll: Poll, progress: FeedProgress, result: ListingResult) -> None:
    """Log the result of a poll."""
    for failure in poll.failures if result.broken else ():
        logger.warning("unreadable feed=%s docid=%s reason=%r", progress.id, failure.subject, failure.reason)
    log_changes(progress.id, result)
    for miss in result.misses:
        logger.warning("missed feed=%s through=%s docid=%s kind=%s", miss.feed, miss.broad, miss.docid, miss.kind)
    if result.gap:
        logger.warning("gap feed=%s from=%s to=%s", progress.id, result.gap.start, result.gap.end)
    if progress.error:
        logger.warning("poll-failed feed=%s pages=%d reason=%r", progress.id, progress.pages, progress.error)
    else:
        logger.info(
            "polled feed=%s pages=%d listed=%d new=%d", progress.id, progress.pages, progress.listed, progress.new
        )
