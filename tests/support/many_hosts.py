"""A site on many hosts of loopback (127.0.0.2, ...), which notes when each request came and was answered."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from msgspec import Struct, field

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c626001000000ffff03000006000557"
    "bfabd40000000049454e44ae426082"
)
BEGAN = 1_790_000_000  # publication time of the first article
TEXT = "这一段文字写在测试里，只为了让文章有足够长的正文。公司表示，全年的目标没有变化，市场的需求正在恢复。"


class Visit(Struct):
    """A request, as the site saw it."""

    path: str
    began: float  # on the monotonic clock
    ended: float | None = None  # None: it is being answered


class Site(Struct):
    """The site: its list is at ``/list`` of each host, its articles are spread over the hosts.

    :param hosts: number of hosts
    :param articles: number of articles
    :param latency: seconds until each request is answered
    """

    hosts: int
    articles: int
    latency: float = 0.0
    padding: int = 0  # bytes of a comment in each page
    images: bool = False  # each article has one, on the host after its own
    port: int = 0
    statuses: dict[str, int] = field(default_factory=dict)  # path -> status, in place of the page
    headers: dict[str, dict[str, str]] = field(default_factory=dict)  # path -> more headers
    paths_of: dict[int, str] = field(default_factory=dict)  # article -> its path, if it is another one
    redirects: dict[str, str] = field(default_factory=dict)  # path -> address
    visits: defaultdict[str, list[Visit]] = field(default_factory=lambda: defaultdict(list))  # by host

    def address(self, number: int) -> str:
        """The address of an article."""
        path = self.paths_of.get(number, f"/a/{number}.html")
        return f"http://{self.host(number)}:{self.port}{path}"

    def host(self, number: int) -> str:
        """The host of an article."""
        return f"127.0.0.{number % self.hosts + 2}"

    @property
    def list_address(self) -> str:
        """The address of the list, on a host without articles."""
        return f"http://127.0.0.1:{self.port}/list"

    def page(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        if path == "/robots.txt":
            return 200, "text/plain", b"User-agent: *\nDisallow: /forbidden\n"
        if path == "/list":
            return 200, "application/rss+xml", self._list()
        if path.endswith(".png"):
            return 200, "image/png", PIXEL
        number = path.removeprefix("/a/").removesuffix(".html")
        if not number.isdigit() or int(number) >= self.articles:
            return 404, "text/html", b"nothing"
        title = f"第{number}篇文章"
        body = "".join(f"<p>{TEXT}{number}之{part}。</p>" for part in range(6))
        body += (
            f'<p><img src="http://{self.host(int(number) + 1)}:{self.port}/{number}.png"></p>' if self.images else ""
        )
        comment = f"<!--{'x' * self.padding}-->" if self.padding else ""
        head, end = f"<html><head><title>{title}</title></head>", f"{comment}</body></html>"
        page = f"{head}<body><article><h1>{title}</h1>{body}</article>{end}"
        return self.statuses.get(path, 200), "text/html; charset=utf-8", page.encode()

    def _list(self) -> bytes:
        items = "".join(
            f"<item><title>第{number}篇文章</title><link>{self.address(number)}</link>"
            f"<pubDate>{formatdate(BEGAN + 60 * number)}</pubDate></item>"
            for number in range(self.articles)
        )
        return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()

    def paths(self) -> list[str]:
        """The paths of all requests for articles."""
        return [visit.path for visits in self.visits.values() for visit in visits if visit.path.startswith("/a/")]

    def overlaps(self) -> list[tuple[str, Visit, Visit]]:
        """Return the requests to a host that came before the one before them was answered."""
        return [
            (host, one, next_)
            for host, visits in self.visits.items()
            for one, next_ in itertools.pairwise(visits)
            if one.ended is None or next_.began < one.ended
        ]

    def distances(self) -> list[tuple[float, str]]:
        """Return the seconds between each two requests to a host."""
        return sorted(
            (next_.began - one.began, host)
            for host, visits in self.visits.items()
            for one, next_ in itertools.pairwise(visits)
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        visit = Visit(self.path, time.monotonic())
        self.site.visits[self.server.server_address[0]].append(visit)  # type: ignore[index]
        try:
            time.sleep(self.site.latency)
            if target := self.site.redirects.get(self.path):
                self.send_response(302)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, content_type, body = self.site.page(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in self.site.headers.get(self.path, {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the fetcher was killed
        finally:
            visit.ended = time.monotonic()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: connections of killed fetchers break."""


@contextmanager
def running_site(hosts: int, articles: int, latency: float = 0.0) -> Iterator[Site]:
    """Run a site until the block ends."""
    site = Site(hosts, articles, latency)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        site.port = probe.getsockname()[1]
    handler = type("Handler", (_Handler,), {"site": site})
    servers = [_Server((f"127.0.0.{number}", site.port), handler) for number in range(1, hosts + 2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield site
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
