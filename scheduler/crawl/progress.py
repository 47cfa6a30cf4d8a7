"""What a one-off errand has seen and done so far, and in the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from scheduler.exits import Exit


@dataclass(slots=True)
class FeedProgress:
    """What was seen of one feed."""

    id: str
    pages: int = 0
    listed: int = 0
    new: int = 0
    error: str | None = None
    polled: bool = False
    oldest_available: str | None = None  # the list ends here, later than a walk was to come: China time, in words


@dataclass(frozen=True, slots=True)
class ImageProgress:
    """What was done about pictures."""

    kept: int
    failed: int
    waiting: int  # in the whole archive, afterwards


@dataclass(slots=True)
class CrawlProgress:
    """What an errand has done so far."""

    feeds: dict[str, FeedProgress] = field(default_factory=dict)
    archived: int = 0
    revised: int = 0
    failed: int = 0
    waiting: int = 0  # articles that are due and not fetched yet
    resting: set[str] = field(default_factory=set)  # hosts given up on, for they want rest
    pictures: int = 0  # kept
    walking: str | None = None  # how far a walk through the past has come, in words

    def as_json(self) -> dict[str, Any]:
        """As a document to send to another process."""
        return asdict(self) | {"resting": sorted(self.resting)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The reverse of :meth:`as_json`."""
        feeds = {name: FeedProgress(**feed) for name, feed in document["feeds"].items()}
        return cls(**(document | {"feeds": feeds, "resting": set(document["resting"])}))


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What an errand did."""

    feeds: tuple[FeedProgress, ...]
    archived: int
    revised: int
    failed: int
    pending: int  # in the whole archive, afterwards
    requests: int  # sent meanwhile, robots.txt and redirects included
    left: int  # articles that were due and were not tried, although no limit kept them from it
    resting: tuple[str, ...]  # hosts left alone because they want rest
    interrupted: bool = False
    pictures: ImageProgress | None = None  # None: none are kept

    def as_json(self) -> dict[str, Any]:
        """The document that ``crawl --json`` prints."""
        feeds = [
            {"id": f.id, "pages": f.pages, "listed": f.listed, "new": f.new, "error": f.error} for f in self.feeds
        ]
        names = ("archived", "revised", "failed", "pending", "requests")
        pictures = {"pictures": asdict(self.pictures)} if self.pictures else {}
        return {"feeds": feeds} | {name: getattr(self, name) for name in names} | pictures

    def exit_status(self) -> Exit:
        """The exit status that says the same in one number."""
        errors = [feed for feed in self.feeds if feed.error]
        if self.interrupted:
            return Exit.INTERRUPTED
        if errors and len(errors) == len(self.feeds):
            return Exit.NO_FEED
        return Exit.SOME_FAILED if self.failed or self.left or errors else Exit.DONE

    def whole(self) -> dict[str, Any]:
        """As a document to send to another process, with what :meth:`as_json` leaves out."""
        return asdict(self)

    @classmethod
    def from_whole(cls, document: dict[str, Any]) -> Self:
        """The reverse of :meth:`whole`."""
        feeds = tuple(FeedProgress(**feed) for feed in document["feeds"])
        pictures = ImageProgress(**document["pictures"]) if document.get("pictures") else None
        return cls(**(document | {"feeds": feeds, "resting": tuple(document["resting"]), "pictures": pictures}))
