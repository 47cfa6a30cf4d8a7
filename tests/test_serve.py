"""``finarchive serve``: the command and its pages, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replica.server import Replica
from replica.story import make_stories
from tests.conftest import NEWEST, Home
from tests.serving import Serving, docids, links, served_home

__all__ = ["served_home"]


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """The replica's articles, archived and served."""
    with Replica(make_stories(12, newest=NEWEST)) as replica:
        served_home.configure(replica.endpoint)
        assert served_home.run("crawl", "--json").json["archived"] == 12
    with Serving(served_home) as serving:
        yield serving


def test_the_first_page_has_the_newest_articles_and_a_timeline(served: Serving) -> None:
    page = served.page("/")

    assert len(docids(page)) == 12
    assert '<svg class="chart timeline"' in page
    assert 'lang="zh-CN"' in page


def test_a_search_finds_what_the_command_finds(served: Serving, served_home: Home) -> None:
    found = served_home.run("search", "茅台", "--json").json

    assert found
    assert docids(served.page("/search?q=茅台")) == [each["docid"] for each in found]
    assert served.get("/search.json?q=茅台").json() == found


def test_an_article_is_there_to_read(served: Serving, served_home: Home) -> None:
    docid = docids(served.page("/"))[0]
    shown = served_home.run("show", docid, "--json").json

    page = served.page(f"/article/{docid}")

    assert shown["title"] in page
    assert shown["revisions"][0]["sha256"] in page
    assert [each for each in links(page) if each.startswith("http")] != []
    assert "<script" not in page
