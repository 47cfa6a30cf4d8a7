"""Fetches of articles: requests, responses and the decisions that follow. Frozen records.

Every time is an aware datetime in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import force_setattr

from archive.model.article import Article, PageFacts, Post, Revision
from archive.model.feed import Failure, FailureKind, Filing, PendingEntry
from archive.model.secrets import without_credentials, without_secrets


class RawResponse(Struct, frozen=True):
    """An HTTP response as the server sent it, except for secrets: those that it is made with are removed (D180)."""

    url: str  # of the last request, after redirects
    status: int  # the HTTP status
    headers: tuple[tuple[str, str], ...]  # in the order received
    body: bytes  # as sent: the content coding is not removed
    request_headers: tuple[tuple[str, str], ...] = ()
    stated_length: bool = True  # False: the body ended with the connection, so it may be truncated

    def __post_init__(self) -> None:
        force_setattr(self, "url", without_credentials(self.url))
        force_setattr(self, "headers", without_secrets(self.headers))
        force_setattr(self, "request_headers", without_secrets(self.request_headers))


class JournalPosition(Struct, frozen=True):
    """Position of a record in the journal."""

    file: str  # its name
    offset: int  # bytes from the start of the file


class ArchiveRules(Struct, frozen=True):
    """The settings that decide an article's file and when the article is rechecked."""

    profile: str  # archive.profile
    clean: bool  # archive.body is "clean" or "markdown"
    recheck: tuple[timedelta, ...]  # schedule.recheck
    min_retry_delay: timedelta  # before an article that failed is tried again
    images: bool = False  # archive.images; absent in journal documents older than that setting
    markdown: bool = False  # archive.body is "markdown"; absent in journal documents where it is not
    local_images: bool = False  # archive.images is "local"; absent in journal documents where it is not


class Confirmation(Struct, frozen=True):
    """What stays of a page that confirmed the newest version, once it is older than archive.raw_keep. See D210."""

    status: int  # the HTTP status
    digest: str  # of the body as sent, "sha1:..."
    page: PageFacts  # what the page stated
    symbols: tuple[str, ...]  # stocks that the page and the list named


# The rule that decides what a fetch means. Journal documents from before the number was recorded have rule 1, which
# knows no moves, no titles of pages and no changes of facts: a rebuild decides about old fetches as was decided then.
# See D141.
DECISION_RULE = 6


class Fetch(Struct, frozen=True):
    """One attempt to get an article, with everything needed to parse its response again."""

    at: datetime  # when the response was complete, or the attempt failed
    pending: PendingEntry
    feed: str  # id of the feed under which the article is filed
    filing: Filing
    rules: ArchiveRules
    response: RawResponse | None = None  # None: there was none, or the listing itself has the text
    failure: Failure | None = None  # why there is no response
    rule: int = DECISION_RULE  # number of the rule that decides about it
    confirmed: Confirmation | None = None  # in place of the response, which was removed

    @property
    def status(self) -> int | None:
        """The HTTP status; None: there was no response, or none was needed."""
        answer = self.response or self.confirmed
        return answer.status if answer else None


class Outcome(StrEnum):
    """Result of a fetch."""

    FIRST = "first"  # the article's first revision
    REVISED = "revised"  # a revision that differs from the previous one
    SAME = "same"  # no change
    GONE = "gone"  # the site has deleted the article
    MOVED = "moved"  # the address shows another article
    FAILED = "failed"  # no article was obtained


class FactsChange(Struct, frozen=True):
    """A change of the facts of a version while its text stayed."""

    step: int  # 1 for the first change of the version
    changed: Mapping[str, tuple[Any, Any]]  # published, updated, media, keywords, symbols: before and after
    # The facts from then on:
    updated: datetime | None
    media: str | None
    keywords: tuple[str, ...]
    symbols: tuple[str, ...]


class Decision(Struct, frozen=True):
    """The changes of the archive after a fetch."""

    fetch: Fetch
    outcome: Outcome
    evidence: str = ""  # reason of GONE, MOVED and FAILED; one line, for people
    kind: FailureKind | None = None  # of GONE, MOVED and FAILED
    moved_to: str | None = None  # of MOVED: docid of the other article
    article: Article | None = None  # of FIRST and REVISED
    post: Post | None = None  # its file
    revision: Revision | None = None  # its row
    stated: PageFacts | None = None  # of FIRST, REVISED and SAME: what the page stated last; None: not recorded
    facts: FactsChange | None = None  # of SAME: the facts changed, and the text did not
    digest: str | None = None  # of the response's body as sent, "sha1:..." as in the WARC; None: no response
    due: datetime | None = None  # next try of an entry without a revision; None: it is parked
    pictures: Mapping[str, str] = field(default_factory=dict)  # images to download: address -> host
    recheck: datetime | None = None  # when the article reaches the next age of schedule.recheck; None: never
    idle: int = 0  # fetches in a row without a change, this one included
    idle_until: datetime | None = None  # no recheck before: many fetches in a row found no change; None: no delay


class Observation(Struct, frozen=True):
    """A fetch in the index."""

    docid: str
    at: datetime
    outcome: Outcome
    revision: int  # number of the newest revision after it; 0: none
    evidence: str | None  # reason of GONE, MOVED and FAILED
    returned: bool  # the article was gone before, and is back
    status: int | None  # the HTTP status; None: no response, or none was needed
    position: JournalPosition | None  # of its journal record; None: no journal is kept
    digest: str | None  # of the body as sent, "sha1:..." as in the WARC; None: no response


def fingerprint_rule(fingerprint: str) -> str:
    """Return the number of the rule that computed a fingerprint. Only fingerprints of one rule can be compared."""
    return fingerprint.partition(":")[0]


class ArticleState(Struct, frozen=True):
    """State of an archived article in the index, for the decision on a recheck."""

    revision: Revision  # the newest one, with its facts as they changed since
    archived_at: datetime  # when the first revision was observed
    text: str | None  # plain text of the newest revision; None: the index has none, as of versions before m003
    attempts: int = 0  # failed fetches in a row
    gone: datetime | None = None  # since when the site has deleted it
    idle: int = 0  # fetches in a row without a change
    recheck: datetime | None = None  # when it reaches the next age of schedule.recheck; None: never
    stated: PageFacts | None = None  # what its page stated at the last fetch that got it; None: not recorded
    listed_title: str = ""  # its title in the list at that fetch
    facts_step: int = 0  # number of the last change of its facts

    def gone_after(self, outcome: Outcome, at: datetime) -> datetime | None:
        """Return since when the article is deleted, after a fetch at ``at`` with this outcome; None if it is not.

        A failed fetch changes nothing, and neither does one that got another article's page.
        """
        if outcome is Outcome.GONE:
            return self.gone or at
        return self.gone if outcome in (Outcome.FAILED, Outcome.MOVED) else None
