"""What went wrong with a request, in a kind and one line of words."""

from __future__ import annotations

import pytest
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

from archive.model.feed import Failure, FailureKind
from crawler.errors import ExtractionError, GoneError, ListingError
from crawler.http import ssrf
from crawler.http.failures import RefusedError, of_exception
from crawler.http.status import of_status

HOST = "finance.sina.com.cn"


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (CannotResolveHostError(), FailureKind.TEMPORARY, f"the name {HOST} could not be resolved: is there a network?"),  # noqa: E501
        (DownloadConnectionRefusedError("x"), FailureKind.TEMPORARY, f"{HOST} refused the connection"),
        (DownloadTimeoutError(), FailureKind.TEMPORARY, f"{HOST} took too long: no whole answer within network.timeout"),  # noqa: E501
        (ResponseDataLossError(), FailureKind.TEMPORARY, f"the answer of {HOST} ended in the middle"),
        (DownloadCancelledError(), FailureKind.REFUSED, "the answer is larger than network.max_body"),
        (RefusedError("no robots.txt here"), FailureKind.REFUSED, "no robots.txt here"),
        (IgnoreRequest("Forbidden by robots.txt"), FailureKind.REFUSED,
         "the host's robots.txt forbids it, and network.obey_robots is true"),
        (IgnoreRequest("exceeded DOWNLOAD_MAXSIZE (10)"), FailureKind.REFUSED,
         "the answer unpacks to more than network.max_body"),
        (IgnoreRequest("max redirections reached"), FailureKind.REFUSED, "too many redirects"),
        (IgnoreRequest("something else"), FailureKind.TEMPORARY, f"{HOST}: something else"),
        (GoneError("the page says so"), FailureKind.GONE, "the page says so"),
        (ExtractionError("no article"), FailureKind.UNREADABLE, "no article"),
        (ListingError("no list"), FailureKind.UNREADABLE, "no list"),
        (DownloadFailedError("reset"), FailureKind.TEMPORARY, f"{HOST}: reset"),
        (ConnectionResetError(), FailureKind.TEMPORARY, f"{HOST}: ConnectionResetError"),
        (ValueError("two\n lines \t of {braces}"), FailureKind.TEMPORARY, f"{HOST}: two lines of {{braces}}"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)  # fmt: skip
def test_an_exception_becomes_a_kind_and_a_line(error: BaseException, kind: FailureKind, reason: str) -> None:
    assert of_exception(error, "doc1", HOST) == Failure("doc1", kind, reason)


def test_a_reason_is_bounded() -> None:
    assert len(of_exception(ValueError("x" * 10_000), "doc1", HOST).reason) == 300


def test_a_name_that_was_refused_for_its_address_is_no_unknown_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ssrf.refused, "intern.example.com", "10.0.0.1")
    failure = of_exception(CannotResolveHostError(), "doc1", "intern.example.com")
    assert failure.kind is FailureKind.REFUSED
    assert failure.reason == (
        "intern.example.com has the private address 10.0.0.1, and network.allow_private is false"
    )
    assert of_exception(DownloadTimeoutError(), "doc1", "intern.example.com").kind is FailureKind.TEMPORARY


def test_no_exception_at_all_is_a_failure_as_well() -> None:
    assert of_exception(None, "doc1", HOST).kind is FailureKind.TEMPORARY


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, FailureKind.BLOCKED) for status in (403, 418, 429, 456)),
        *((status, FailureKind.GONE) for status in (404, 410, 451)),
        *((status, FailureKind.UNREADABLE) for status in (201, 202, 204, 206, 300, 301, 302, 304, 307, 308)),
        *(
            (status, FailureKind.TEMPORARY)
            for status in (100, 400, 401, 405, 408, 425, 500, 502, 503, 504, 520, 599, 999)
        ),
    ],
)
def test_a_status_becomes_a_kind_and_is_named(status: int, kind: FailureKind) -> None:
    failure = of_status(status, "doc1")
    assert failure is not None
    assert (failure.subject, failure.kind) == ("doc1", kind)
    assert f"status {status}" in failure.reason


def test_only_200_is_a_success() -> None:
    assert [status for status in range(100, 1000) if of_status(status, "doc1") is None] == [200]


def test_a_redirect_that_was_not_followed_names_its_target() -> None:
    assert of_status(302, "d", "ftp://x/") == Failure(
        "d", FailureKind.UNREADABLE, "status 302: a redirect to ftp://x/"
    )
    assert of_status(302, "d") == Failure("d", FailureKind.UNREADABLE, "status 302: a redirect to nowhere")
    result = of_status(302, "d", "http://x/" + "y" * 1000)
    assert result is not None
    assert len(result.reason) < 250
