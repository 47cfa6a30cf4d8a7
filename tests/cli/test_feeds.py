"""``finarchive feeds``: feeds are switched, added, imported and exported."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.feeds.edits import feed_table
from config.feeds.tables import import_feeds
from config.load import builtin_feeds
from config.model import Feed
from crawler.errors import ListingError
from crawler.listings.opml import Outline, read_opml, write_opml
from mocksite.server import MockSite
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


@pytest.fixture
def opml(home: Home) -> str:
    """The path of an OPML file with four feeds."""
    file = home.folder / "feeds.opml"
    file.write_text(OPML.format("utf-8"), encoding="utf-8")
    return str(file)


def document(home: Home) -> dict[str, Any]:
    """The configuration file, parsed."""
    return tomllib.loads(home.config.read_text(encoding="utf-8"))


def test_import_adds_feeds_once_and_says_what_it_left_out(home: Home, opml: str) -> None:
    home.config.write_text("[network]\ndelay = 1.0 # slow", encoding="utf-8")
    printed = home.run("feeds", "import", opml, "--dry-run")
    assert printed.status == 0
    assert len(tomllib.loads(printed.out)["feeds"]) == 4
    assert "无地址" in printed.err
    assert home.config.read_text(encoding="utf-8") == "[network]\ndelay = 1.0 # slow"

    assert home.run("feeds", "import", opml).status == 0
    assert home.config.read_text(encoding="utf-8").startswith("[network]\ndelay = 1.0 # slow\n")
    extension, *added = document(home)["feeds"]
    assert (extension, len(added)) == ({"extends": "builtin"}, 4)
    ids = [feed["id"] for feed in home.run("feeds", "--json").json]
    assert ids[: len(builtin_feeds())] == [feed.id for feed in builtin_feeds()], "they stay in force"

    before = home.config.read_bytes()
    again = home.run("feeds", "import", opml)
    assert (again.status, home.config.read_bytes()) == (0, before)


def test_a_file_with_its_feeds_in_one_line_gets_more_of_them(home: Home, opml: str) -> None:
    inline = 'feeds = [{id = "x", kind = "rss", categories = ["a"], endpoint = "https://x.cn/f"}]\n'
    home.config.write_text(inline, encoding="utf-8")
    assert home.run("feeds", "import", opml).status == 0
    assert document(home)["feeds"][0]["id"] == "x"
    assert len(document(home)["feeds"]) == 5


def test_feeds_that_are_exported_are_those_that_were_imported(home: Home, opml: str) -> None:
    home.run("feeds", "import", opml)
    home.run("feeds", "disable", "at-t-news")
    exported = home.run("feeds", "export")
    before = [each for each in import_feeds(read_opml(OPML.format("utf-8").encode())).feeds if each.id != "at-t-news"]
    after = import_feeds(read_opml(exported.out.encode())).feeds
    assert [(each.endpoint, each.categories) for each in after] == [(e.endpoint, e.categories) for e in before]
    assert "3 feeds; 15 of other kinds left out" in exported.err
    file = home.folder / "out.opml"
    assert home.run("feeds", "export", str(file)).out == ""
    assert file.read_text(encoding="utf-8") == exported.out


def test_a_title_that_xml_cannot_have_is_exported_without_it() -> None:
    [outline] = read_opml(write_opml("t", [Outline("a\x00\x0b<&\ud800", "https://a.cn/?a=1&b", ("f",))]))
    assert outline == Outline("a <&", "https://a.cn/?a=1&b", ("f",))


def test_feeds_are_switched_without_a_file_and_keep_comments_in_one(home: Home) -> None:
    off = home.run("feeds", "disable", "china", "top10")
    assert (off.status, home.run("feeds", "enable", "tech").status) == (0, 0)
    assert document(home) == {"feeds": [{"extends": "builtin", "disabled": ["china", "top10"], "enabled": ["tech"]}]}
    states = {feed["id"]: feed["enabled"] for feed in home.run("feeds", "--json").json}
    assert (states["china"], states["top10"], states["tech"], states["macro"]) == (False, False, True, True)

    text = "# mine\r\n[[feeds]] # all\r\nextends = 'builtin'\r\ndisabled = ['china'] # for now\r\n\r\n[network]\r\n"
    home.config.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert home.run("feeds", "enable", "china").status == 0
    expected = text.replace("disabled = ['china'] # for now\r\n", "")
    assert home.config.read_bytes() == b"\xef\xbb\xbf" + expected.encode()
    again = home.run("feeds", "enable", "china")
    assert (again.status, "on already" in again.out) == (0, True)


def test_a_list_that_is_off_and_read_to_hear_others_is_named(home: Home) -> None:
    shown = home.run("feeds").out
    assert "\nall is off and files nothing; a daemon reads it" in shown
    home.config.write_text('[schedule]\nlisten = "off"\n', encoding="utf-8")
    assert "a daemon reads it" not in home.run("feeds").out


def test_a_feed_of_the_file_is_switched_in_its_table(home: Home) -> None:
    home.config.write_text(
        '[[feeds]]\nid = "x" # x\nkind = "rss"\ncategories = ["a"]\nendpoint = "https://x.cn/f"\n', encoding="utf-8"
    )
    assert home.run("feeds", "disable", "x").status == 0
    assert 'id = "x" # x' in home.config.read_text(encoding="utf-8")
    assert document(home)["feeds"][0]["enabled"] is False
    assert home.run("feeds", "enable", "x", "tech").status == 0
    own, builtin = document(home)["feeds"]
    assert (own["enabled"], builtin["id"], builtin["lid"]) == (True, "tech", 2515)


def test_an_unknown_feed_and_a_file_with_mistakes_change_nothing(home: Home) -> None:
    unknown = home.run("feeds", "enable", "chnia")
    assert (unknown.status, home.config.exists()) == (2, False)
    assert unknown.err == 'finarchive: no feed is called chnia; did you mean "china"?\n'
    home.config.write_text("[[feeds]]\nextends = 1\n", encoding="utf-8")
    assert home.run("feeds", "disable", "china").status == 2
    assert home.config.read_text(encoding="utf-8") == "[[feeds]]\nextends = 1\n"


@pytest.mark.parametrize("name", ["missing.opml", ".", "bad.opml"])
def test_a_file_that_cannot_be_read_ends_with_2(home: Home, name: str) -> None:
    Path(home.folder / "bad.opml").write_text(HOSTILE["a bomb"], encoding="utf-8")
    outcome = home.run("feeds", "import", str(home.folder / name))
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("finarchive: ")


RSS = b"<rss><channel><title>Site &amp; Co</title><item><title>a</title><link>http://127.0.0.1/a</link></item></channel></rss>"
PAGE = b"""<html><head><link rel="stylesheet" href="/x"><link rel="Alternate" type="application/rss+xml;
charset=utf-8" href="feed"><link rel="alternate" type="application/atom+xml" href="comments"></head></html>"""
SITEMAP = b"<urlset><url><loc>http://127.0.0.1/a</loc></url></urlset>"
INDEX = b"<sitemapindex><sitemap><loc>http://127.0.0.1/sitemap</loc></sitemap></sitemapindex>"
JSON = b'{"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": [{"id": "http://127.0.0.1/a"}]}'
SECRET_LINK = b'<link rel=alternate type=application/rss+xml href="http://u:p@127.0.0.1/f">'
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><title>a</title><id>http://127.0.0.1/a</id>
<link href="http://127.0.0.1/a"/></entry></feed>"""


@pytest.mark.parametrize(
    ("body", "added"),
    [
        (RSS, ("rss", "/it", "Site & Co")),
        pytest.param(ATOM, ("rss", "/it", "A"), marks=pytest.mark.slow),
        pytest.param(JSON, ("rss", "/it", "J"), marks=pytest.mark.slow),
        pytest.param(SITEMAP, ("sitemap", "/it", "127.0.0.1"), marks=pytest.mark.slow),
        (PAGE, ("rss", "/feed", "Site & Co")),
    ],
    ids=["rss", "atom", "json", "sitemap", "page"],
)
def test_a_feed_is_added_by_its_address_or_that_of_its_site(
    home: Home, mocksite: MockSite, body: bytes, added: tuple[str, str, str]
) -> None:
    home.configure(mocksite.endpoint)
    mocksite.site.pages.update({"/it": body, "/feed": RSS})
    done = home.run("feeds", "add", f"{mocksite.url}/it", timeout=20)
    assert done.status == 0, done.err
    kind, path, category = added
    *_, feed = document(home)["feeds"]
    assert (feed["kind"], feed["endpoint"], feed["categories"][-1]) == (kind, f"{mocksite.url}{path}", category)
    assert "robots.txt" in mocksite.hits[0].path
    if body is PAGE:
        assert f"The page also names {mocksite.url}/comments" in done.out
        assert home.run("feeds", "add", f"{mocksite.url}{path}").out.startswith(
            f"{mocksite.url}/feed is configured already"
        )


def test_a_feed_is_added_under_the_id_and_the_categories_that_are_chosen(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.site.pages["/it"] = RSS
    before = home.config.read_bytes()
    options = ["--id", "mine", "--category", "财经", "--category", "站"]
    printed = home.run("feeds", "add", f"{mocksite.url}/it", *options, "--dry-run")
    assert home.config.read_bytes() == before
    [table] = tomllib.loads(printed.out)["feeds"]
    assert (table["id"], table["categories"]) == ("mine", ["财经", "站"])
    taken = home.run("feeds", "add", f"{mocksite.url}/it", "--id", "china")
    assert (taken.status, taken.err) == (2, "finarchive: a feed is called china already; choose another --id\n")
    assert home.run("feeds", "add", f"{mocksite.url}/it", "--id", "Ä").status == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html><body>nothing</body></html>", "it is no feed and no sitemap, and it names no feed"),
        pytest.param(
            INDEX, "set the endpoint to one of them, such as http://127.0.0.1/sitemap", marks=pytest.mark.slow
        ),
        pytest.param(b"<rss><channel></channel></rss>", "the list is empty", marks=pytest.mark.slow),
        pytest.param(b"\x00\x01", "it is no feed and no sitemap, and it names no feed", marks=pytest.mark.slow),
        pytest.param(SECRET_LINK, "it names no feed", marks=pytest.mark.slow),
        (None, "status 404: no such page"),
    ],
)
def test_what_is_no_list_is_not_added_and_the_reason_is_said(
    home: Home, mocksite: MockSite, body: bytes | None, reason: str
) -> None:
    home.configure(mocksite.endpoint)
    before = home.config.read_bytes()
    if body is not None:
        mocksite.site.pages["/it"] = body
    done = home.run("feeds", "add", f"{mocksite.url}/it")
    assert (done.status, done.out, home.config.read_bytes()) == (2, "", before)
    assert reason in done.err
    assert "u:p" not in done.err


def test_an_address_that_may_not_be_requested_is_not_added(home: Home, mocksite: MockSite) -> None:
    private = home.run("feeds", "add", f"{mocksite.url}/it", FINARCHIVE_NETWORK_ALLOW_PRIVATE="false")
    assert (private.status, "allow_private is false" in private.err) == (2, True)
    secret = home.run("feeds", "add", "https://user:pass@example.org/f")
    assert (secret.status, "pass@" in secret.err) == (2, False)
    assert mocksite.hits == []
    assert not home.config.exists()
