"""robots.txt: Scrapy's middleware, corrected."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

if TYPE_CHECKING:
    pass

ROBOTS = "dont_obey_robotstxt"  # Scrapy's mark on its own requests for robots.txt
LARGEST_ROBOTS = 512 * 1024  # bytes; RFC 9309 asks for 500 KiB, and megabytes of rules take seconds to parse
ROBOTS_AGE = 24 * 3600  # seconds; RFC 9309: not to be used for longer than a day


class StrictRobots(RobotsTxtMiddleware):
    """Scrapy's robots.txt middleware, but for hosts whose robots.txt could not be had.

    Scrapy then takes everything as allowed, for the life of the process. Here the request fails as its robots.txt
    did, and the next one asks again. Nor does it keep to the rules for more than two of the requests that wait for
    them together; here all do. See D18 and D35.

    Private API of Scrapy 2.19: ``robot_parser``, ``_robots_error`` and ``_parsers``, which has for each host its
    rules, a Deferred while they are fetched, or None where they could not be had.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unknown: dict[str, Exception] = {}
        self._asked: dict[str, float] = {}  # when, on the monotonic clock

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The rules of a request's host.

        :raises Exception: what kept its robots.txt from being fetched
        """
        netloc = urlparse_cached(request).netloc
        if time.monotonic() - self._asked.setdefault(netloc, time.monotonic()) > ROBOTS_AGE:
            self._parsers.pop(netloc, None)
            self._asked[netloc] = time.monotonic()
        rules = await super().robot_parser(request)
        if rules is None and isinstance(known := self._parsers.get(netloc), RobotParser):
            rules = known  # of those that wait for it together, Scrapy gives it to the first alone
        if rules is None and (error := self._unknown.get(netloc)):
            if self._parsers.get(netloc, error) is None:  # else it is being asked for again already
                del self._parsers[netloc]
            raise error
        return rules

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._unknown.pop(netloc, None)
        if not isinstance(exc, IgnoreRequest):  # of one that redirects for ever RFC 9309 expects nothing
            self._unknown[netloc] = exc
        super()._robots_error(exc, netloc)
