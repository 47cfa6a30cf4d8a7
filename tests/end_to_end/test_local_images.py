"""``images = "local"``: files link to the archive's own images, and nothing that reads the archive notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mocksite.images import png
from mocksite.server import MockSite
from tests.conftest import Home
from tests.support.images import illustrated

LOCAL = '[archive]\nimages = "local"\n'
REMOTE = "[archive]\nimages = true\n"
PICTURES = ["/pictures/a.png", "/pictures/both.png"], ["/elsewhere/both.png"], []


@pytest.fixture
def site() -> Iterator[MockSite]:
    with MockSite(illustrated(*PICTURES)) as running:
        yield running


def linked(home: Home) -> dict[str, bytes | None]:
    """Each link in the articles' files: its original address, and what is there."""
    found = {}
    for path in home.files():
        for link, original in re.findall(
            r'(?:src="|\]\()(\.\./[^ ")]*)"?[^"]*?"(http[^"]*)"', path.read_text(encoding="utf-8")
        ):
            target = path.parent / link
            found[original] = target.read_bytes() if target.is_file() else None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("body", ["faithful", "markdown"])
def test_articles_link_to_the_stored_images(home: Home, site: MockSite, body: str) -> None:
    site.fault("status", match=r"a\.png", status=404)
    home.configure(site.endpoint, more=f'{LOCAL}body = "{body}"\n')
    assert home.run("crawl").status == 0
    assert linked(home) == {
        f"{site.url}/pictures/a.png": None,
        f"{site.url}/pictures/both.png": png("both.png"),
        f"{site.url}/elsewhere/both.png": png("both.png"),
    }
    site.clear_faults()
    home.run("retry")
    before = [path.read_bytes() for path in home.files()]
    home.run("crawl")
    assert linked(home)[f"{site.url}/pictures/a.png"] == png("a.png")
    assert [path.read_bytes() for path in home.files()] == before, "an article's file does not depend on its images"
    assert home.run("verify", "--deep", "--json").json["problems"] == []
    docid = site.site.stories[0].docid
    page = home.run("show", docid, "--html").out
    assert len(re.findall(r'<img src="file://[^"]*/images/', page)) == 2, "readers find the images by their addresses"


@pytest.mark.slow
def test_the_setting_is_applied_to_what_is_archived_and_back(home: Home, site: MockSite) -> None:
    home.configure(site.endpoint, more=REMOTE)
    home.run("crawl")
    before = {path: path.read_bytes() for path in home.files()}
    home.configure(site.endpoint, more=LOCAL)
    assert linked(home) == {}
    assert home.run("rebuild", "--as-configured").status == 0
    assert set(linked(home).values()) == {None}, "the next start makes the names"
    home.run("crawl")
    assert set(linked(home).values()) == {png("a.png"), png("both.png")}
    assert home.run("status", "--json").json["written_otherwise"] == 0
    links = home.root / ".finarchive" / "links"
    assert len([path for path in links.rglob("*") if path.is_file()]) == 3
    home.configure(site.endpoint, more=REMOTE)
    assert home.run("status", "--json").json["written_otherwise"] == 3
    assert home.run("rebuild", "--as-configured").status == 0
    assert {path: path.read_bytes() for path in home.files()} == before
    assert home.run("verify", "--deep", "--json").json["problems"] == []


@pytest.mark.slow
def test_a_forgotten_image_has_no_name_left(home: Home, site: MockSite) -> None:
    home.configure(site.endpoint, more=LOCAL)
    home.run("crawl")
    docid = site.site.stories[1].docid
    assert home.run("forget", docid, "--reason", "law", "--yes").status == 0
    inner = home.root / ".finarchive"
    names = [path for path in (inner / "links").rglob("*") if path.is_file()]
    assert len(names) == 2
    assert {path.read_bytes() for path in names} == {png("a.png"), png("both.png")}
    home.run("forget", site.site.stories[0].docid, "--reason", "law", "--yes")
    assert not _files(inner / "links")
    assert not _files(inner / "images")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
