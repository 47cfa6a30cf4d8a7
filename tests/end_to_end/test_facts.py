"""Facts and headlines that change on real pages: shown, searched as of a time, and the same after a rebuild."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_feed_kinds import LIVE, TEXT, configure, item, telegraph
from tests.pipeline.test_rebuild import index, tree

pytestmark = pytest.mark.slow  # each test crawls a few times


def crawl_changed(home: Home, mocksite: MockSite, *pairs: tuple[bytes, bytes]) -> None:
    """Crawl after the page of the first story has got other bytes, and its list another mtime."""
    story = mocksite.site.stories[0]
    mocksite.clock += 60
    mocksite.site.edit(story.docid, mocksite.clock)
    mocksite.site.pages.pop(story.path, None)
    page = mocksite.site.article(story.path) or b""
    for old, new in pairs:
        assert old in page
        page = page.replace(old, new)
    mocksite.site.pages[story.path] = page
    done = home.run("crawl", "--json")
    assert done.status == 0, done.err


def medium(mocksite: MockSite, name: str) -> tuple[bytes, bytes]:
    return f'ent-source">{mocksite.site.stories[0].media}<'.encode(), f'ent-source">{name}<'.encode()


@pytest.fixture(params=["warc", "none, then warc"])
def lived(request: pytest.FixtureRequest, home: Home, mocksite: MockSite) -> Iterator[Home]:
    """An archive whose first article has got another medium, other stocks and another headline."""
    home.configure(mocksite.endpoint)
    config = home.config.read_text(encoding="utf-8")
    if request.param != "warc":
        home.config.write_text(config.replace("[archive]", '[archive]\nraw = "none"', 1), encoding="utf-8")
    assert home.run("crawl").status == 0
    home.config.write_text(config, encoding="utf-8")
    title = b'main-title">' + mocksite.site.stories[0].title.encode()
    headline = title, title + "更".encode()
    crawl_changed(home, mocksite, medium(mocksite, "样例社甲"))
    crawl_changed(home, mocksite, medium(mocksite, "样例社乙"), headline)
    crawl_changed(home, mocksite, medium(mocksite, "样例社丙"), headline)
    yield home
    home.assert_whole()


def test_what_changed_is_shown_searched_and_rebuilt(lived: Home, mocksite: MockSite) -> None:
    docid, title = mocksite.site.stories[0].docid, mocksite.site.stories[0].title
    shown = lived.run("show", docid, "--json").json
    assert [revision["title"] for revision in shown["revisions"]] == [title, f"{title}更"]
    assert [(each["revision"], each["changed"]["media"]["to"]) for each in shown["facts_changes"]] == [
        (1, "样例社甲"), (2, "样例社丙"),
    ]  # fmt: skip
    assert shown["facts"]["media"] == "样例社丙"
    first, second = (each["at"] for each in shown["facts_changes"])
    assert [each["outcome"] for each in shown["observations"]] == ["first", "same", "revised", "same"]
    then = lived.run("show", docid, "--json", "--as-of", first).json
    assert (then["facts"]["media"], len(then["facts_changes"])) == ("样例社甲", 1)

    def media(name: str, *options: str) -> list[str]:
        return [hit["docid"] for hit in lived.run("search", f"media:{name}", "--json", *options).json]

    expected = {"样例社甲": [docid], "样例社乙": [], "样例社丙": []}
    assert {name: media(name, "--as-of", first) for name in expected} == expected
    assert {name: media(name, "--as-of", second) for name in expected} == {
        "样例社甲": [],
        "样例社乙": [],
        "样例社丙": [docid],
    }
    assert "changed  media" in lived.run("show", docid).out

    files, rows = tree(lived), index(lived)
    assert lived.run("verify", "--deep", "--json").json["problems"] == []
    assert lived.run("rebuild", "--json", timeout=60).json["rows"] == {}
    assert (tree(lived), index(lived)) == (files, rows)
    assert {name: media(name, "--as-of", first) for name in expected} == expected


def test_the_telegraph_names_stocks_later(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    home.run("crawl")
    before = home.run("show", "live1", "--json").json["observations"][-1]["at"]
    telegraph(mocksite, item(1, f"【降准】{TEXT}", stocks=[{"market": "cn", "symbol": "sh600999", "key": "样例"}]))
    assert home.run("crawl", "--json").json["revised"] == 0
    shown = home.run("show", "live1", "--json").json
    assert (len(shown["revisions"]), shown["facts"]["symbols"]) == (1, ["sh600999"])
    assert home.run("search", "symbol:sh600999", "--json").json[0]["docid"] == "live1"
    assert home.run("search", "symbol:sh600999", "--json", "--as-of", before).json == []
