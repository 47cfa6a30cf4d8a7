"""What went wrong with a request: from exceptions and statuses to a kind and a line in words."""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response

from archive.model.feed import Failure, FailureKind
from crawler.errors import CrawlerError, GoneError
from crawler.http import ssrf
from crawler.http.backoff import HostBackedOffError
from crawler.http.status import one_line


class RefusedError(IgnoreRequest):
    """We do not ask for such an address."""


class ClosingError(IgnoreRequest):
    """The request was not sent: the spider closes."""


# Undocumented in Scrapy 2.19: the words of its IgnoreRequest, which alone tell its reasons apart.
# The first that fits wins. {host} is the request's, {error} the exception's own words.
_MEANINGS: tuple[tuple[type[BaseException], str, FailureKind, str], ...] = (
    # exception, a part of its words, what it means
    (CannotResolveHostError, "", FailureKind.TEMPORARY, "the name {host} could not be resolved: is there a network?"),
    (DownloadConnectionRefusedError, "", FailureKind.TEMPORARY, "{host} refused the connection"),
    (DownloadTimeoutError, "", FailureKind.TEMPORARY, "{host} took too long: no whole answer within network.timeout"),
    (ResponseDataLossError, "", FailureKind.TEMPORARY, "the answer of {host} ended in the middle"),
    (DownloadCancelledError, "", FailureKind.REFUSED, "the answer is larger than network.max_body"),
    (RefusedError, "", FailureKind.REFUSED, "{error}"),
    (
        IgnoreRequest,
        "robots.txt",
        FailureKind.REFUSED,
        "the host's robots.txt forbids it, and network.obey_robots is true",
    ),
    (IgnoreRequest, "DOWNLOAD_MAXSIZE", FailureKind.REFUSED, "the answer unpacks to more than network.max_body"),
    (IgnoreRequest, "max redirections", FailureKind.REFUSED, "too many redirects"),
    (GoneError, "", FailureKind.GONE, "{error}"),
    (HostBackedOffError, "wants rest", FailureKind.BLOCKED, "{error}"),
    (HostBackedOffError, "", FailureKind.TEMPORARY, "{error}"),
    (CrawlerError, "", FailureKind.UNREADABLE, "{error}"),
    (BaseException, "", FailureKind.TEMPORARY, "{host}: {error}"),
)


def of_exception(error: BaseException | None, subject: str, host: str) -> Failure:
    """The failure of a request that brought no answer, or one that could not be read.

    :param host: that of the request
    """
    if isinstance(error, CannotResolveHostError) and (address := ssrf.refused.get(host)):
        error = RefusedError(f"{host} has the private address {address}, and network.allow_private is false")
    error = error or RuntimeError("no answer, and no reason for it")
    told = str(error) or type(error).__name__
    kind, words = next(
        (kind, words) for type_, part, kind, words in _MEANINGS if isinstance(error, type_) and part in told
    )
    return Failure(subject, kind, one_line(words.format(host=host, error=told)))


def is_out_of_reach(error: BaseException) -> float:
    """How much a failed request says that its host cannot be reached at all: 0 nothing, 1 as much as one can.

    A time-out says less than a refused connection or a name without an address: one page may be slow.
    """
    if isinstance(error, (CannotResolveHostError, DownloadConnectionRefusedError)):
        return 1.0
    return 0.5 if isinstance(error, DownloadTimeoutError) else 0.0


def header(response: Response, name: str) -> str:
    """A header of an answer as text; "" when it has none."""
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""
