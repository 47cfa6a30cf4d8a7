"""An article on a page of no known layout, crawled from a site other than Sina: archived, rechecked, rebuilt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mocksite.server import MockSite
from tests.conftest import Home
from tests.crawler.test_fallback import HTML, PARAGRAPHS
from tests.end_to_end.test_feed_kinds import RSS, configure
from tests.pipeline.test_rebuild import index, lose, run, tree

pytestmark = pytest.mark.slow  # it crawls three times and rebuilds


def feed(base: str, paths: Sequence[str], minute: int) -> bytes:
    """A feed of another site: its pages, and when each was last changed."""
    items = "".join(
        f"<item><title>第{n}篇</title><link>{base}{path}</link><pubDate>Tue, 29 Sep 2026 00:00:00 GMT</pubDate>"
        f"<atom:updated>2026-09-29T01:{minute:02}:00Z</atom:updated></item>"
        for n, path in enumerate(paths)
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">'
        f"<channel><title>样例网</title>{items}</channel></rss>"
    ).encode()


def test_it_is_archived_rechecked_and_rebuilt_byte_for_byte(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "rss", RSS)
    site, good, broken = mocksite.site, "/news/1.html", "/news/2.html"
    site.pages[RSS] = feed(mocksite.url, [good, broken], 0)
    site.pages[good] = HTML.encode()
    site.pages[broken] = b"<title>502 Bad Gateway</title><h1>Bad Gateway</h1><p>nginx</p></html>"
    assert home.run("crawl", "--json").json["failed"] == 1, "an error page with status 200 is no article anywhere"

    [(path,)] = home.rows("SELECT path FROM entries WHERE status = 'archived'")
    written = (home.root / path).read_text(encoding="utf-8")
    assert [text for text in PARAGRAPHS if text not in written] == []

    site.pages[RSS] = feed(mocksite.url, [good], 1)
    site.pages[good] = HTML.replace("热点新闻第", "别的新闻第").encode()
    assert home.run("crawl", "--json").json["revised"] == 0
    site.pages[RSS] = feed(mocksite.url, [good], 2)
    site.pages[good] = HTML.replace("三百万人次", "四百万人次").encode()
    assert home.run("crawl", "--json").json["revised"] == 1

    files, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert tree(home) == files
    assert index(home) == rows
