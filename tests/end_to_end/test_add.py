"""``finarchive add``: one page by its address, alone and through the daemon."""

from __future__ import annotations

import os

import pytest

from mocksite.server import MockSite
from scheduler.errors import RequestRefusedError
from tests.conftest import Home
from tests.end_to_end.test_control import daemon  # noqa: F401 - a fixture
from tests.pipeline.test_rebuild import index, lose, run, tree
from tests.support.control import send_to_daemon
from tests.support.daemon import Running

SENTENCE = "样例央行今日开展公开市场操作，市场人士认为流动性保持合理充裕。"
PAGE = f"""<html><head><title>样例</title></head><body><article><h1>样例标题</h1>
{"".join(f"<p>这是第{n}段正文，{SENTENCE}</p>" for n in range(12))}
</article></body></html>""".encode()


@pytest.fixture
def site(home: Home, mocksite: MockSite) -> MockSite:
    """The mock site with a page that no list names, and an archive with none of its articles."""
    mocksite.site.pages["/own.html"] = PAGE
    home.configure(mocksite.endpoint)
    home.run("crawl", "--limit", "0")
    return mocksite


def test_a_page_is_archived_alone_and_a_second_call_does_nothing(home: Home, site: MockSite) -> None:
    added = home.run("add", f"{site.url}/own.html", "--json")
    assert (added.status, added.json["status"], added.json["new"]) == (0, "archived", True)
    assert added.json["path"].startswith("网页/")
    [file] = home.files()
    assert "样例标题" in file.read_text(encoding="utf-8")
    assert home.rows("SELECT count(*) FROM entries WHERE status = 'pending'") == [(12,)], "nothing else was fetched"

    requests = len(site.hits)
    again = home.run("add", f"{site.url}/own.html#top")
    assert (again.status, again.out) == (0, f"The archive has it already: {file}\n")
    assert len(site.hits) == requests
    assert added.json["docid"] in home.run("search", "feed:added", "--json").out


def test_without_an_archive_or_an_address_nothing_is_made(home: Home) -> None:
    for arguments in (
        ["http://127.0.0.1:1/"],
        ["example.com"],
        ["http://u:secret@h/"],
        ["http://h/", "--category", "/"],
    ):
        done = home.run("add", *arguments)
        assert (done.status, done.out, "secret" in done.err) == (2, "", False)
        assert done.err.startswith("finarchive: ")
    assert not home.root.exists()


@pytest.mark.slow
def test_a_page_is_filed_under_the_chosen_categories_also_after_a_failure(home: Home, site: MockSite) -> None:
    site.fault("status", status=500, match="own", times=1)
    failed = home.run("add", f"{site.url}/own.html", "--category", "收藏", "--category", "央行", "--json")
    assert (failed.status, failed.json["status"], failed.json["failure"]) == (1, "pending", "status 500")
    home.run("retry")
    assert home.run("add", f"{site.url}/own.html").out.startswith("Archived ")
    [file] = home.files()
    assert str(file.relative_to(home.root)).startswith("收藏/央行/"), "the first call decides"


@pytest.mark.slow
def test_a_page_that_a_list_has_already_is_fetched_before_all_others(home: Home, site: MockSite) -> None:
    story = site.site.stories[0]
    added = home.run("add", f"{site.url}{story.path}", "--json")
    assert added.json["path"].startswith("金融/")
    assert [story.title] == [added.json["title"]]
    assert len(home.files()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_archived", [True, False])
def test_a_rebuild_reproduces_it(home: Home, site: MockSite, is_archived: bool) -> None:
    if not is_archived:
        site.fault("status", status=500, match="own", times=1)
    home.run("add", f"{site.url}/own.html")
    before, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert (tree(home), index(home)) == (before, rows)
    if not is_archived:
        run(home, "retry")
        run(home, "crawl")
        assert any("网页" in file.parts for file in home.files())


@pytest.mark.slow
def test_the_daemon_that_holds_the_archive_archives_it(home: Home, mocksite: MockSite, daemon: Running) -> None:  # noqa: F811
    mocksite.site.pages["/own.html"] = PAGE
    added = home.run("add", f"{mocksite.url}/own.html", "--json")
    assert (added.status, added.json["status"], added.json["new"]) == (0, "archived", True)
    assert "The archive has it already" in home.run("add", f"{mocksite.url}/own.html").out
    failed = home.run("add", f"{mocksite.url}/none.html")
    assert (failed.status, "status 404" in failed.err) == (1, True)
    with pytest.raises(RequestRefusedError):
        send_to_daemon(home, {"command": "add", "url": 7, "categories": []})
    assert os.access(home.root / added.json["path"], os.R_OK)
