"""Fetches of articles: requests, responses and the decisions that follow. Frozen records.

Every time is an aware datetime in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from archive.model.article import Article, Post, Revision
from archive.model.feed import Failure, FailureKind, Filing, PendingEntry


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP response as the server sent it."""

    url: str  # of the last request, after redirects
    status: int  # the HTTP status
    headers: tuple[tuple[str, str], ...]  # in the order received
    body: bytes  # as sent: the content coding is not removed
    request_headers: tuple[tuple[str, str], ...] = ()
    stated_length: bool = True  # False: the body ended with the connection, so it may be truncated


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """Position of a record in the journal."""

    file: str  # its name
    offset: int  # bytes from the start of the file


@dataclass(frozen=True, slots=True)
class ArchiveRules:
    """The settings that decide an article's file and when the article is rechecked."""

    profile: str  # archive.profile
    clean: bool  # archive.body is "clean"
    recheck: tuple[timedelta, ...]  # schedule.recheck
    min_retry_delay: timedelta  # before an article that failed is tried again
    images: bool = False  # archive.images; absent in journal documents older than that setting


@dataclass(frozen=True, slots=True)
class Fetch:
    """One attempt to get an article, with everything needed to parse its response again."""

    at: datetime  # when the response was complete, or the attempt failed
    pending: PendingEntry
    feed: str  # id of the feed under which the article is filed
    filing: Filing
    rules: ArchiveRules
    response: RawResponse | None = None  # None: there was none, or the listing itself has the text
    failure: Failure | None = None  # why there is no response


class Outcome(StrEnum):
    """Result of a fetch."""

    FIRST = "first"  # the article's first revision
    REVISED = "revised"  # a revision that differs from the previous one
    SAME = "same"  # no change
    GONE = "gone"  # the site has deleted the article
    FAILED = "failed"  # no article was obtained


@dataclass(frozen=True, slots=True)
class Decision:
    """The changes of the archive after a fetch."""

    fetch: Fetch
    outcome: Outcome
    evidence: str = ""  # reason of GONE and FAILED; one line, for people
    kind: FailureKind | None = None  # of GONE and FAILED
    article: Article | None = None  # of FIRST and REVISED
    post: Post | None = None  # its file
    revision: Revision | None = None  # its row
    digest: str | None = None  # of the response's body as sent, "sha1:..." as in the WARC; None: no response
    due: datetime | None = None  # next try of an entry without a revision; None: it is parked
    pictures: Mapping[str, str] = field(default_factory=dict)  # images to download: address -> host
    recheck: datetime | None = None  # when the article reaches the next age of schedule.recheck; None: never
    idle: int = 0  # fetches in a row without a change, this one included
    idle_until: datetime | None = None  # no recheck before: many fetches in a row found no change; None: no delay


@dataclass(frozen=True, slots=True)
class Observation:
    """A fetch in the index."""

    docid: str
    at: datetime
    outcome: Outcome
    revision: int  # number of the newest revision after it; 0: none
    evidence: str | None  # reason of GONE and FAILED
    returned: bool  # the article was gone before, and is back
    status: int | None  # the HTTP status; None: no response, or none was needed
    position: JournalPosition | None  # of its journal record; None: no journal is kept
    digest: str | None  # of the body as sent, "sha1:..." as in the WARC; None: no response


def fingerprint_rule(fingerprint: str) -> str:
    """Return the number of the rule that computed a fingerprint. Only fingerprints of one rule can be compared."""
    return fingerprint.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ArticleState:
    """State of an archived article in the index, for the decision on a recheck."""

    revision: Revision  # the newest one
    archived_at: datetime  # when the first revision was observed
    text: str | None  # plain text of the newest revision; None: the index has none, as of versions before m003
    attempts: int = 0  # failed fetches in a row
    gone: datetime | None = None  # since when the site has deleted it
    idle: int = 0  # fetches in a row without a change
    recheck: datetime | None = None  # when it reaches the next age of schedule.recheck; None: never

    def gone_after(self, outcome: Outcome, at: datetime) -> datetime | None:
        """Return since when the article is deleted, after a fetch at ``at`` with this outcome; None if it is not.

        A failed fetch changes nothing.
        """
        if outcome is Outcome.GONE:
            return self.gone or at
        return self.gone if outcome is Outcome.FAILED else None
