"""A site whose articles have pictures, all of them on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from mocksite.server import MockSite
from mocksite.story import Story, make_stories
from tests.conftest import NEWEST, Home

ON = "[archive]\nimages = true\n"
# What the rows of two runs must have in common, whenever they were made.
TIMELESS = "SELECT url, status, attempts, failure_kind, failure, sha256, media_type, size FROM images ORDER BY url"


def illustrated(*pictures: Sequence[str]) -> list[Story]:
    """An article for each of these lists of addresses, newest first, with a paragraph and these pictures."""
    stories = make_stories(len(pictures), newest=NEWEST)
    return [
        replace(story, image=None, body=f"<p>　　{story.title}。</p>{''.join(map(wrapped, addresses))}")
        for story, addresses in zip(stories, pictures, strict=True)
    ]


def wrapped(address: str) -> str:
    """A picture in the markup of the site."""
    return (
        f'<div class="img_wrapper"><img src="{address}" alt="图 {address}">'
        f'<span class="img_descr">说明 {address}</span></div>'
    )


def local_pictures(stories: Sequence[Story]) -> list[Story]:
    """These articles, with their pictures on the site itself."""
    return [replace(story, image=None, body=story.body.replace("//n.sinaimg.cn/", "/")) for story in stories]


def requested_images(mocksite: MockSite) -> list[str]:
    """Paths of the requested pictures, in order."""
    return [hit.path for hit in mocksite.hits if hit.path.endswith((".png", ".jpg", ".svg"))]


def stored(home: Home) -> list[Path]:
    """The files of pictures."""
    return sorted(path for path in (home.root / ".finarchive" / "images").rglob("*") if path.is_file())
