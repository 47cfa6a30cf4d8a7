"""An address that shows another article: recorded with evidence, without a version, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from cli.times import full_time_of
from mocksite.server import MockSite
from tests.conftest import Home

pytestmark = pytest.mark.slow  # each test crawls a few times


def outcomes(home: Home, docid: str) -> list[tuple[Any, ...]]:
    return home.rows(f"SELECT outcome, revision, returned FROM observations WHERE docid = '{docid}' ORDER BY id")


def show_other(mocksite: MockSite, how: str) -> None:
    """The address of the first story shows the second one."""
    first, second = mocksite.site.stories[:2]
    if how == "redirect":
        mocksite.fault("redirect", match=first.path, to=second.path)
    else:
        mocksite.site.pages[first.path] = mocksite.site.article(second.path) or b""


@pytest.mark.parametrize("how", ["redirect", "page"])
def test_an_article_that_moves_keeps_its_versions(home: Home, mocksite: MockSite, how: str) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl").status == 0
    files = {path: path.read_bytes() for path in home.files()}
    first, second = mocksite.site.stories[:2]
    mocksite.clock += 60
    mocksite.site.edit(first.docid, mocksite.clock)
    show_other(mocksite, how)

    done = home.run("crawl", "--json")

    assert (done.status, done.json["revised"], done.json["failed"]) == (0, 0, 0), done.err
    assert f"moved feed=feed1 docid={first.docid} to={second.docid}" in done.err
    assert outcomes(home, first.docid) == [("first", 1, 0), ("moved", 1, 0)]
    assert {path: path.read_bytes() for path in home.files()} == files
    moved = home.run("show", first.docid, "--json").json["moved"]
    assert moved["docid"] == second.docid
    assert moved["evidence"]
    assert f"moved  to {second.docid} since {full_time_of(moved['at'])}" in home.run("show", first.docid).out
    assert home.run("show", first.docid, "--json", "--as-of", moved["at"]).json["moved"] == moved
    home.assert_whole()

    mocksite.clear_faults()
    mocksite.site.pages.pop(first.path, None)
    mocksite.clock += 60
    mocksite.site.edit(first.docid, mocksite.clock)
    assert home.run("crawl").status == 0
    assert outcomes(home, first.docid)[2:] == [("same", 1, 0)]
    assert home.run("show", first.docid, "--json").json["moved"] is None
    assert home.run("show", first.docid, "--json", "--as-of", moved["at"]).json["moved"] == moved
    assert home.run("verify", "--deep").status == 0
    assert home.run("rebuild", "--dry-run", "--json").json["rows"] == {}


@pytest.mark.parametrize("how", ["redirect", "page"])
def test_an_article_that_was_never_seen_is_retried_and_its_target_archived(
    home: Home, mocksite: MockSite, how: str
) -> None:
    home.configure(mocksite.endpoint)
    first, second = mocksite.site.stories[:2]
    show_other(mocksite, how)

    done = home.run("crawl", "--json")

    assert done.json["failed"] == 1
    assert outcomes(home, first.docid) == [("moved", 0, 0)]
    assert outcomes(home, second.docid) == [("first", 1, 0)]
    shown = home.run("show", first.docid, "--json").json
    assert (shown["status"], shown["revisions"], shown["moved"]["docid"]) == ("pending", [], second.docid)
    assert second.docid in shown["failure"]
    home.execute(
        "UPDATE entries SET first_seen = '2020-01-01T00:00:00.000+00:00', attempts = 3, due = first_seen "
        f"WHERE docid = '{first.docid}'"
    )
    home.run("crawl")
    assert home.run("show", first.docid, "--json").json["status"] == "parked"
    assert second.docid in home.run("status").out
    mocksite.clear_faults()
    mocksite.site.pages.pop(first.path, None)
    assert home.run("retry", "--parked").status == 0
    assert home.run("crawl").status == 0
    assert outcomes(home, first.docid)[-1] == ("first", 1, 0)
