"""Atom feeds, read back by feedparser and by an XML parser."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from msgspec.structs import replace

from archive.export.atom import to_atom
from archive.export.formats import Archived, Export
from archive.files.post import render
from archive.model.article import Article, Revision
from archive.model.results import Record
from mocksite.server import MockSite
from tests.archive.test_export_formats import NOW, RECORD
from tests.cli.test_main import assert_refused
from tests.conftest import Home, Outcome

ATOM = "{http://www.w3.org/2005/Atom}"
# Of a person, of a feed, of an entry: what RFC 4287 (4.1.1, 4.1.2) wants to be there exactly once.
ONCE = ("id", "title", "updated")


def filed(body: str) -> Callable[[Record], Archived]:
    """Every version's file has this body."""

    def lease(record: Record) -> Archived:
        article = Article(record.docid, record.url, record.title, record.published, body, None, record.observed)
        revision = Revision(record.docid, 1, record.path, "", record.title, record.published, record.observed)
        return Archived(revision, render(article, ("a", "b"), "b").data)

    return lease


def feed_of(*records: Record, body: str = "<p>文</p>", query: str = "") -> bytes:
    return b"".join(to_atom(Export(records, filed(body), query, NOW)))


def parsed(data: bytes) -> Any:
    feed = feedparser.parse(io.BytesIO(data), sanitize_html=False)
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    return feed


def test_an_entry_says_what_is_known() -> None:
    (entry,) = parsed(feed_of(RECORD)).entries
    assert (entry.title, entry.link, entry.author) == (RECORD.title, RECORD.url, "样例社")
    assert entry.published == entry.updated == "2026-09-30T01:30:00.000Z"
    assert [tag.term for tag in entry.tags] == ["feed:china", "feed:stock", "symbol:sh600519", "白酒", "提价"]
    assert entry.summary == '第一段，"引" 第二段'
    (content,) = entry.content
    assert (content.type, content.value) == ("text/html", "<p>文</p>")


def test_a_feed_has_the_elements_that_the_standard_requires() -> None:
    older = replace(RECORD, docid="x", media=None, observed=NOW + timedelta(hours=1))
    root = ElementTree.fromstring(feed_of(older, RECORD))  # noqa: S314 - ours
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.findall(f"{ATOM}entry")):
        assert [len(element.findall(ATOM + name)) for name in ONCE] == [1, 1, 1]
    assert root.find(f"{ATOM}author/{ATOM}name") is not None, "it is the author of entries without one"
    kinds = [child.tag for child in root]
    assert kinds.index(f"{ATOM}entry") == len(kinds) - 2, "entries come last"
    assert root.findtext(f"{ATOM}updated") == "2026-09-30T02:30:00.000Z", "of its newest version"


def test_the_newest_comes_first_and_ids_stay() -> None:
    older = replace(RECORD, docid="x", published=NOW - timedelta(days=1))
    feed = parsed(feed_of(older, RECORD))
    again = parsed(feed_of(replace(RECORD, title="另题", url="https://b.cn/", revision=3)))
    assert feed.entries[0].id == again.entries[0].id
    assert len({feed.feed.id, *(entry.id for entry in feed.entries)}) == 3
    assert all(entry.id.startswith("urn:uuid:") for entry in feed.entries)
    assert feed.feed.id == again.feed.id != parsed(feed_of(query="茅台")).feed.id
    assert parsed(feed_of(query="茅台")).feed.title == "finarchive: 茅台"


def test_an_article_in_another_language_is_not_marked_as_chinese() -> None:
    english = replace(RECORD, docid="x", title="Apple rises", text="Shares of Apple rose.", media="Reuters")
    root = ElementTree.fromstring(feed_of(english, RECORD))  # noqa: S314 - ours
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    assert root.get(language) == "zh-CN"
    assert [entry.get(language) for entry in root.findall(f"{ATOM}entry")] == [None, "und"]


def test_what_xml_cannot_say_does_not_break_it() -> None:
    strange = "a\x00b\x0b\x1b[31m\ufffe\uffff<&>]]>\ud7ff\U0001f600"
    record = replace(
        RECORD, title=strange, text=strange, media=strange, keywords=(strange,), url=f"https://a.cn/{strange}"
    )
    (entry,) = parsed(feed_of(record, body=f"<p>{strange}</p>")).entries
    assert entry.title == entry.author == entry.tags[-1].term == "ab[31m<&>]]>\ud7ff\U0001f600"
    assert "\x1b" not in entry.content[0].value


def test_content_runs_nothing() -> None:
    body = (
        '<p onclick="x()" style="background:url(https://e.cn)">文</p><script>x()</script><iframe src="https://e.cn"></iframe>'
        '<a href="javascript:x()">一</a><a href="https://a.cn/">二</a><svg onload="x()"></svg><form action="https://e.cn"></form>'
        '<img src="https://a.cn/p.png" onerror="x()"><img src="data:image/png;base64,AA" alt="图">'
    )  # fmt: skip
    (entry,) = parsed(feed_of(RECORD, body=body)).entries
    html = entry.content[0].value
    assert not any(word in html for word in ("x()", "script", "iframe", "e.cn", "svg", "form", "data:"))
    assert '<a href="https://a.cn/" rel="noopener noreferrer">二</a>' in html
    assert '<img src="https://a.cn/p.png"' in html
    assert "图" in html


def test_without_its_file_an_article_has_its_plain_text() -> None:
    data = b"".join(to_atom(Export([RECORD], lambda _: None, "", NOW)))
    (entry,) = parsed(data).entries
    assert (entry.content[0].type, entry.content[0].value) == ("text/plain", RECORD.text)


def test_a_long_text_is_shortened_in_its_summary() -> None:
    (entry,) = parsed(feed_of(replace(RECORD, text="长" * 201))).entries
    assert entry.summary == "长" * 200 + "…"


def test_an_empty_feed_is_valid() -> None:
    feed = parsed(feed_of())
    assert (feed.entries, feed.feed.updated) == ([], "2026-09-30T01:30:00.000Z")


def test_the_command_writes_a_feed_of_the_query(
    home: Home, crawl: Callable[..., Outcome], mocksite: MockSite
) -> None:
    crawl()
    whole = parsed(home.run("export", "atom").out.encode())
    assert len(whole.entries) == 12
    newest = parsed(home.run("export", "atom", "--limit", "2", "--feed", "feed1").out.encode())
    assert [entry.id for entry in newest.entries] == [entry.id for entry in whole.entries[:2]]
    assert newest.feed.title == "finarchive: feed:feed1"
    times = [entry.published for entry in whole.entries]
    assert times == sorted(times, reverse=True)
    assert all("<p>" in entry.content[0].value for entry in whole.entries)
    assert_refused(home.run("export", "atom", "--limit", "1001"), 2, "1001", "1000 are the most")
    spoilt = next(path for path in home.files() if path.stem.endswith(mocksite.site.stories[0].docid))
    spoilt.write_bytes(b"other")
    outcome = home.run("export", "atom", "-o", "feed.xml")
    assert_refused(outcome, 4, "1 files are missing", "verify --repair")
    assert f"docid={mocksite.site.stories[0].docid}" in outcome.err
    kinds = [entry.content[0].type for entry in parsed((home.folder / "feed.xml").read_bytes()).entries]
    assert sorted(kinds) == ["text/html"] * 11 + ["text/plain"]


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_is_a_positive_number(home: Home, limit: str) -> None:
    assert home.run("export", "atom", "--limit", limit).status == 2
