"""Archive one page by its address: record an entry for it, fetch it before all others, and report the result."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from archive.model.article import Revision
from archive.model.feed import BackfillPage, Entry, Failure, Filing
from archive.model.fetch import Decision
from crawler import urls
from crawler.listings.identity import identify, query_of
from crawler.listings.site_items import identity
from scheduler.crawl.context import MAX_BACKOFF_WAIT_SECONDS, CrawlObserver
from scheduler.crawl.progress import PageResult
from scheduler.crawl.work_queue import ArchiveWorkQueue

# Pages that a user adds are filed here, unless the user chooses other categories. 网页 means web page.
ADDED_CATEGORIES = ("网页",)
# In place of a feed, pages that a user adds belong to this; with other categories, followed by their digest.
ADDED_FEED = "added"
CHECK_INTERVAL_SECONDS = 1.0  # without a change, check for back-offs this often


class PageJob(CrawlObserver):
    """Archives one page on a work queue: its own, or the daemon's.

    :param categories: to file it under; () for those of pages that are added
    """

    def __init__(self, work_queue: ArchiveWorkQueue, url: str, categories: tuple[str, ...]) -> None:
        self._work_queue = work_queue
        self._context = work_queue.context
        self._began = work_queue.context.now()
        self._url = url
        self._categories = categories or ADDED_CATEGORIES
        self._docid = ""
        self._is_done = False
        self._failure: str | None = None
        self._changed = asyncio.Event()

    async def run(self, *, open_articles: bool = True) -> PageResult:
        """Archive the page, unless it is archived; return the result.

        :param open_articles: start fetching this page and its images only, in a process without a daemon
        """
        entry = self._entry()
        self._docid = entry.docid
        known = self._context.store.articles.find(self._docid)
        if known is None:
            self._record(entry)
        if known is None or known["status"] == "pending":
            self._context.observers.append(self)
            try:
                if open_articles:
                    self._work_queue.open_first()
                self._work_queue.articles.fetch_first(self._docid, urls.host(entry.url))
                await self._wait(urls.host(entry.url), with_images=open_articles)
            finally:
                self._context.observers.remove(self)
        return self._result(is_new=known is None or known["status"] != "archived")

    def _entry(self) -> Entry:
        """Return the entry of the page, with the docid by which the archive knows it, if it does."""
        is_foreign = not urls.is_sina_url(self._url)
        stated = urls.docid_of_page(self._url)  # by which lists know it, whatever its host
        row = self._context.store.articles.find(stated) if stated else None
        if row and urls.host(row["url"] or "") == urls.host(self._url):
            return Entry(row["docid"], self._url, "", None, None, None, None, None)
        entry = Entry(identity(self._url), self._url, "", None, None, None, None, None, foreign=is_foreign)
        if query := query_of([entry]):
            [entry] = identify([entry], self._context.store.listings.identities(self._feed(), query))
        return entry

    def _feed(self) -> str:
        if self._categories == ADDED_CATEGORIES:
            return ADDED_FEED
        return f"{ADDED_FEED}-{urls.digest('/'.join(self._categories))[:8]}"

    def _record(self, entry: Entry) -> None:
        feed, host = self._feed(), urls.host(entry.url)
        filing = Filing(self._categories, self._categories[:2][-1])
        self._context.set_filing(feed, filing)
        page, store = BackfillPage(feed, self._began, (entry,)), self._context.store
        store.listings.commit_backfill_page(page, filing, {entry.docid: [feed]}, {entry.docid: host})
        store.feeds.log_snapshot(self._began)  # which has the filing, for a rebuild while the page still waits

    async def _wait(self, host: str, *, with_images: bool) -> None:
        longest = timedelta(seconds=MAX_BACKOFF_WAIT_SECONDS)
        while not self._is_done:
            if self._work_queue.articles.backoff_remaining(host) > longest:
                self._failure = f"{host} is backed off; a later crawl fetches the page"
                return
            await self._wait_for_change()
        while with_images and self._work_queue.images.busy:
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), CHECK_INTERVAL_SECONDS)
        except TimeoutError:
            if not self._work_queue.busy:
                self._work_queue.check_due()

    def _result(self, *, is_new: bool) -> PageResult:
        row = self._context.store.articles.find(self._docid) or {}
        revisions = self._context.store.articles.revisions(self._docid)
        return PageResult(
            docid=self._docid,
            url=row["url"],
            title=revisions[-1].title if revisions else None,
            path=revisions[-1].path if revisions else None,
            status=row["status"],
            new=is_new and bool(revisions),
            failure=None if revisions else self._failure or row["failure"],
        )

    # CrawlObserver

    def archived(self, entry: Entry, revision: Revision) -> None:
        """Notice that the page was archived."""
        self._end(entry.docid)

    def rechecked(self, decision: Decision) -> None:
        """Notice that the page was fetched again."""
        self._end(decision.fetch.pending.entry.docid)

    def failed(self, failure: Failure) -> None:
        """Notice that the page could not be fetched."""
        self._end(failure.subject)

    def changed(self) -> None:
        """Wake up :meth:`run`."""
        self._changed.set()

    def _end(self, docid: str) -> None:
        if docid == self._docid:
            self._is_done = True
            self._changed.set()
