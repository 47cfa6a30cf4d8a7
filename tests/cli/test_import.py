"""``finarchive import``: feeds of an OPML file become tables of the configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from config.feed_tables import feed_table, import_feeds
from config.load import builtin_feeds
from config.model import Feed
from crawler.errors import ListingError
from crawler.listings.opml import read_opml
from tests.conftest import Home

OPML = """<?xml version="1.0" encoding="{}"?>
<opml version="2.0"><head><title>订阅</title></head><body>
<outline text="财经" title="财经">
  <outline type="rss" text="AT&T News" xmlUrl="https://a.cn/feed?a=1&b=2"/>
  <outline text="样例日报" XMLURL="https://b.cn/rss"/>
  <outline text="宏观"><outline title="AT&amp;T News" text="x" xmlUrl="https://c.cn/f"/></outline>
</outline>
<outline text="样例日报" xmlUrl="http://b.cn/rss/"/>
<outline text="无地址"/>
<outline text="坏地址" xmlUrl="javascript:x"/>
<outline text="单独" xmlUrl="https://d.cn/f"/>
</body></opml>
"""


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_an_outline_is_a_feed_filed_under_its_folders(charset: str) -> None:
    found = import_feeds(read_opml(OPML.format(charset).encode(charset)))
    assert [(feed.categories, feed.endpoint) for feed in found.feeds] == [
        (("财经", "AT&T News"), "https://a.cn/feed?a=1&b=2"),
        (("财经", "样例日报"), "https://b.cn/rss"),
        (("财经", "宏观", "AT&T News"), "https://c.cn/f"),
        (("RSS", "单独"), "https://d.cn/f"),
    ]
    ids = [feed.id for feed in found.feeds]
    assert (ids[0], len(set(ids))) == ("at-t-news", 4)
    assert found.known == 1
    assert ["无地址" in found.mistakes[0], "坏地址" in found.mistakes[1]] == [True, True]


def test_feeds_that_are_configured_are_left_out() -> None:
    outlines = read_opml(OPML.format("utf-8").encode())
    assert import_feeds(outlines, import_feeds(outlines).feeds).feeds == ()


def test_a_table_reads_back_as_the_feed_whatever_its_title_holds() -> None:
    feed = Feed(id="a", kind="rss", categories=('"\\\n\x7f题',), endpoint="https://a.cn/'\"")
    [table] = tomllib.loads(feed_table(feed))["feeds"]
    assert Feed.model_validate(table) == feed


HOSTILE = {
    "a bomb": '<!DOCTYPE opml [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><opml><body>&b;</body></opml>',
    "a file": '<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml><body>&a;</body></opml>',
    "levels": "<opml><body>" + "<outline text='a'>" * 500,
    "cut": "<opml><body><outline text='a'>",
    "html": "<html><body>404</body></html>",
    "nothing": "",
    "bytes": "\x00\x01\x02",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(home: Home, name: str) -> None:
    with pytest.raises(ListingError):
        read_opml(HOSTILE[name].encode())


def test_the_command_prints_or_appends_and_says_what_it_left_out(home: Home) -> None:
    file = home.folder / "feeds.opml"
    file.write_text(OPML.format("utf-8"), encoding="utf-8")
    home.config.write_text("[network]\ndelay = 1.0", encoding="utf-8")
    printed = home.run("import", str(file))
    assert printed.status == 0
    assert len(tomllib.loads(printed.out)["feeds"]) == 4
    assert "无地址" in printed.err

    assert home.run("import", str(file), "--append").status == 0
    document = tomllib.loads(home.config.read_text(encoding="utf-8"))
    ids = [feed["id"] for feed in document["feeds"]]
    assert ids[: len(builtin_feeds())] == [feed.id for feed in builtin_feeds()], "they stay in force"
    assert len(ids) == len(builtin_feeds()) + 4
    assert document["network"] == {"delay": 1.0}

    before = home.config.read_bytes()
    again = home.run("import", str(file), "--append")
    assert (again.status, home.config.read_bytes()) == (0, before)


def test_a_file_that_would_not_be_valid_is_not_changed(home: Home) -> None:
    file = home.folder / "feeds.opml"
    file.write_text(OPML.format("utf-8"), encoding="utf-8")
    inline = 'feeds = [{id = "x", kind = "rss", categories = ["a"], endpoint = "https://x.cn/f"}]\n'
    home.config.write_text(inline, encoding="utf-8")
    refused = home.run("import", str(file), "--append")
    assert (refused.status, home.config.read_text(encoding="utf-8")) == (2, inline)
    assert "was not changed" in refused.err


@pytest.mark.parametrize("name", ["missing.opml", ".", "bad.opml"])
def test_a_file_that_cannot_be_read_ends_with_2(home: Home, name: str) -> None:
    Path(home.folder / "bad.opml").write_text(HOSTILE["a bomb"], encoding="utf-8")
    outcome = home.run("import", str(home.folder / name))
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("finarchive: ")
