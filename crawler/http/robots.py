"""robots.txt: Scrapy's middleware, corrected."""

from __future__ import annotations

import time

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

ROBOTS = "dont_obey_robotstxt"  # Scrapy's mark on its own requests for robots.txt
MAX_ROBOTS_BYTES = 512 * 1024  # RFC 9309 requires 500 KiB; megabytes of rules take seconds to parse
MAX_AGE_SECONDS = 24 * 3600  # RFC 9309: do not use a cached robots.txt for longer than a day


class StrictRobots(RobotsTxtMiddleware):
    """Scrapy's robots.txt middleware, except for hosts whose robots.txt could not be fetched.

    Scrapy then allows everything, for the life of the process. Here the request fails as its robots.txt did, and the
    next request tries again. Scrapy also applies the rules to no more than two of the requests that wait for them
    together; here they apply to all. See D18 and D35.

    Private API of Scrapy 2.19: ``robot_parser``, ``_robots_error`` and ``_parsers``, which maps each host to its
    rules, to a Deferred while they are fetched, or to None if they could not be fetched.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._errors: dict[str, Exception] = {}
        self._fetched: dict[str, float] = {}  # when, on the monotonic clock

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """Return the rules of a request's host.

        :raises Exception: the error that prevented fetching its robots.txt
        """
        netloc = urlparse_cached(request).netloc
        if time.monotonic() - self._fetched.setdefault(netloc, time.monotonic()) > MAX_AGE_SECONDS:
            self._parsers.pop(netloc, None)
            self._fetched[netloc] = time.monotonic()
        rules = await super().robot_parser(request)
        if rules is None and isinstance(stored := self._parsers.get(netloc), RobotParser):
            rules = stored  # Scrapy passes it only to the first of the requests that wait for it together
        if rules is None and (error := self._errors.get(netloc)):
            if self._parsers.get(netloc, error) is None:  # else it is being fetched again already
                del self._parsers[netloc]
            raise error
        return rules

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._errors.pop(netloc, None)
        if not isinstance(exc, IgnoreRequest):  # RFC 9309 does not require anything after endless redirects
            self._errors[netloc] = exc
        super()._robots_error(exc, netloc)
