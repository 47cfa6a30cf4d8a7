"""Exports link the images that the archive has kept, and bring copies of them."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin

import feedparser
import pytest

from bench.sites import HEXO, hugo
from bench.sites import hexo as build_hexo
from mocksite.images import png
from mocksite.server import MockSite
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support.images import ON, illustrated

pytestmark = pytest.mark.slow


@pytest.fixture
def illustrated_home(home: Home) -> Iterator[Home]:
    """An archive of two articles; of the images of the first, the site has only one."""
    with MockSite(illustrated(["/pictures/a.png", "/pictures/lost.png"], ["/pictures/b.png"])) as site:
        site.fault("status", match=r"lost\.png", status=404)
        home.configure(site.endpoint, more=ON)
        assert home.run("crawl").status == 0
        yield home


def sources(html: str) -> list[str]:
    found = re.findall(r'<img[^>]* src="([^"]*)"', html)
    return [source for source in found if not source.endswith("/qr.png")]  # the site's own


def test_hugo_shows_the_kept_images(illustrated_home: Home, tmp_path: Path) -> None:
    folder = illustrated_home.folder / "out"
    for _ in range(2):
        assert illustrated_home.run("export", "hugo", "-o", str(folder)).status == 0
    assert sorted(path.read_bytes() for path in (folder / "images").iterdir()) == sorted([png("a.png"), png("b.png")])
    if not shutil.which("hugo"):
        assert "CI" not in os.environ, "what .ci/tools installs is not there"
        pytest.skip("Hugo is not installed: .ci/tools")
    (tmp_path / "content").mkdir()
    shutil.copytree(folder, tmp_path / "content" / "news")
    shown = []
    for page in hugo(tmp_path / "site", tmp_path / "content"):
        for source in sources(page.read_text()):
            if source.startswith("../"):
                shown.append((page.parent / source).resolve().read_bytes())
            else:
                assert "lost.png" in source
    assert sorted(shown) == sorted([png("a.png"), png("b.png")])


def test_hexo_shows_the_kept_images(illustrated_home: Home, tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert illustrated_home.run("export", "hexo", "-o", str(tmp_path / "source/_posts/新闻 1")).status == 0
    if not (HEXO / "node_modules/.bin/hexo").exists():
        assert "CI" not in os.environ, "what .ci/tools installs is not there"
        pytest.skip("Hexo is not installed: .ci/tools")
    setting = 'include: ["_posts/新闻 1/images/*"]\n'
    pages = build_hexo(site, tmp_path / "source" / "_posts", as_it_stands=False, more=setting)
    shown = []
    for page in pages:
        for source in sources(page.read_text()):
            if source.startswith("/_posts/"):
                shown.append((site / "public" / unquote(source).lstrip("/")).read_bytes())
            else:
                assert "lost.png" in source
    assert sorted(shown) == sorted([png("a.png"), png("b.png")])


def test_markdown_links_the_kept_images_too(illustrated_home: Home) -> None:
    done = illustrated_home.run("rebuild", "--as-configured", FINARCHIVE_ARCHIVE_BODY="markdown")
    assert done.status == 0, done.err
    assert illustrated_home.run("export", "hugo", "-o", "out").status == 0
    texts = [path.read_text() for path in (illustrated_home.folder / "out").rglob("*.md")]
    links = [link for text in texts for link in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text) if "qr.png" not in link]
    assert sorted(link.startswith("../../../../../../../images/") for link in links) == [False, True, True]


def contents(data: bytes) -> list[str]:
    feed = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    assert not feed.bozo
    return [source for entry in feed.entries for source in sources(entry.content[0].value)]


def test_a_feed_in_a_file_has_copies_beside_it(illustrated_home: Home) -> None:
    path, copies = illustrated_home.folder / "新 闻.xml", illustrated_home.folder / "新 闻.images"
    assert illustrated_home.run("export", "atom", "-o", str(path)).status == 0
    local = [source for source in contents(path.read_bytes()) if not source.startswith("http")]
    here = path.as_uri()
    found = [Path(unquote(urljoin(here, source)).removeprefix("file://")).read_bytes() for source in local]
    assert sorted(found) == sorted([png("a.png"), png("b.png")])
    assert len(contents(path.read_bytes())) == 3, "the lost one has its address"

    (copies / "mine.png").write_text("mine")
    served = ("--base-url", "https://a.cn/feeds")
    assert illustrated_home.run("export", "atom", "--limit", "1", *served, "-o", str(path)).status == 0
    links = [source for source in contents(path.read_bytes()) if source.startswith("https://a.cn/feeds/")]
    assert len(links) == 1
    assert {each.name for each in copies.iterdir()} == {"mine.png", links[0].rpartition("/")[2]}, "others are removed"

    piped = illustrated_home.run("export", "atom").out
    assert all(source.startswith("http://127.0.0.1") for source in contents(piped.encode()))
    assert_refused(illustrated_home.run("export", "csv", *served), 2, "--base-url is for atom, and this is csv")


def test_tables_name_the_files_of_kept_images(illustrated_home: Home) -> None:
    def images(*arguments: str) -> list[str]:
        out = illustrated_home.run("export", "csv", *arguments).out
        return [row["images"] for row in csv.DictReader(io.StringIO(out.lstrip("\ufeff"), newline=""))]

    named = [path for cell in images() for path in cell.split("; ")]
    found = [(illustrated_home.root / path).read_bytes() for path in named]
    assert sorted(found) == sorted([png("a.png"), png("b.png")])
    illustrated_home.execute("UPDATE images SET fetched_at = '2100-01-01T00:00:00.000+00:00'")
    assert images("--as-of", "now") == ["", ""], "they were not kept then"
