"""The web view in a real browser, with a hostile article: it runs no script and loads nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.browser import Canary, canary, chrome, watched
from tests.support.hostile_html import BODY, MARK, PAGE, WORDS, hostile
from tests.support.web_server import Serving, served_home

__all__ = ["canary", "chrome", "served_home"]

pytestmark = pytest.mark.slow  # a browser takes seconds to start

DOCID = "nreplica0000000"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Four articles, one of them hostile in two versions; its files are modified to be as hostile as possible."""
    first, *others = make_stories(4, newest=NEWEST)
    with MockSite([hostile(first), *others]) as mocksite:
        served_home.configure(mocksite.endpoint)
        assert served_home.run("crawl", "--json").json["archived"] == 4
        mocksite.clock += 60
        mocksite.site.edit(DOCID, mocksite.clock, title=f"更正{WORDS}", body=f"<p>{WORDS}又一版</p>{BODY}")
        assert served_home.run("crawl", "--json").json["revised"] == 1
    # Everything that parsing removes is put back into the files and the index.
    for path in served_home.root.rglob("*.md"):
        if DOCID in path.name:
            path.write_text(path.read_text(encoding="utf-8").replace("</div>", f"{BODY}</div>", 1), encoding="utf-8")
    evil = "'" + WORDS.replace("'", "''") + "'"
    served_home.execute(
        f"""UPDATE revisions SET symbols = json_array({evil}), keywords = json_array({evil}), editor = {evil},
            media = {evil}, original_title = {evil}, url = 'javascript:{MARK}=1' WHERE docid = '{DOCID}'"""
    )
    served_home.execute(f"INSERT OR IGNORE INTO symbols VALUES ({evil}, '{DOCID}', 2)")
    served_home.execute(f"UPDATE texts SET text = {evil} || text WHERE docid = '{DOCID}'")
    served_home.execute(f"UPDATE observations SET evidence = {evil} WHERE docid = '{DOCID}'")
    with Serving(served_home) as serving:
        yield serving


def raw(served: Serving) -> str:
    return next(part for part in served.page(f"/article/{DOCID}").split('"') if "/raw/" in part)


PLACES = [
    "/", "/search?q=茅台", f"/search?q={quote(WORDS)}", f"/article/{DOCID}", f"/article/{DOCID}?version=1",
    f"/article/{DOCID}/diff?old=1&new=2", f"/symbol/{quote(WORDS, safe='')}", "/feeds", "/index", "/index/revisions",
    "/index/texts", "/index/entries", "/index/symbols", "/index/observations", f"/index/texts/{DOCID},1",
    f"/index/revisions/{DOCID},2", "/index?sql=select+title,media,keywords+from+revisions",
    f"/index?sql={quote(WORDS)}", f"/index/revisions?title={quote(WORDS)}&_facet=title", f"/{quote(WORDS, safe='')}",
]  # fmt: skip


@pytest.mark.parametrize("place", [*PLACES, "raw"])
def test_nothing_of_an_article_runs_or_loads(served: Serving, chrome: Browser, canary: Canary, place: str) -> None:
    canary.heard.clear()
    address = served.address + (raw(served) if place == "raw" else place)
    with watched(chrome) as (page, watch):
        response = page.goto(address, wait_until="networkidle")
        for trap in page.locator("a.trap, #hover, .body a").all()[:8]:
            if (href := trap.get_attribute("href")) is None or not href.startswith(("/", "http")):
                trap.click(force=True)
        assert response
        assert page.url == response.url  # neither a refresh nor a link has led away
        assert page.evaluate(f"() => window.{MARK}") is None
        assert page.frames == [page.main_frame]
        assert page.locator("a[href^='javascript:'], a[href^='data:'], a[href^='vbscript:'], a[ping]").count() == 0

    own = f"Failed to load resource: the server responded with a status of {response.status} "  # of 400 and above
    said = [line for line in watch.console if not line.startswith(own)]
    assert (watch.dialogs, said, watch.errors) == ([], [], [])
    assert watch.elsewhere(served.address) == []
    assert canary.heard == []


def test_links_to_the_web_send_no_referrer(served: Serving, chrome: Browser) -> None:
    page = chrome.new_page()
    page.goto(f"{served.address}/article/{DOCID}")
    for link in page.locator("a[href^='http']").all():
        assert "noreferrer" in (link.get_attribute("rel") or "")
    page.close()


def test_the_policy_on_its_own_prevents_scripts_and_loads(served: Serving, chrome: Browser, canary: Canary) -> None:
    """The second line of defence: the unsanitised HTML under the policy of the web view's pages.

    No policy forbids a refresh: only the sanitiser prevents it, so it is omitted here.
    """
    policy = served.get("/").headers["content-security-policy"]
    canary.heard.clear()
    page_there = re.sub("<meta http-equiv=[^>]*>", "", PAGE)
    with bare(page_there, policy) as address, watched(chrome) as (page, watch):
        page.goto(f"{address}/", wait_until="networkidle")
        assert page.evaluate(f"() => window.{MARK}") is None
    assert (watch.dialogs, MARK in watch.console) == ([], False)
    assert canary.heard == []


def test_the_same_article_without_protection_is_noticed(chrome: Browser, canary: Canary) -> None:
    """The negative control: these tests can fail."""
    canary.heard.clear()
    with (
        bare(PAGE) as address,
        watched(chrome) as (page, watch),
        page.expect_request("**/refresh"),
        page.expect_console_message(lambda said: said.text == MARK),
    ):
        page.goto(f"{address}/", wait_until="commit")
    assert MARK in watch.dialogs
    assert {each.rpartition("/")[2] for each in watch.elsewhere(address)} >= {
        "script", "script.js", "import.css", "style-background", "style-attribute", "frame", "image", "refresh",
    }  # fmt: skip
    assert canary.heard


@contextmanager
def bare(text: str, policy: str | None = None) -> Iterator[str]:
    """A page, as it is, from a server that thinks nothing of it; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
