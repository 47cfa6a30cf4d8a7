"""Failures of requests: from exceptions to a kind and a one-line reason."""

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
from crawler.errors import CrawlerError, GoneError, ParserUnavailableError
from crawler.http import ssrf
from crawler.http.backoff import HostBackedOffError
from crawler.http.status import one_line

_PERMANENT = frozenset({301, 308})


class RefusedError(CrawlerError, IgnoreRequest):
    """finarchive does not send requests to this address."""


class ClosingError(CrawlerError, IgnoreRequest):
    """The request was not sent because the spider is closing."""


class RobotsUnavailableError(CrawlerError):
    """A host's robots.txt cannot be had, so it is not known what the host allows."""


# Undocumented in Scrapy 2.19: the messages of its IgnoreRequest, which are the only way to distinguish its reasons.
# The first entry that matches wins. {host} is the request's, {error} is the exception's own message.
_MEANINGS: tuple[tuple[type[BaseException], str, FailureKind, str], ...] = (
    # exception, part of its message, kind, reason
    (CannotResolveHostError, "", FailureKind.TEMPORARY, "the name {host} could not be resolved: is there a network?"),
    (DownloadConnectionRefusedError, "", FailureKind.TEMPORARY, "{host} refused the connection"),
    (DownloadTimeoutError, "", FailureKind.TEMPORARY, "{host} took too long: no whole answer within network.timeout"),
    (ResponseDataLossError, "", FailureKind.TEMPORARY, "the answer of {host} ended in the middle"),
    (DownloadCancelledError, "", FailureKind.REFUSED, "the answer is larger than network.max_body"),
    (RefusedError, "", FailureKind.REFUSED, "{error}"),
    (RobotsUnavailableError, "", FailureKind.TEMPORARY, "{error}"),
    (ClosingError, "", FailureKind.TEMPORARY, "{host}: {error}"),
    (
        IgnoreRequest,
        "robots.txt",
        FailureKind.REFUSED,
        "the host's robots.txt forbids it, and network.obey_robots is true",
    ),
    (IgnoreRequest, "DOWNLOAD_MAXSIZE", FailureKind.REFUSED, "the answer unpacks to more than network.max_body"),
    (IgnoreRequest, "max redirections", FailureKind.REFUSED, "too many redirects"),
    (GoneError, "", FailureKind.GONE, "{error}"),
    (ParserUnavailableError, "", FailureKind.TEMPORARY, "{error}"),
    (CrawlerError, "", FailureKind.UNREADABLE, "{error}"),
    (BaseException, "", FailureKind.TEMPORARY, "{host}: {error}"),
)


def of_exception(error: BaseException | None, subject: str, host: str) -> Failure:
    """Return the failure of a request that got no response, or one that could not be read.

    :param subject: the docid, feed id or URL that the request was for
    :param host: the request's host
    """
    if isinstance(error, HostBackedOffError):
        return Failure(subject, error.backoff.kind, one_line(str(error)))
    if isinstance(error, CannotResolveHostError) and (address := ssrf.refused.get(host)):
        error = RefusedError(f"{host} has the private address {address}, and network.allow_private is false")
    error = error or RuntimeError("no answer, and no reason for it")
    message = str(error) or type(error).__name__
    kind, reason = next(
        (kind, reason) for type_, part, kind, reason in _MEANINGS if isinstance(error, type_) and part in message
    )
    return Failure(subject, kind, one_line(reason.format(host=host, error=message)))


def unreachable_weight(error: BaseException) -> float:
    """Return how strongly a failed request indicates an unreachable host: from 0 (not at all) to 1.

    A time-out counts less than a refused connection or an unresolvable name: a single page may be slow.
    """
    if isinstance(error, (CannotResolveHostError, DownloadConnectionRefusedError, RobotsUnavailableError)):
        return 1.0
    return 0.5 if isinstance(error, DownloadTimeoutError) else 0.0


def header(response: Response, name: str) -> str:
    """Return a header of a response as text; "" if it has none."""
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""


def permanent_target(response: Response) -> str | None:
    """Return the address to which the requested one redirects permanently (301, 308); None if it does not.

    A permanent redirect behind a temporary one says nothing of the requested address.
    """
    meta = response.request.meta if response.request else {}
    addresses = [*meta.get("redirect_urls", ()), response.url]
    reasons = meta.get("redirect_reasons", ())
    steps = next((step for step, reason in enumerate(reasons) if reason not in _PERMANENT), len(reasons))
    return one_line(addresses[steps]) if steps else None
