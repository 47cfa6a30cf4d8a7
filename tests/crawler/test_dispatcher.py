"""The order of requests, how many are sent at a time, and what becomes of them when a spider closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawler.http.dispatcher import Dispatcher

URL = "https://a.cn/"


class Site:
    """Answers requests when the test says so.

    :param limit: of the dispatcher
    """

    def __init__(self, limit: int) -> None:
        self.sent: list[str] = []
        self.ended: list[tuple[str, object]] = []
        self.idle = 0
        self.dispatcher = Dispatcher(self._download, limit, self._count_idle)
        self._outcomes: dict[str, asyncio.Future[Response | Request]] = {}

    def _count_idle(self) -> None:
        self.idle += 1

    async def _download(self, request: Request) -> Response | Request:
        name = request.url.removeprefix(URL)
        self.sent.append(name)
        self._outcomes[name] = asyncio.get_running_loop().create_future()
        return await self._outcomes[name]

    def send(self, name: str, priority: int = 0) -> None:
        """Hand a request to the dispatcher."""
        self.dispatcher.send(
            Request(URL + name, priority=priority),
            lambda response: self.ended.append((name, response.request)),
            lambda request, error: self.ended.append((name, (request.url.removeprefix(URL), error))),
        )

    async def answer(self, name: str, outcome: Response | Request | Exception | None = None) -> None:
        """Let a request end, and what follows from that begin."""
        if isinstance(outcome, Exception):
            self._outcomes[name].set_exception(outcome)
        else:
            self._outcomes[name].set_result(outcome or Response(URL + name))
        await settled()


async def settled() -> None:
    """Let all tasks run as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario: Callable[[Site], Coroutine[Any, Any, None]], limit: int = 1) -> Site:
    """Run a scenario on an event loop."""

    async def main() -> Site:
        site = Site(limit)
        await scenario(site)
        return site

    return asyncio.run(main())


def test_of_the_waiting_requests_the_one_with_the_highest_priority_is_sent_first() -> None:
    async def scenario(site: Site) -> None:
        for name, priority in [("first", 0), ("image", -5), ("article", 0), ("article 2", 0), ("poll", 10)]:
            site.send(name.replace(" ", ""), priority)
        await settled()
        for _ in range(5):
            await site.answer(site.sent[-1])

    assert run(scenario).sent == ["first", "poll", "article", "article2", "image"]


def test_no_more_requests_than_the_limit_are_sent_at_a_time() -> None:
    async def scenario(site: Site) -> None:
        for name in "abcde":
            site.send(name)
        await settled()
        assert site.sent == ["a", "b"]
        await site.answer("b")
        assert site.sent == ["a", "b", "c"]

    run(scenario, limit=2)


def test_a_redirect_is_followed_and_the_response_names_its_target() -> None:
    target = Request(URL + "target")

    async def scenario(site: Site) -> None:
        site.send("moved")
        await settled()
        await site.answer("moved", target)
        await site.answer("target")

    assert run(scenario).ended == [("moved", target)]


def test_a_failure_behind_a_redirect_names_the_target() -> None:
    error = OSError("refused")

    async def scenario(site: Site) -> None:
        site.send("moved")
        await settled()
        await site.answer("moved", Request(URL + "target"))
        await site.answer("target", error)

    assert run(scenario).ended == [("moved", ("target", error))]


def test_the_spider_is_notified_when_the_last_request_has_ended() -> None:
    async def scenario(site: Site) -> None:
        site.send("a")
        site.send("b")
        await settled()
        await site.answer("a")
        assert site.idle == 0
        await site.answer("b", OSError())
        assert site.idle == 1

    run(scenario, limit=2)


def test_closing_drops_what_waits_and_waits_for_what_is_sent() -> None:
    async def scenario(site: Site) -> None:
        site.send("a")
        site.send("b")
        await settled()
        closing = asyncio.ensure_future(site.dispatcher.close())
        await settled()
        assert not closing.done()
        site.send("c")
        await site.answer("a")
        await closing
        assert [name for name, _ in site.ended] == ["a"]
        assert site.sent == ["a"]
        assert site.idle == 0

    run(scenario)
