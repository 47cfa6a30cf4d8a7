"""Deletions by the site: recorded with evidence and time, while the file stays; restored articles too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mocksite.server import MockSite
from tests.conftest import Home

OTHER_WORDS = "您访问的文章不存在或已被删除"
MODES: dict[str, tuple[Callable[[MockSite, str, str], None], str]] = {
    "404": (lambda mocksite, path, docid: mocksite.fault("status", match=path, status=404), "status 404"),
    "410": (lambda mocksite, path, docid: mocksite.fault("status", match=path, status=410), "status 410"),
    "200, not found": (lambda mocksite, path, docid: page(mocksite, path, "utf-8"), "页面没有找到"),
    "200, not found in GBK": (lambda mocksite, path, docid: page(mocksite, path, "gbk"), "页面没有找到"),
    "200, other words": (lambda mocksite, path, docid: page(mocksite, path, "utf-8", OTHER_WORDS), OTHER_WORDS),
    "a notice for a text": (
        lambda mocksite, path, docid: mocksite.site.edit(docid, mocksite.clock, body=f"<p>抱歉，{OTHER_WORDS}。</p>"),
        OTHER_WORDS,
    ),
    "front page": (lambda mocksite, path, docid: mocksite.fault("redirect", match=path, to="/"), "front page"),
    "emptied": (lambda mocksite, path, docid: mocksite.site.edit(docid, mocksite.clock, body=""), "empty"),
}

pytestmark = pytest.mark.slow  # each test crawls a few times


def page(mocksite: MockSite, path: str, charset: str, words: str = "页面没有找到") -> None:
    text = f'<html><head><meta charset="{charset}"><title>{words}</title></head><body>{words}</body></html>'
    mocksite.site.pages[path] = text.encode(charset)


def fetch_rows(home: Home, docid: str) -> list[tuple[Any, ...]]:
    return home.rows(
        f"SELECT outcome, revision, returned, evidence FROM observations WHERE docid = '{docid}' ORDER BY id"
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_deleted_article_is_recorded_as_gone_and_its_file_stays(home: Home, mocksite: MockSite, mode: str) -> None:
    mocksite.site.pages["/"] = "<html><body><h1>首页</h1></body></html>".encode()
    home.configure(mocksite.endpoint)
    assert home.run("crawl", "--json").status == 0
    files = {path: path.read_bytes() for path in home.files()}
    mocksite.clock += 60
    docid = mocksite.site.stories[0].docid
    path = mocksite.site.address(docid).removeprefix(mocksite.url)
    mocksite.site.edit(docid, mocksite.clock)  # the list says that something has changed
    delete, evidence = MODES[mode]
    delete(mocksite, path, docid)

    done = home.run("crawl", "--json")
    assert (done.status, done.json["revised"], done.json["failed"]) == (0, 0, 0), done.err
    assert f"gone feed=feed1 docid={docid}" in done.err
    first, gone = fetch_rows(home, docid)
    assert first == ("first", 1, 0, None)
    assert gone[:3] == ("gone", 1, 0)
    assert evidence in gone[3]
    assert {path: path.read_bytes() for path in home.files()} == files
    assert home.rows(f"SELECT status, gone IS NOT NULL FROM entries WHERE docid = '{docid}'") == [("archived", 1)]


def test_what_comes_back_is_recorded_with_what_is_new_of_it(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.run("crawl")
    docid, path = mocksite.site.stories[0].docid, mocksite.site.stories[0].path
    for change in ("gone", "back", "gone", "edited"):
        mocksite.clock += 60
        mocksite.site.edit(docid, mocksite.clock, title="回来了" if change == "edited" else None)
        mocksite.clear_faults()
        if change == "gone":
            mocksite.fault("status", match=path, status=404)
        assert home.run("crawl").status == 0
    assert [row[:3] for row in fetch_rows(home, docid)] == [
        ("first", 1, 0), ("gone", 1, 0), ("same", 1, 1), ("gone", 1, 0), ("revised", 2, 1),
    ]  # fmt: skip
    assert home.rows(f"SELECT gone FROM entries WHERE docid = '{docid}'") == [(None,)]


def test_an_article_that_was_never_there_is_given_up_as_before(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    docid, path = mocksite.site.stories[0].docid, mocksite.site.stories[0].path
    mocksite.fault("status", match=path, status=404)
    assert home.run("crawl", "--json").json["failed"] == 1
    assert fetch_rows(home, docid) == [("gone", 0, 0, "status 404: no such page")]
    assert home.rows(f"SELECT status, attempts FROM entries WHERE docid = '{docid}'") == [("pending", 1)]


def test_a_failed_fetch_loses_nothing_and_is_repeated(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.run("crawl")
    mocksite.clock += 60
    docid, path = mocksite.site.stories[0].docid, mocksite.site.stories[0].path
    mocksite.site.edit(docid, mocksite.clock, title="改")
    mocksite.fault("status", match=path, status=503, times=1)
    done = home.run("crawl", "--json")
    assert (done.status, done.json["revised"], done.json["failed"]) == (1, 0, 1)
    home.execute("UPDATE entries SET due = '2020-01-01T00:00:00.000+00:00'")
    assert home.run("crawl", "--json").json["revised"] == 1
    assert [row[0] for row in fetch_rows(home, docid)] == ["first", "failed", "revised"]
