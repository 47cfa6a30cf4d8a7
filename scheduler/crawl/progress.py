"""Progress and result of a crawl, and of a single page."""

from __future__ import annotations

from typing import Any, Self

from msgspec import Struct, field

from archive.records import as_dict
from scheduler.exits import Exit


class FeedProgress(Struct):
    """Progress of one feed."""

    id: str
    pages: int = 0
    listed: int = 0
    new: int = 0
    error: str | None = None
    polled: bool = False
    oldest_available: str | None = None  # the list ends here, within the backfill; China time, for people


class ImageProgress(Struct, frozen=True):
    """Result for images."""

    kept: int
    failed: int
    waiting: int  # in the whole archive, afterwards


class CrawlProgress(Struct):
    """Progress so far."""

    feeds: dict[str, FeedProgress] = field(default_factory=dict)
    archived: int = 0
    revised: int = 0
    gone: int = 0  # archived articles that were found deleted, and were not known to be
    failed: int = 0
    waiting: int = 0  # articles that are due and not yet fetched
    resting: set[str] = field(default_factory=set)  # hosts skipped because of their back-off
    pictures: int = 0  # images stored
    walking: str | None = None  # publication time that a backfill has reached; China time, for people

    def as_json(self) -> dict[str, Any]:
        """Return a JSON document for another process."""
        return as_dict(self) | {"resting": sorted(self.resting)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Restore from :meth:`as_json`."""
        feeds = {name: FeedProgress(**feed) for name, feed in document["feeds"].items()}
        return cls(**(document | {"feeds": feeds, "resting": set(document["resting"])}))


class CrawlResult(Struct, frozen=True):
    """Result of a crawl."""

    feeds: tuple[FeedProgress, ...]
    archived: int
    revised: int
    failed: int
    pending: int  # in the whole archive, afterwards
    requests: int  # sent, including robots.txt and redirects
    left: int  # due articles that were not tried, other than because of a limit
    resting: tuple[str, ...]  # hosts skipped because of their back-off
    interrupted: bool = False
    pictures: ImageProgress | None = None  # None: images are not archived
    gone: int = 0  # archived articles that were found deleted, and were not known to be

    def as_json(self) -> dict[str, Any]:
        """Return the document that ``crawl --json`` prints."""
        feeds = [
            {"id": f.id, "pages": f.pages, "listed": f.listed, "new": f.new, "error": f.error} for f in self.feeds
        ]
        names = ("archived", "revised", "failed", "pending", "requests")
        pictures = {"pictures": as_dict(self.pictures)} if self.pictures else {}
        return {"feeds": feeds} | {name: getattr(self, name) for name in names} | pictures

    def exit_status(self) -> Exit:
        """Return the exit status."""
        errors = [feed for feed in self.feeds if feed.error]
        if self.interrupted:
            return Exit.INTERRUPTED
        if errors and len(errors) == len(self.feeds):
            return Exit.NO_FEED
        return Exit.SOME_FAILED if self.failed or self.left or errors else Exit.DONE

    def as_document(self) -> dict[str, Any]:
        """Return a JSON document for another process: all fields, also those that :meth:`as_json` omits."""
        return as_dict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Restore from :meth:`as_document`."""
        feeds = tuple(FeedProgress(**feed) for feed in document["feeds"])
        pictures = ImageProgress(**document["pictures"]) if document.get("pictures") else None
        return cls(**(document | {"feeds": feeds, "resting": tuple(document["resting"]), "pictures": pictures}))


class PageResult(Struct, frozen=True):
    """What became of a page that was added."""

    docid: str
    url: str
    title: str | None  # None: not archived yet
    path: str | None
    status: str  # archived, pending or parked
    new: bool  # archived now; False: it was archived before, or is not
    failure: str | None = None  # why it is not archived

    def as_json(self) -> dict[str, Any]:
        """Return the document that ``add --json`` prints."""
        return as_dict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Restore from :meth:`as_json`."""
        return cls(**document)

    def exit_status(self) -> Exit:
        """Return the exit status."""
        return Exit.DONE if self.status == "archived" else Exit.SOME_FAILED
