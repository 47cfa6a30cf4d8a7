"""State that the HTTP handler shares with the spider and the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from crawler.http.backoff import HostBackoffs


@dataclass(slots=True)
class TransferState:
    """Transfers of one spider."""

    backoffs: HostBackoffs
    # Host -> time of the last request on the monotonic clock. Spiders that follow each other share it.
    last_requests: dict[str, float]
    is_closing: bool = False  # nothing more may be sent
    in_flight: int = 0  # requests that have been sent and not answered


class TransferOwner(Protocol):
    """A spider, as the HTTP handler finds it on Scrapy's crawler."""

    transfer: TransferState
