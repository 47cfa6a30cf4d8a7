"""Fetches of articles: requests, responses and the decisions that follow. Frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from archive.model.article import Article, Post, Revision
from archive.model.feed import Failure, FailureKind, Filing, PendingEntry


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What a server answered to a request for a page, as it sent it."""

    url: str  # that was asked for in the end, after redirects
    status: int  # the HTTP status
    headers: tuple[tuple[str, str], ...]  # in their order, as received
    body: bytes  # as sent: the content coding is not undone
    request_headers: tuple[tuple[str, str], ...] = ()
    stated_length: bool = True  # False: it ended when the connection did, and nothing says that it is whole


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """Where a record is in the folder of raw pages."""

    file: str  # its name
    offset: int  # bytes from the file's start


@dataclass(frozen=True, slots=True)
class ArchiveRules:
    """What of the configuration decides over an article's file, and over when it is looked at again."""

    profile: str  # of archive.profile
    clean: bool  # archive.body is "clean"
    recheck: tuple[timedelta, ...]  # schedule.recheck
    least_retry: timedelta  # before an article that could not be had is tried again
    images: bool = False  # archive.images; the journal's records of before there was one do not say


@dataclass(frozen=True, slots=True)
class Fetch:
    """One attempt to see an article, with all that is needed to understand it once more."""

    at: datetime  # when the answer had come, or the attempt failed
    pending: PendingEntry
    feed: str  # the id of the one it is filed under
    filing: Filing
    rules: ArchiveRules
    response: RawResponse | None = None  # None: none came, or the listing carries the text itself
    failure: Failure | None = None  # why none came


class Outcome(StrEnum):
    """What came of a look."""

    FIRST = "first"  # the article's first version
    REVISED = "revised"  # another version than the one before
    SAME = "same"  # nothing new
    GONE = "gone"  # the site has it no more
    FAILED = "failed"  # it could not be seen


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look says of an article, beside what was known of it."""

    fetch: Fetch
    outcome: Outcome
    evidence: str = ""  # of what is gone or failed: in one line, for people
    kind: FailureKind | None = None  # of what is gone or failed
    article: Article | None = None  # of a first or revised version
    post: Post | None = None  # its file
    revision: Revision | None = None  # its row
    digest: str | None = None  # of the answer's body as sent, as in the WARC; None: there was none
    due: datetime | None = None  # when an entry that has no version yet is tried again; None: it is given up
    pictures: Mapping[str, str] = field(default_factory=dict)  # that are to be kept: address -> host


@dataclass(frozen=True, slots=True)
class Observation:
    """A look that was made, as the index knows it."""

    docid: str
    at: datetime
    outcome: Outcome
    revision: int  # the newest version after it; 0: none
    evidence: str | None  # of what is gone or failed
    returned: bool  # it had been gone, and was seen again
    status: int | None  # the HTTP status; None: no answer came, or none was needed
    place: JournalPosition | None  # of the journal's record of it; None: none is kept
    digest: str | None  # of the body as sent, "sha1:..." as in the WARC; None: there was none


def rule_of(fingerprint: str) -> str:
    """The number of the rule that a fingerprint was made by: of another rule it says nothing of a change."""
    return fingerprint.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ArticleState:
    """What the index knows of an article that is looked at again."""

    revision: Revision  # the newest version
    archived_at: datetime  # when the first one was seen
    has_text: bool  # the newest one has
    attempts: int = 0  # failed looks in a row
    gone: datetime | None = None  # since when the site has it no more
