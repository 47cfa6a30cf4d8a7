"""State that the HTTP handler shares with the spider and the engine."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct
from scrapy import Request
from scrapy.http import Response

from crawler.http.backoff import HostBackoffs


class RemoteDownloader(Protocol):
    """Sends requests from other machines."""

    async def download(self, request: Request) -> Response:
        """Return the response to a request.

        :raises Exception: what the handler of the other machine has raised
        """

    def release(self) -> None:
        """Let all requests fail that have no response yet: the spider is closing."""


class TransferState(Struct):
    """Transfers of one spider."""

    backoffs: HostBackoffs
    # Host -> time of the last request on the monotonic clock. Spiders that follow each other share it.
    last_requests: dict[str, float]
    is_closing: bool = False  # nothing more may be sent
    in_flight: int = 0  # requests that have been sent and not answered
    remote: RemoteDownloader | None = None  # sends the requests; None: this process does

    def close(self) -> None:
        """Send nothing more."""
        self.is_closing = True
        if self.remote:
            self.remote.release()


class TransferOwner(Protocol):
    """A spider, as the HTTP handler finds it on Scrapy's crawler."""

    transfer: TransferState
