"""HTTP as programs expect it: validators, compression, caching, JSON documents, feeds, raw UTF-8 in addresses."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring

import feedparser
import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.web_server import Serving, served_home
from web.http import responses
from web.tables import TABLES

__all__ = ["served_home"]

EDITED = "nreplica0000000"
PAGES = (
    "/", "/search?q=茅台", "/search.json?q=茅台", "/search.atom?q=茅台", "/changes", "/changes.json", "/changes.atom",
    "/feeds", f"/article/{EDITED}", f"/article/{EDITED}.json", f"/article/{EDITED}/versions.json",
    f"/article/{EDITED}/diff.json",
    "/index/texts.csv",
)  # fmt: skip
NO_TABLE, NO_ROW = "没有 nope 这张表", "revisions 里没有这一行"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Forty articles, one of them edited."""
    with MockSite(make_stories(40, newest=NEWEST)) as mocksite:
        served_home.configure(mocksite.endpoint)
        served_home.run("crawl")
        mocksite.clock += 60
        mocksite.site.edit(EDITED, mocksite.clock, "改过的标题")
        assert served_home.run("crawl", "--json").json["revised"] == 1
    with Serving(served_home) as serving:
        yield serving


@pytest.mark.parametrize("address", PAGES)
def test_who_has_a_response_already_gets_none(served: Serving, address: str) -> None:
    first = served.get(address)
    tag = first.headers["etag"]
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = served.get(address, **{"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-security-policy" in again.headers
    assert served.get(address, **{"if-none-match": 'W/"other"'}).content == first.content
    assert first.headers.get("cache-control", "no-cache") == "no-cache"


@pytest.mark.parametrize("address", PAGES)
def test_text_is_compressed_for_who_accepts_it(served: Serving, address: str) -> None:
    plain = served.get(address, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with served.client.stream("GET", address, headers={"accept-encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    if len(plain.content) < responses.MIN_COMPRESSED_BYTES:
        assert packed == plain.content
        return
    assert response.headers["content-encoding"] == "gzip"
    assert int(response.headers["content-length"]) == len(packed) < len(plain.content)
    assert gzip.decompress(packed) == plain.content
    assert response.headers["vary"] == plain.headers["vary"]
    assert plain.headers["vary"].startswith("Accept-Encoding")
    assert response.headers["etag"] == plain.headers["etag"]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("br, GZIP", True), ("", False), ("br", False),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("x-gzip-y", False), ("gzip;q=1.0", True),
    ],
)  # fmt: skip
def test_a_client_says_whether_it_accepts_gzip(header: str, accepted: bool) -> None:
    assert responses._accepts_gzip(header) is accepted


def test_a_head_request_has_the_headers_of_the_page_alone(served: Serving) -> None:
    head = served.client.head("/feeds", headers={"accept-encoding": "identity"})
    assert (head.content, head.headers["etag"]) == (b"", served.get("/feeds").headers["etag"])


def test_style_sheets_are_cached_for_as_long_as_they_stay(served: Serving) -> None:
    for page in ("/", "/index"):
        for address in re.findall(r'<link rel="stylesheet" href="([^"]*\?[^"]*)"', served.page(page)):
            assert "immutable" in served.get(unescape(address)).headers["cache-control"], address
            other = served.get(urlsplit(address).path + "?other")
            assert "immutable" not in other.headers.get("cache-control", "")


def test_what_is_long_is_sent_as_it_comes(served: Serving, served_home: Home) -> None:
    """A table as CSV is not held until it is whole."""
    whole = served.get("/index/texts.csv?_stream=on&_size=max")
    assert whole.status_code == 200
    assert whole.text.count("nreplica") >= 41


def test_the_json_of_an_article_is_that_of_show(served: Serving, served_home: Home) -> None:
    shown = served_home.run("show", EDITED, "--json").json
    assert served.get(f"/article/{EDITED}.json").json() == shown
    assert f'<link rel="alternate" type="application/json" href="/article/{EDITED}.json">' in served.page(
        f"/article/{EDITED}"
    )
    first = shown["revisions"][0]["fetched_at"]
    then = served_home.run("show", EDITED, "--json", "--as-of", first).json
    assert served.get(f"/article/{EDITED}.json?as_of={first}".replace("+", "%2B")).json() == then


def test_all_versions_and_a_comparison_are_json_too(served: Serving, served_home: Home) -> None:
    document = served.get(f"/article/{EDITED}/versions.json").json()
    shown = served_home.run("show", EDITED, "--json").json

    assert document["docid"] == EDITED
    one, two = document["versions"]
    for version, row in zip((one, two), shown["revisions"], strict=True):
        assert row.items() <= version.items()
        assert version["text"]
        assert served.get(version["page"].removeprefix(served.address)).status_code == 200
    assert one["diff"] is None
    difference = served.get(two["diff"].removeprefix(served.address)).json()
    assert difference == served_home.run("diff", EDITED, "1", "2", "--json").json
    other = "nreplica0000001"
    assert served.get(f"/article/{other}/diff.json").json() == served_home.run("diff", other, "--json").json


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/article/nope.json", 404), ("/article/nope/versions.json", 404), ("/article/nope/diff.json", 404),
        (f"/article/{EDITED}/diff.json?old=9", 404), (f"/article/{EDITED}/diff.json?old=x", 400),
        ("/search.json?q=(", 400), ("/search.json", 400), ("/article/..%2F..%2Fetc.json", 404),
    ],
)  # fmt: skip
def test_mistakes_are_json_where_json_is_wanted(served: Serving, address: str, status: int) -> None:
    response = served.get(address)
    assert response.status_code == status
    assert response.json()["ok"] is False


def test_search_results_as_json_lead_on_and_are_complete(served: Serving) -> None:
    for sort in ("relevance", "time"):
        address, hits = f"/search.json?q=feed:feed1&sort={sort}", []
        while address:
            document = served.get(address).json()
            assert (document["total"], document["complete"]) == (40, True)
            hits += document["hits"]
            address = (document["next"] or "").removeprefix(served.address)
        assert len({hit["docid"] for hit in hits}) == len(hits) == 40
    edited = next(hit for hit in hits if hit["docid"] == EDITED)
    assert edited["url"].startswith("http")
    assert edited["page"] == f"{served.address}/article/{EDITED}"
    assert (edited["revision"], edited["gone"]) == (2, None)
    assert set(edited) == {
        "docid", "title", "path", "published", "feeds", "snippet", "url", "page", "media", "symbols", "revision",
        "observed", "gone",
    }  # fmt: skip


def test_feeds_name_themselves_their_language_and_our_pages(served: Serving) -> None:
    for address in ("/search.atom?q=feed:feed1", "/changes.atom?kind=retitled", "/changes.atom?kind=returned"):
        response = served.get(address)
        document = fromstring(response.content)  # noqa: S314 - our own
        assert b'xml:lang="zh-CN"' in response.content
        [own] = [link.get("href") or "" for link in document.findall(f"{ATOM}link") if link.get("rel") == "self"]
        assert served.get(own.removeprefix(served.address)).content == response.content
        for entry in document.iter(f"{ATOM}entry"):
            by_relation = {link.get("rel"): link.get("href") or "" for link in entry.findall(f"{ATOM}link")}
            assert served.get(by_relation["alternate"].removeprefix(served.address)).status_code == 200
            assert by_relation["alternate"].startswith(f"{served.address}/article/")
            assert "/article/" not in by_relation["via"]
        read = feedparser.parse(BytesIO(response.content))
        assert (read.bozo, read.feed.language) == (False, "zh-CN")


def sent(served: Serving, *requests: bytes) -> bytes:
    """The responses to bytes that are sent as they are, in these pieces."""
    address = urlsplit(served.address)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for each in requests:
            connection.sendall(each)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_addresses_in_raw_utf_8_are_understood(served: Serving) -> None:
    host = f"Host: {urlsplit(served.address).netloc}\r\nConnection: close\r\n\r\n".encode()
    for target, same in (
        ("/search.json?q=茅台", "/search.json?q=%E8%8C%85%E5%8F%B0"),
        ("/article/消费é", "/article/x"),
    ):
        whole = f"GET {target} HTTP/1.1\r\n".encode() + host
        expected = served.get(same)
        for pieces in ([whole], [whole[:14], whole[14:20], whole[20:]]):
            head, _, body = sent(served, *pieces).partition(b"\r\n\r\n")
            assert head.startswith(f"HTTP/1.1 {expected.status_code} ".encode())
            if expected.status_code == 200:
                assert json.loads(body) == expected.json()


def test_nothing_but_the_address_is_changed(served: Serving) -> None:
    """A body that grew would end in the middle, and its rest would be another request."""
    host = urlsplit(served.address).netloc
    inner = f"GET /feeds HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    body = "消费".encode() * 40 + inner
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    for pieces in ([head + body], [head, body], [head[:-2], head[-2:] + body[:50], body[50:]]):
        answer = sent(served, *pieces)
        assert answer.startswith(b"HTTP/1.1 405")
        assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("/nowhere", 404, "没有这个地址"), ("/nowhere/x", 404, "没有这个地址"), ("/index/nope", 404, NO_TABLE),
        ("/index/nope.json", 404, NO_TABLE), ("/index/nope/1", 404, NO_TABLE), ("/index/revisions/x,1", 404, NO_ROW),
        ("/index/revisions/x.json", 404, NO_ROW), ("/index/revisions/x,1,2", 404, NO_ROW),
        ("/index?sql=select+*+from+nope", 400, "no such table"),
        ("/index/revisions?_where=nope", 400, "no such column"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_a_plain_404(served: Serving, address: str, status: int, message: str) -> None:
    response = served.get(address)
    assert response.status_code == status
    assert message in (response.json()["error"] if ".json" in address else unescape(response.text))
    assert not any("Traceback" in line for line in served.log)


def test_the_index_begins_with_described_tables(served: Serving, served_home: Home) -> None:
    page = served.page("/index")
    names = re.findall(r'<dt><a href="/index/(\w+)"><code>', page.partition("<details>")[0])
    assert names[:3] == ["revisions", "texts", "entries"]
    known = {name for (name,) in served_home.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert set(names) == set(TABLES) <= known
    others = set(re.findall(r'<dt><a href="/index/(\w+)"><code>', page.partition("<details>")[2]))
    assert "_sqlite_migrations" in others
    assert not others & set(names)
