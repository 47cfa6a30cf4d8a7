"""Pictures: handed to the spider, brought to the disk, tried again."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from archive.model.errors import NotWritableError
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from archive.model.image import FailedImage, QueuedImage, StoredImage
from crawler.extract.image import read_image
from pipeline.writer import PASSES, PAUSE
from scheduler.crawl.context import CrawlContext
from scheduler.policy.intervals import retry_delay

logger = logging.getLogger("finarchive")

# Answers on their way to the disk, beyond which no picture is asked for: each may have network.max_body bytes.
MAX_QUEUED = 16


@dataclass(slots=True)
class _FetchedImage:
    picture: QueuedImage
    at: datetime
    milliseconds: int
    response: RawResponse | None = None
    failure: Failure | None = None  # why none came, or none that can be kept


class ImageQueue:
    """Queue of images to fetch. Gives out none before :meth:`open`, and none unless ``archive.images`` is on."""

    def __init__(self, run: CrawlContext) -> None:
        self._run, self._images = run, run.store.images
        self.kept = self.missed = 0  # in this run
        self._open = False
        self._chosen: set[str] | None = None  # addresses of those that may be fetched; None: all
        self._hosts: set[str] = set()  # that pictures may be waiting for
        self._next_due: datetime | None = None  # of those that are not due yet
        self._in_flight: dict[str, QueuedImage] = {}
        self._item: list[_FetchedImage] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def on(self) -> bool:
        """Whether pictures are kept."""
        return self._run.settings.archive.images

    def open(self, *, all_due: bool) -> None:
        """Let pictures be fetched from now on.

        :param all_due: those of earlier runs too; else only those of the articles that are archived now
        """
        self._open, self._chosen = True, None if all_due else set()
        self.fetch()

    def fetch(self) -> None:
        """Look again which hosts pictures wait for, and have them fetched."""
        if self._open and self.on and self._run.fetching:
            now = self._run.now()
            self._hosts = set(self._images.hosts(now, self._tried_before(now), self._chosen))
            self._next_due = self._images.next_due(now)
            self._run.fetching.refill()

    def tick(self) -> None:
        """Time has passed: something may have become due."""
        if self._next_due and self._next_due <= self._run.now():
            self.fetch()

    def expect(self, pictures: Mapping[str, str]) -> None:
        """These pictures may have come to be wanted.

        :param pictures: their hosts, by their addresses
        """
        if self._chosen is not None:
            self._chosen.update(pictures)
        self._hosts.update(pictures.values())
        if self._run.fetching:
            for host in set(pictures.values()):
                self._run.fetching.refill(host)

    def waiting(self, began: datetime) -> dict[str, int]:
        """Hosts that pictures are due from which were not tried since ``began``, and how many."""
        return self._images.hosts(self._run.now(), began, self._chosen) if self.on else {}

    @property
    def busy(self) -> bool:
        """Whether any picture is with the spider or on its way to the disk."""
        return bool(self._in_flight)

    # Work

    def hosts(self) -> Iterable[str]:
        """See Work."""
        return self._hosts if self._open and self.on else ()

    def lease(self, host: str, most: int) -> list[str]:
        """See Work."""
        if not self._open or not self.on or self._run.suspended() or len(self._item) >= MAX_QUEUED:
            return []
        now = self._run.now()
        ours = [url for url, picture in self._in_flight.items() if picture.host == host]
        taken = self._images.due(host, most, now, self._tried_before(now), in_flight=ours, only=self._chosen)
        for picture in taken:
            self._in_flight[picture.url] = picture
            self._run.began()
        if not taken and not ours:
            self._hosts.discard(host)
            self._next_due = self._images.next_due(now)
        return [picture.url for picture in taken]

    def release(self, url: str) -> None:
        """See Work."""
        if self._in_flight.pop(url, None):
            self._run.ended()
        self._run.tell_change()

    def answered(self, url: str, response: RawResponse, milliseconds: int) -> None:
        """See Work."""
        self._put(url, milliseconds, response=response)

    def failed(self, url: str, failure: Failure) -> None:
        """See Work."""
        self._put(url, 0, failure=failure)

    def _put(
        self, url: str, milliseconds: int, *, response: RawResponse | None = None, failure: Failure | None = None
    ) -> None:
        if url not in self._in_flight:  # it came when all was over
            return
        self._item.append(_FetchedImage(self._in_flight[url], self._run.now(), milliseconds, response, failure))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_all())

    def let_go(self) -> None:
        """The spider is closed: what it had not fetched is no longer in hand."""
        for url in self._in_flight.keys() - {each.picture.url for each in self._item}:
            del self._in_flight[url]
            self._run.ended()

    async def drain(self) -> None:
        """Bring what has been fetched to the disk."""
        if self._writing:
            await self._writing

    # Writing

    async def _write_all(self) -> None:
        try:
            while self._item:
                batch = list(self._item)
                await self._write(batch)
                was_full = len(self._item) >= MAX_QUEUED
                del self._item[: len(batch)]
                for each in batch:
                    del self._in_flight[each.picture.url]
                    self._run.ended()
                if was_full and self._run.fetching:
                    self._run.fetching.refill()
                self._run.tell_change()
        except Exception as error:
            self._run.crash(error)
        finally:
            self._writing = None

    async def _write(self, batch: Sequence[_FetchedImage]) -> None:
        """Files, then rows; on a disk that takes nothing, as soon as it does again."""
        while True:
            try:
                kept = await asyncio.to_thread(self._write_files, batch)
                missed = [self._missed(each, each.failure) for each in batch if each.failure]
                self._images.commit(kept, missed, self._run.now())
            except PASSES as refusal:
                self._run.tolerate(refusal)
                if isinstance(refusal, NotWritableError):  # asking its host again would not mend it soon
                    for each in batch:
                        each.failure = each.failure or Failure(each.picture.url, FailureKind.TEMPORARY, str(refusal))
                await asyncio.sleep(PAUSE)
            else:
                break
        self._tell(batch, kept, missed)

    def _write_files(self, batch: Sequence[_FetchedImage]) -> list[StoredImage]:
        kept, files = [], dict[PurePosixPath, bytes]()
        for each in batch:
            if each.failure or each.response is None:
                continue
            url = each.picture.url
            image = read_image(url, each.response, each.at, self._run.settings.network.max_body)
            if isinstance(image, Failure):
                each.failure = image
                continue
            sha256 = hashlib.sha256(image.data).hexdigest()
            picture = StoredImage(url, each.at, sha256, image.media_type, len(image.data))
            files[picture.path] = image.data  # once, whatever the number of addresses
            kept.append(picture)
        self._run.archive.write_images(files)
        return kept

    def _missed(self, answered: _FetchedImage, failure: Failure) -> FailedImage:
        picture = answered.picture
        delay = retry_delay(failure.kind, picture.attempts + 1, answered.at - picture.first_seen)
        due = None if delay is None else answered.at + max(delay, self._run.policy.least_retry)
        return FailedImage(failure, answered.at, due)

    def _tell(
        self, batch: Sequence[_FetchedImage], kept: Sequence[StoredImage], missed: Sequence[FailedImage]
    ) -> None:
        self.kept += len(kept)
        self.missed += len(missed)
        took = {each.picture.url: each for each in batch}
        for picture in kept:
            milliseconds = took[picture.url].milliseconds
            logger.info("picture-kept url=%r bytes=%d ms=%d", picture.url, picture.size, milliseconds)
        for miss in missed:
            url, what = miss.failure.subject, "failed" if miss.due else "parked"
            attempt = took[url].picture.attempts + 1
            logger.warning("picture-%s url=%r attempt=%d reason=%r", what, url, attempt, miss.failure.reason)
            if miss.due:
                self._next_due = min(miss.due, self._next_due or miss.due)

    def _tried_before(self, now: datetime) -> datetime:
        return self._run.policy.tried_before or now
