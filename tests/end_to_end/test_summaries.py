"""What people see at a glance of edits and deletions: the summary of a crawl, and the first lines of ``show``."""

from __future__ import annotations

import re

import pytest

from mocksite.server import MockSite
from tests.conftest import Home


@pytest.mark.slow  # three crawls
def test_a_crawl_counts_edits_and_deletions_and_show_says_them(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, mocksite.endpoint)
    assert re.search(r"\d+ articles archived, 0 failed", home.run("crawl").out)
    edited, gone = (story.docid for story in mocksite.site.stories[:2])
    first = home.run("show", edited).out
    assert "versions  1\n" in first
    assert re.search(r"checked  once, last 20\S+ \S+: archived\n", first)
    assert re.search(r"feeds  2: [^\n]*\(feed1\), [^\n]*\(feed2\)\n", first)
    assert "gone" not in first
    mocksite.clock += 60
    mocksite.site.edit(edited, mocksite.clock, "改过的标题")
    mocksite.site.edit(gone, mocksite.clock)
    mocksite.fault("status", match=mocksite.site.address(gone).removeprefix(mocksite.url), status=404)

    assert "0 articles archived, 1 revised, 1 gone, 0 failed, 0 waiting" in home.run("crawl").out
    assert re.search(r"versions  2, the last since 20\S+ \S+\n", home.run("show", edited).out)
    _, second, *rest = home.run("show", gone).out.splitlines()
    assert re.fullmatch(r" *gone  since 20\S+ \S+\+08:00 \(status 404: [^)]*\)", second)
    assert any(re.search(r"checked  2 times, last 20\S+ \S+: gone \(status 404", line) for line in rest)
    mocksite.clock += 60
    mocksite.site.edit(gone, mocksite.clock)
    assert "gone" not in home.run("crawl").out  # it was gone before
