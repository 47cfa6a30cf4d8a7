"""Many hosts with many lists that publish at a steady rate, cheaply: the site of `bench.load`.

Article number k appears at BEGIN + k / RATE, in the list k modulo the number of lists. The lists are spread over
127.0.0.10, 127.0.0.11 and so on. Everything follows from the clock, so nothing is stored.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import lru_cache
from urllib.parse import parse_qs

from msgspec import Struct

from mocksite.page import render_page
from mocksite.story import make_stories

FIRST_ADDRESS, FIRST_LIST = 10, 5000
MAX_PAGE_SIZE = 50  # items of a list's page, as at Sina
MARK = "nload00000000"  # docid of the page that stands for all


class Traffic(Struct, frozen=True):
    """What is published when and where."""

    begin: float  # Unix seconds
    rate: float  # articles a second
    seconds: float
    hosts: int
    feeds: int
    port: int

    @property
    def total(self) -> int:
        """Number of articles in the end."""
        return int(self.rate * self.seconds)

    def published(self, number: int) -> float:
        """When an article appears, in Unix seconds."""
        return self.begin + number / self.rate

    def base_url(self, feed: int) -> str:
        """The site of a list and of its articles."""
        return f"http://127.0.0.{FIRST_ADDRESS + feed % self.hosts}:{self.port}"


def docid(number: int) -> str:
    """The docid of an article."""
    return f"nload{number:08d}"


def roll_page(traffic: Traffic, feed: int, page: int, size: int) -> bytes:
    """A page of a list at this moment."""
    count = min(int((time.time() - traffic.begin) * traffic.rate), traffic.total)  # articles that have appeared
    own = max((count - feed + traffic.feeds - 1) // traffic.feeds, 0)  # those of this list
    last = own - 1 - (page - 1) * size
    numbers = [feed + traffic.feeds * place for place in range(last, max(last - size, -1), -1)]
    data = [_item(traffic, feed, number) for number in numbers]
    result = {"status": {"code": 0, "msg": "succ"}, "total": own, "lid": FIRST_LIST + feed, "data": data}
    return json.dumps({"result": result}).encode()


def _item(traffic: Traffic, feed: int, number: int) -> dict[str, object]:
    at = str(int(traffic.published(number)))
    url = f"{traffic.base_url(feed)}/load/doc-i{docid(number)}.shtml"
    return {
        "docid": f"comos:{docid(number)}", "url": url, "title": f"负载{docid(number)}", "media_name": "样例社",
        "ctime": at, "mtime": at, "intime": at, "lids": str(FIRST_LIST + feed), "keywords": "",
        "img": [], "images": [],
    }  # fmt: skip


@lru_cache(maxsize=4)
def _template(minute: int) -> bytes:
    """The page of every article of a minute, with a mark in place of its docid."""
    [story] = make_stories(1, newest=minute * 60)
    fields = {name: getattr(story, name) for name in story.__struct_fields__}
    body = f"<p>　　{MARK}号统计。</p>{story.body}"
    return render_page(type(story)(**fields | {"docid": MARK, "title": f"负载{MARK}", "body": body}), "http://x")


def answer(traffic: Traffic, target: str) -> bytes:
    """The body of an answer."""
    path, _, query = target.partition("?")
    if path == "/api/roll/get":
        numbers = {name: int(texts[0]) for name, texts in parse_qs(query).items() if texts[0].isdecimal()}
        size = min(numbers.get("num", MAX_PAGE_SIZE), MAX_PAGE_SIZE)
        return roll_page(traffic, numbers["lid"] - FIRST_LIST, numbers.get("page", 1), size)
    if path == "/robots.txt":
        return b"User-agent: *\nAllow: /\n"
    name = path.rpartition("doc-i")[2].removesuffix(".shtml")
    minute = int(traffic.published(int(name.removeprefix("nload")))) // 60
    return _template(minute).replace(MARK.encode(), name.encode())


async def serve(traffic: Traffic) -> None:
    """Answer requests until the process is ended."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                while await reader.readline() not in (b"\r\n", b""):
                    pass
                target = line.split()[1].decode()
                body = answer(traffic, target)
                kind = b"text/plain" if "robots" in target else b"text/html; charset=utf-8"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)))
                writer.write(body)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    addresses = [f"127.0.0.{FIRST_ADDRESS + number}" for number in range(traffic.hosts)]
    server = await asyncio.start_server(connected, addresses, traffic.port)
    await server.serve_forever()


if __name__ == "__main__":
    begin, rate, seconds, hosts, feeds, port = sys.argv[1:]
    asyncio.run(serve(Traffic(float(begin), float(rate), float(seconds), int(hosts), int(feeds), int(port))))
