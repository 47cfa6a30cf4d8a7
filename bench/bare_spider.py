"""The baseline: a bare Scrapy spider that fetches the same lists and pages as `finarchive crawl`, and drops them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response


class BareSpider(Spider):
    """Follows a list to its end. Articles are not parsed, stored or written."""

    name = "bare"
    endpoint = ""

    async def start(self) -> AsyncIterator[Any]:
        """Request the list's first page."""
        yield Request(self.endpoint.format(page=1), self.read_list, cb_kwargs={"page": 1})

    def read_list(self, response: Response, page: int) -> Iterator[Request]:
        """Request the articles of a page, and the next page."""
        items = json.loads(response.body)["result"]["data"]
        if items:
            yield Request(
                self.endpoint.format(page=page + 1), self.read_list, cb_kwargs={"page": page + 1}, priority=1
            )
        for item in items:
            yield Request(item["url"], self.drop)

    def drop(self, response: Response) -> None:
        """Ignore an article."""


def main() -> None:
    """``bare_spider.py ENDPOINT CONCURRENCY CONCURRENT_ITEMS``."""
    process = AsyncCrawlerProcess(
        {
            "CONCURRENT_REQUESTS": int(sys.argv[2]),
            "CONCURRENT_REQUESTS_PER_DOMAIN": int(sys.argv[2]),
            "CONCURRENT_ITEMS": int(sys.argv[3]),
            "ROBOTSTXT_OBEY": True,
            "LOG_LEVEL": "ERROR",
            "TELNETCONSOLE_ENABLED": False,
            "REMOTE_CONTROL_ENABLED": False,
        }
    )
    process.crawl(BareSpider, endpoint=sys.argv[1] + "?lid=1686&num=50&page={page}")
    process.start()


if __name__ == "__main__":
    main()
