"""An article on a page of no known layout, crawled from another site than Sina: filed, looked at again, rebuilt."""

from __future__ import annotations

import pytest

from replica.server import Replica
from tests.conftest import Home
from tests.test_rebuild import index, lose, run, tree
from tests.test_unknown import HTML, PARAGRAPHS

pytestmark = pytest.mark.slow  # it crawls three times and rebuilds


def test_it_is_filed_looked_at_again_and_comes_back_byte_for_byte(home: Home, replica: Replica) -> None:
    home.configure(replica.endpoint)
    story, broken = replica.site.stories[:2]
    replica.site.pages[story.path] = HTML.encode()
    replica.site.pages[broken.path] = b"<title>502 Bad Gateway</title><h1>Bad Gateway</h1><p>nginx</p></html>"
    assert home.run("crawl", "--json").json["failed"] == 1, "an error page with status 200 is no article anywhere"

    [(path,)] = home.rows(f"SELECT path FROM entries WHERE docid = '{story.docid}'")
    written = (home.root / path).read_text(encoding="utf-8")
    assert [text for text in PARAGRAPHS if text not in written] == []

    replica.clock += 60
    replica.site.edit(story.docid, replica.clock)  # only its time of change moves
    replica.site.pages[story.path] = HTML.replace("热点新闻第", "别的新闻第").encode()
    del replica.site.pages[broken.path]
    assert home.run("crawl", "--json").json["revised"] == 0
    replica.clock += 60
    replica.site.edit(story.docid, replica.clock)
    replica.site.pages[story.path] = HTML.replace("三百万人次", "四百万人次").encode()
    assert home.run("crawl", "--json").json["revised"] == 1

    files, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert tree(home) == files
    assert index(home) == rows
