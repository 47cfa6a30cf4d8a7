"""Made-up fetches of articles, without a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from msgspec.structs import replace

from archive.model.article import Article, Post, Revision
from archive.model.feed import Entry, Failure, FailureKind, Filing, PendingEntry
from archive.model.fetch import ArchiveRules, Decision, Fetch, Outcome
from archive.store import Store

RULES = ArchiveRules("sample", clean=False, recheck=(), min_retry_delay=timedelta(0))


def make_fetch(docid: str, at: datetime, revision: int = 0, rules: ArchiveRules = RULES) -> Fetch:
    """A fetch of an article at ``at``."""
    entry = Entry(docid, f"https://a.cn/{docid}", docid, at, None, None, None, None)
    pending = PendingEntry(entry, "a.cn", ("china",), 0, at, revision=revision)
    return Fetch(at, pending, "china", Filing(("a", "b"), "b"), rules)


def version(revision: Revision, text: str = "x", rules: ArchiveRules = RULES) -> Decision:
    """The decision that an article has this version."""
    fetch = make_fetch(revision.docid, revision.fetched_at, revision.number - 1, rules)
    article = Article(
        revision.docid, revision.url or f"https://a.cn/{revision.docid}", revision.title, revision.published, text,
        None, revision.fetched_at, text=text, fingerprint=revision.fingerprint,
    )  # fmt: skip
    outcome = Outcome.FIRST if revision.number == 1 else Outcome.REVISED
    post = Post(PurePosixPath(revision.path), b"")
    return Decision(fetch, outcome, article=article, post=post, revision=revision)


def failed(failure: Failure, at: datetime, due: datetime | None) -> Decision:
    """The decision that an article could not be fetched."""
    outcome = Outcome.GONE if failure.kind is FailureKind.GONE else Outcome.FAILED
    return Decision(make_fetch(failure.subject, at), outcome, failure.reason, failure.kind, due=due)


def commit_revisions(store: Store, revisions: Iterable[Revision], pictures: Mapping[str, str] | None = None) -> None:
    """Record versions of articles and queue their pictures: URL -> host."""
    decisions = [replace(version(each), pictures=pictures or {}) for each in revisions]
    store.articles.commit(decisions, [None] * len(decisions))


def commit_failure(store: Store, failure: Failure, tried: datetime, due: datetime | None) -> None:
    """Record that an attempt failed."""
    store.articles.commit([failed(failure, tried, due)], [None])


def again(decision: Decision) -> Decision:
    """The same decision for an article that already has a version."""
    fetch = decision.fetch
    return replace(decision, fetch=replace(fetch, pending=replace(fetch.pending, revision=1)))
