"""Security of the web view: hostile articles, and requests from other pages."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace

from archive.files.layout import journal_path
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.archive.test_export_html import Elements
from tests.conftest import NEWEST, Home
from tests.support.web_server import Serving, docids, links, served_home
from web.http.security import POLICY, POLICY_OF_DATA, POLICY_OF_RAW

__all__ = ["served_home"]

SCRIPT = "\"'></title></p><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{%raw%}"
BODY = f"""<p>　　茅台{SCRIPT}正文到这里，长到可以成为一篇文章的正文，再长一些，再长一些。</p>
<svg onload="alert(3)"><script>alert(4)</script></svg><style>body{{background:url(https://evil.cn/s.css)}}</style>
<meta http-equiv="refresh" content="0;url=https://evil.cn/"><base href="https://evil.cn/">
<iframe src="https://evil.cn/f"></iframe><form action="https://evil.cn/p"><input name="a"></form>
<p style="background:url(https://evil.cn/i.png)" onclick="alert(5)">一段</p>
<a href="javascript:alert(6)">脚本</a><a href="data:text/html,<script>alert(7)</script>">数据</a>
<img src="https://evil.cn/p.png" srcset="https://evil.cn/q.png 2x" alt='图"><script>alert(8)</script>'>"""
HOSTILE, PLAIN = "nreplica0000000", "nreplica0000001"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Archived and served articles; the first is hostile in every possible place."""
    first, *others = make_stories(6, newest=NEWEST)
    hostile = replace(
        first, title=SCRIPT, media=SCRIPT, keywords=(SCRIPT, "javascript:alert(1)"), body=BODY, page_layout="finance"
    )
    with MockSite([hostile, *others]) as mocksite:
        served_home.configure(mocksite.endpoint)
        assert served_home.run("crawl", "--json").json["archived"] == 6
    served_home.execute(f"INSERT INTO symbols VALUES ('{SCRIPT.replace(chr(39), chr(39) * 2)}', '{HOSTILE}', 1)")
    served_home.execute(
        f"""UPDATE revisions SET symbols = json_array('{SCRIPT.replace(chr(39), chr(39) * 2)}'), editor = media,
                original_title = media, url = 'javascript:alert(9)' WHERE docid = '{HOSTILE}'"""
    )
    with Serving(served_home) as serving:
        yield serving


def pages() -> list[str]:
    """Addresses of all kinds of page."""
    return [
        "/", "/search", "/search?q=茅台", f"/search?q={quote(SCRIPT)}", "/feeds", f"/article/{HOSTILE}",
        f"/article/{HOSTILE}?as_of=2099-01-01T00:00", f"/symbol/{quote(SCRIPT, safe='')}", "/index",
        "/index/revisions", "/index/texts", f"/index/texts/{HOSTILE},1", f"/index/revisions?title={quote(SCRIPT)}",
        "/index?sql=select+title,media+from+revisions", "/index/articles_of_symbol?symbol=x",
        "/index/edited_articles", "/nowhere", f"/article/{quote(SCRIPT, safe='')}", f"/?as_of={quote(SCRIPT)}",
        f"/search?q=a&sort={quote(SCRIPT)}", f"/index?sql={quote(SCRIPT)}", "/index/nowhere",
    ]  # fmt: skip


@pytest.mark.parametrize("address", pages())
def test_a_page_has_nothing_that_runs_or_loads_from_elsewhere(served: Serving, address: str) -> None:
    page = served.get(address).text
    elements = Elements(page)

    assert not {name for name, _ in elements.found} & {"script", "iframe", "base", "object", "embed", "foreignobject"}
    for name, attributes in elements.found:
        assert not [key for key in attributes if key.startswith("on") or key == "srcset"], (name, attributes)
        for key in ("src", "href", "action"):
            value = attributes.get(key) or "/"
            value = value.removeprefix(served.address)  # Datasette names its own JSON by its whole address
            outward = name == "a" and value.startswith(("http://", "https://"))
            assert outward or re.match(r"[/?#]|[a-z_]+(\?|$)", value), (name, attributes)
        assert attributes.get("http-equiv", "") == ""
    assert "evil.cn/i.png" not in page or address.startswith("/index")  # where it is text
    assert "49" not in page.partition("<title>")[2].partition("</title>")[0]


def test_hostile_words_are_shown_as_what_they_are(served: Serving) -> None:
    page = served.page(f"/article/{HOSTILE}")

    heading = re.search("<h1>(.*?)</h1>", page)
    assert heading
    assert unescape(heading[1]) == SCRIPT
    assert "{{7*7}}" in unescape(page)
    assert HOSTILE in docids(served.page("/"))


def test_links_that_a_page_makes_of_hostile_words_lead_to_their_pages(served: Serving) -> None:
    page = served.page(f"/article/{HOSTILE}")
    made = [unescape(each) for each in links(page) if each.startswith(("/search?", "/symbol/"))]

    assert len(made) > 4
    for address in made:
        assert served.get(address).status_code == 200, "".join(served.log[-12:])


@pytest.mark.parametrize("address", [*pages(), "/style/reader.css", "/-/static/app.css", "/search.json?q=茅台"])
def test_every_answer_has_the_policies(served: Serving, address: str) -> None:
    headers = served.get(address).headers

    assert headers["content-security-policy"] == (POLICY_OF_DATA if address.startswith("/index") else POLICY)
    for policy in (POLICY, POLICY_OF_DATA):
        assert policy.startswith("default-src 'none'; ")
        assert "script-src" not in policy  # so that it falls back to none
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "set-cookie" not in headers


def test_the_raw_page_is_what_was_sent_and_runs_nothing(served: Serving, served_home: Home) -> None:
    raw = next(each for each in links(served.page(f"/article/{HOSTILE}")) if "/raw/" in each)

    shown, whole = served.get(raw), served.get(f"{raw}?download")

    assert shown.headers["content-type"].startswith("text/plain")
    assert "<script>alert(1)</script>" in shown.text
    assert "</html>" in shown.text
    for response in (shown, whole):
        assert response.headers["content-security-policy"] == POLICY_OF_RAW
        assert POLICY_OF_RAW.startswith("sandbox; default-src 'none'")
        assert response.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"].startswith(f'attachment; filename="{HOSTILE}-')
    head, _, body = whole.content.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200\r\n")
    assert gzip.decompress(body) == shown.content
    stored = [gzip.decompress(path.read_bytes()) for path in journal_path(served_home.root).glob("*.warc.gz")]
    assert any(body in each for each in stored)


def test_a_raw_page_is_shown_in_the_encoding_that_it_has(served: Serving) -> None:
    raw = next(each for each in links(served.page(f"/article/{PLAIN}")) if "/raw/" in each)

    response = served.get(raw)

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "新浪财经" in response.text


@pytest.mark.parametrize(
    "address",
    [
        "/article/nreplica0000001/raw/..%2F..%2Findex.db/0", "/article/nreplica0000001/raw/index.db/0",
        "/style/../../archive/store.py", "/style/%2e%2e/plugin.py", "/style/..%2fplugin.py",
        "/-/static/../../app.py", "/picture/..%2F..%2Findex.db", "/index.db", "/.finarchive/index.db", "/lock",
        "/-/databases.json", "/-/settings", "/-/plugins.json", "/-/threads", "/-/versions", "/-/metadata",
        "/-/permissions", "/-/auth-token?token=x", "/-/patterns", "/_internal", "/_internal/databases", "/_memory",
        "/:memory:", "/-/messages", "/-/logout", "/-/allow-debug", "/index?sql=attach+database+'x'+as+y",
        "/index?sql=pragma+database_list", "/index?sql=select+load_extension('x')",
        "/index?sql=select+*+from+pragma_database_list()", "/index?sql=select+writefile('x','y')",
    ],
)  # fmt: skip
def test_no_other_file_of_the_machine_is_served(served: Serving, served_home: Home, address: str) -> None:
    response = served.client.get(httpx.URL(served.address).copy_with(raw_path=address.encode()))

    # For a percent sign, Datasette tries again with a tilde, its own escape character.
    assert response.status_code in {302, 400, 403, 404}, response.text
    assert response.next_request is None or served.client.send(response.next_request).status_code == 404
    assert str(served_home.root) not in response.text
    assert "SQLite format" not in response.text


@pytest.mark.parametrize("host", ["evil.cn", "127.0.0.1.evil.cn", "localhost.evil.cn:80", "[::1]", "", "a@localhost"])
def test_who_calls_us_by_another_name_gets_nothing(served: Serving, host: str) -> None:
    response = served.get("/", host=host)

    assert response.status_code == 403
    assert "茅台" not in response.text


def test_our_own_names_and_configured_names_are_allowed(served: Serving, served_home: Home) -> None:
    port = served.address.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", "localhost:8080"):
        assert served.get("/", host=host).status_code == 200
    with Serving(served_home, FINARCHIVE_SERVE_NAMES="news.example.org") as serving:
        assert serving.get("/", host="news.example.org").status_code == 200
        assert serving.get("/", host="newsXexample.org").status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_sent_to_us(served: Serving, method: str) -> None:
    for address in ("/", "/index", "/index?sql=select+1", "/search"):
        response = served.client.request(method, address, content=b"sql=delete from entries")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD"


def test_head_is_as_get_without_a_body(served: Serving) -> None:
    for address in ("/", "/index/revisions", f"/article/{PLAIN}"):
        response = served.client.head(address)
        assert (response.status_code, response.content) == (200, b"")


def test_another_site_may_link_here_and_load_nothing(served: Serving) -> None:
    def status_of(site: str, mode: str, dest: str, address: str = "/index/texts") -> int:
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
        return served.client.get(address, headers=headers).status_code

    assert status_of("cross-site", "no-cors", "image") == 403
    assert status_of("cross-site", "no-cors", "script") == 403
    assert status_of("same-site", "cors", "empty") == 403
    assert status_of("cross-site", "navigate", "iframe") == 403
    assert status_of("cross-site", "navigate", "document") == 200
    assert status_of("same-origin", "no-cors", "style") == 200
    assert status_of("none", "navigate", "document") == 200
    for address in (
        "/index?sql=select+1", "/index.json?a=b&sql=select+1", "/index.csv?x&sql=select+1", "/index?%73ql=select+1",
        "/index/texts?_where=1", "/index/texts.json?docid=x&_wher%65=1", "/index?sql=%ff",
    ):  # fmt: skip
        assert status_of("cross-site", "navigate", "document", address) == 403, address
        assert status_of("same-site", "navigate", "document", address) == 403, address
        assert status_of("same-origin", "navigate", "document", address) in (200, 400), address
    assert status_of("cross-site", "navigate", "document", "/index?sql") == 403
    assert status_of("none", "navigate", "document", "/index?sql=select+1") == 200


def test_a_query_that_takes_too_long_is_stopped(served: Serving) -> None:
    slow = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"

    response = served.get(f"/index.json?sql={quote(slow)}")

    assert response.status_code == 400
    assert served.get("/").status_code == 200
