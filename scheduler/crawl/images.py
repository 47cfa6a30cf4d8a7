"""Queue of images: lease to the spider, write to disk, retry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from msgspec import Struct

from archive.files.hashing import sha256_of
from archive.files.layout import image_link_path, image_path
from archive.model.errors import NotWritableError, TransientError
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from archive.model.image import FailedImage, QueuedImage, StoredImage
from crawler.extract.image import read_image
from pipeline.retry import retry_delay
from pipeline.writer import DISK_RETRY_SECONDS
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")

# With more responses waiting to be written, no image is leased: each may have network.max_body bytes.
MAX_QUEUED = 16


class _FetchedImage(Struct):
    image: QueuedImage
    at: datetime
    milliseconds: int
    response: RawResponse | None = None
    failure: Failure | None = None  # why there is no response, or no image in it


class ImageQueue:
    """Queue of images to fetch. Leases none before :meth:`open`, and none unless ``archive.images`` is on.

    :param on_clock_back: called when times were recorded that are in the future
    """

    def __init__(self, context: CrawlContext, on_clock_back: Callable[[], None]) -> None:
        self._context = context
        self._on_clock_back = on_clock_back
        self._images = context.store.images
        self.stored = 0  # in this process
        self.failures = 0  # in this process
        self._is_open = False
        self._only: set[str] | None = None  # the only addresses to fetch; None: all
        self._hosts: set[str] = set()  # hosts that may have due images
        self._next_due: datetime | None = None  # of images that are not due yet
        self._in_flight: dict[str, QueuedImage] = {}
        self._unwritten: list[_FetchedImage] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def enabled(self) -> bool:
        """True if images are archived."""
        return bool(self._context.settings.archive.images)

    def open(self, *, all_due: bool) -> None:
        """Start fetching images.

        :param all_due: True: also images from earlier runs; False: only images of articles archived from now on
        """
        if self._context.settings.archive.images == "local":
            self._context.attempt(self._link_all)
        self._is_open = True
        self._only = None if all_due else set()
        self.check_due()

    def _link_all(self) -> None:
        self._context.archive.make_image_links(self._images.links())

    def check_due(self) -> None:
        """Find the hosts with due images, and notify the spider."""
        self._context.attempt(self._check_due)

    def _check_due(self) -> None:
        if self._is_open and self.enabled and self._context.fetcher:
            now = self._context.now()
            self._hosts = set(self._images.hosts(now, self._tried_before(now), self._only))
            self._next_due = self._images.next_due(now)
            self._context.fetcher.refill()

    def tick(self) -> None:
        """Notify the spider of images that became due; called every second."""
        if self._next_due and self._next_due <= self._context.now():
            self.check_due()

    def add_images(self, images: Mapping[str, str]) -> None:
        """Add images that were queued in the index.

        :param images: address -> host
        """
        if self._only is not None:
            self._only.update(images)
        self._hosts.update(images.values())
        if self._context.fetcher:
            for host in set(images.values()):
                self._context.fetcher.refill(host)

    def waiting(self, began: datetime) -> dict[str, int]:
        """Return the number of due images not tried since ``began``: host -> number."""
        return self._images.hosts(self._context.now(), began, self._only) if self.enabled else {}

    @property
    def busy(self) -> bool:
        """True if any image is being fetched or written."""
        return bool(self._in_flight)

    # ImageTasks

    def hosts(self) -> Iterable[str]:
        """Return the hosts that may have due images; none before :meth:`open`."""
        return self._hosts if self._is_open and self.enabled else ()

    def lease(self, host: str, limit: int) -> list[str]:
        """Lease up to ``limit`` due images of a host; return their URLs."""
        leased: list[str] = []
        self._context.attempt(lambda: leased.extend(self._lease_due(host, limit)))
        return leased

    def _lease_due(self, host: str, limit: int) -> list[str]:
        if not self._is_open or not self.enabled or self._context.suspended() or len(self._unwritten) >= MAX_QUEUED:
            return []
        now = self._context.now()
        in_flight = [url for url, image in self._in_flight.items() if image.host == host]
        tried_before = self._tried_before(now)
        leased = self._images.due(host, limit, now, tried_before, in_flight=in_flight, only=self._only)
        for image in leased:
            self._in_flight[image.url] = image
            self._context.work_started()
        if not leased and not in_flight:
            self._hosts.discard(host)
            self._next_due = self._images.next_due(now)
        return [image.url for image in leased]

    def release(self, url: str) -> None:
        """Take back a leased image that was not requested."""
        if self._in_flight.pop(url, None):
            self._context.work_finished()
        self._context.notify_changed()

    def record_response(self, url: str, response: RawResponse, milliseconds: int) -> None:
        """Queue the response for an image to be written."""
        self._put(url, milliseconds, response=response)

    def record_failure(self, url: str, failure: Failure) -> None:
        """Queue a failed request for an image to be recorded."""
        self._put(url, 0, failure=failure)

    def _put(
        self, url: str, milliseconds: int, *, response: RawResponse | None = None, failure: Failure | None = None
    ) -> None:
        if url not in self._in_flight:  # the result arrived after the spider was closed
            return
        self._unwritten.append(
            _FetchedImage(self._in_flight[url], self._context.now(), milliseconds, response, failure)
        )
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_all())

    def release_unfetched(self) -> None:
        """Release the images that the closed spider did not fetch."""
        for url in self._in_flight.keys() - {each.image.url for each in self._unwritten}:
            del self._in_flight[url]
            self._context.work_finished()

    async def drain(self) -> None:
        """Write the fetched images to disk."""
        if self._writing:
            await self._writing

    # Writing

    async def _write_all(self) -> None:
        try:
            while self._unwritten:
                batch = list(self._unwritten)
                await self._write(batch)
                was_full = len(self._unwritten) >= MAX_QUEUED
                del self._unwritten[: len(batch)]
                for each in batch:
                    del self._in_flight[each.image.url]
                    self._context.work_finished()
                if was_full and self._context.fetcher:
                    self._context.fetcher.refill()
                self._context.notify_changed()
        except Exception as error:
            self._context.crash(error)
        finally:
            self._writing = None

    async def _write(self, batch: Sequence[_FetchedImage]) -> None:
        """Write files, then rows; retry while the disk or the index cannot be written."""
        log = self._context.store.log
        stored, failed, is_journaled = list[StoredImage](), list[FailedImage](), False
        while True:
            try:
                if not is_journaled:
                    stored = await self._write_or_fail(batch)
                    failed = [self._failed_image(each, each.failure) for each in batch if each.failure]
                log.catch_up()
                if not is_journaled:
                    try:
                        self._images.commit(stored, failed, self._context.now())
                    finally:
                        is_journaled = log.is_behind  # then catching up commits them
            except TransientError as error:
                self._context.suspend_or_raise(error)
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                break
        if any(each.at > self._context.now() for each in batch):  # the clock was ahead, and was set back
            self._on_clock_back()
        self._report(batch, stored, failed)

    async def _write_or_fail(self, batch: Sequence[_FetchedImage]) -> list[StoredImage]:
        """Write files; if their path cannot be written, the images are fetched again later."""
        try:
            return await asyncio.to_thread(self._write_files, batch)
        except NotWritableError as error:
            self._context.suspend_or_raise(error)
            for each in batch:
                each.failure = each.failure or Failure(each.image.url, FailureKind.TEMPORARY, str(error))
            return []

    def _write_files(self, batch: Sequence[_FetchedImage]) -> list[StoredImage]:
        stored: list[StoredImage] = []
        files = dict[PurePosixPath, bytes]()
        for each in batch:
            if each.failure or each.response is None:
                continue
            url = each.image.url
            image = read_image(url, each.response, each.at, self._context.settings.network.max_body)
            if isinstance(image, Failure):
                each.failure = image
                continue
            sha256 = sha256_of(image.data)
            files[image_path(sha256, image.media_type)] = image.data  # one file for all addresses with the same bytes
            stored.append(StoredImage(url, each.at, sha256, image.media_type, len(image.data)))
        self._context.archive.write_images(files)
        links = {image_link_path(each.url): image_path(each.sha256, each.media_type) for each in stored}
        self._context.archive.add_image_links(links)
        return stored

    def _failed_image(self, fetched: _FetchedImage, failure: Failure) -> FailedImage:
        image = fetched.image
        delay = retry_delay(failure.kind, image.attempts + 1, fetched.at - image.first_seen)
        due = None if delay is None else fetched.at + max(delay, self._context.policy.min_retry_delay)
        return FailedImage(failure, fetched.at, due)

    def _report(
        self, batch: Sequence[_FetchedImage], stored: Sequence[StoredImage], failed: Sequence[FailedImage]
    ) -> None:
        self.stored += len(stored)
        self.failures += len(failed)
        by_url = {each.image.url: each for each in batch}
        for image in stored:
            milliseconds = by_url[image.url].milliseconds
            logger.info("picture-kept url=%r bytes=%d ms=%d", image.url, image.size, milliseconds)
        for failure in failed:
            url, what = failure.failure.subject, "failed" if failure.due else "parked"
            attempt = by_url[url].image.attempts + 1
            logger.warning("picture-%s url=%r attempt=%d reason=%r", what, url, attempt, failure.failure.reason)
            if failure.due:
                self._next_due = min(failure.due, self._next_due or failure.due)

    def _tried_before(self, now: datetime) -> datetime:
        return self._context.policy.tried_before or now
