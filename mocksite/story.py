"""The stories of the mock site, their later edits, and many stories made from a few written texts. Pure."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

PageLayout = Literal["finance", "news"]

CHINA = timezone(timedelta(hours=8), "CST")

# The lag from ctime to intime in the real lists, in seconds (shared/sina.md).
MIN_LAG, MAX_LAG = 6, 469


class StoryText(Struct, frozen=True):
    """One written article of stories.toml: a story without an id and without times."""

    title: str
    section: str  # "stock/usstock/c"
    media: str
    lids: tuple[int, ...]
    keywords: tuple[str, ...]
    blocks: tuple[str, ...]  # the HTML of the body; each is one element, or the closing comment
    layout: PageLayout
    image: str | None  # address, without a scheme


class Edit(Struct, frozen=True):
    """A change of a story, effective from `at` on."""

    at: int  # Unix seconds
    title: str | None = None  # None: unchanged
    body: str | None = None  # HTML; None: unchanged


class Story(Struct, frozen=True):
    """One article with all its future changes: what is visible of it depends on the clock alone."""

    docid: str  # "nreplica0000123", [a-z]+[0-9]+
    title: str
    section: str  # "stock/usstock/c"; "" for none
    media: str
    lids: tuple[int, ...]
    keywords: tuple[str, ...]
    body: str  # HTML
    ctime: int  # Unix seconds; the time that the page shows
    mtime: int  # Unix seconds; the last change
    intime: int  # Unix seconds; when it enters the lists and its page appears
    image: str | None = None  # "//host/path.png": without a scheme, as in the real og:image
    edits: tuple[Edit, ...] = ()
    deleted_at: int | None = None  # Unix seconds
    page_layout: PageLayout = "finance"

    @property
    def path(self) -> str:
        """The address without the host: "/china/2026-09-29/doc-inreplica0000001.shtml"."""
        day = datetime.fromtimestamp(self.ctime, CHINA).date().isoformat()
        section = f"/{self.section}" if self.section else ""
        return f"{section}/{day}/doc-i{self.docid}.shtml"

    def visible(self, now: int) -> bool:
        """Whether the story is in its lists, and its page on the site, at `now` (Unix seconds)."""
        return self.intime <= now and (self.deleted_at is None or now < self.deleted_at)

    def as_of(self, now: int) -> Story:
        """The story with the edits until `now` (Unix seconds) applied, and without later ones."""
        if not self.edits:
            return self
        title, body, mtime = self.title, self.body, self.mtime
        for edit in sorted(self.edits, key=lambda edit: edit.at):
            if edit.at <= now:
                title = title if edit.title is None else edit.title
                body = body if edit.body is None else edit.body
                mtime = edit.at
        return replace(self, title=title, body=body, mtime=mtime, edits=())


@lru_cache(maxsize=1)
def load_stories() -> tuple[StoryText, ...]:
    """The written texts of stories.toml, in their order."""
    source = Path(__file__).with_name("stories.toml").read_text(encoding="utf-8")
    return tuple(_text(row) for row in tomllib.loads(source)["stories"])


def make_stories(
    count: int, *, newest: int, every: int = 60, lids: Iterable[int] | None = None, seed: int = 0
) -> list[Story]:
    """`count` stories, newest first: the written ones, then recombinations of them.

    Docids and texts follow from `seed` and the position alone, so one site can have stories of several seeds.

    :param newest: ctime of the first, in Unix seconds
    :param every: seconds from one ctime to the next older one
    :param lids: the lists of all stories; None for the lists of each text
    """
    texts = load_stories()
    chosen = None if lids is None else tuple(lids)
    stories = []
    for index in range(count):
        # A string gives the same sequence in every Python version; a tuple would not.
        dice = random.Random(f"{seed}:{index}")  # noqa: S311  (variety, not secrecy)
        text = texts[index] if index < len(texts) else _recombined(texts, index, dice)
        ctime = newest - index * every
        story = Story(
            docid=_docid(seed, index),
            title=text.title,
            section=text.section,
            media=text.media,
            lids=text.lids if chosen is None else chosen,
            keywords=text.keywords,
            body="\n".join(text.blocks),
            ctime=ctime,
            mtime=ctime + 5,
            intime=ctime + dice.randint(MIN_LAG, MAX_LAG),
            image=text.image,
            page_layout=text.layout,
        )
        stories.append(story)
    return stories


def _text(row: dict[str, Any]) -> StoryText:
    blocks = tuple(block.strip() for block in row["body"].split("\n\n"))
    return StoryText(
        title=row["title"],
        section=row["section"],
        media=row["media"],
        lids=tuple(row["lids"]),
        keywords=tuple(row["keywords"]),
        blocks=blocks,
        layout=row.get("layout", "finance"),
        image=row.get("image") or _first_image(blocks),
    )


def _recombined(texts: tuple[StoryText, ...], index: int, dice: random.Random) -> StoryText:
    base, other = dice.choice(texts), dice.choice(texts)
    paragraphs, others = _pool()
    blocks = dice.sample(paragraphs, dice.randint(4, 11))
    if dice.random() < 0.4:
        blocks.insert(dice.randint(1, len(blocks)), dice.choice(others))
    # The figures make each text unique: no two stories have the same body.
    turnover, change = dice.randint(100, 99999) / 10, dice.randint(-95, 95) / 10
    blocks.insert(1, f"<p>　　第{index}号统计显示，当日成交额{turnover}亿元，较前一日变动{change}%。</p>")
    blocks += _symbols_comment(blocks)
    return StoryText(
        # The number makes titles unique: the parts give only some two hundred combinations.
        title=f"{_split_title(base.title)[0]}：{_split_title(other.title)[1]}（{index}）",
        section=base.section,
        media=base.media,
        lids=base.lids,
        keywords=(*base.keywords[:2], *other.keywords[:1]),
        blocks=tuple(blocks),
        layout=base.layout,
        image=_first_image(tuple(blocks)) or base.image,
    )


@lru_cache(maxsize=1)
def _pool() -> tuple[list[str], list[str]]:
    """All plain paragraphs of the texts, and all other blocks (tables, images, quotations)."""
    blocks = [block for text in load_stories() for block in text.blocks]
    paragraphs = [block for block in blocks if block.startswith("<p>") and "原标题" not in block]
    others = [block for block in blocks if not block.startswith(("<p>", "<!--"))]
    return paragraphs, others


def _split_title(title: str) -> tuple[str, str]:
    # A space splits a title only before a Chinese character: "It's the data" stays whole.
    head, tail = re.split(r"[：，；？]| (?=[\u4e00-\u9fff])", title, maxsplit=1)
    return head, tail


def _symbols_comment(blocks: list[str]) -> list[str]:
    for kind in ("stock", "usstock", "hkstock"):
        symbols = re.findall(rf"<span id={kind}_(\w+)>", "".join(blocks))
        if symbols:
            return [f"<!-- news_keyword_pub,{kind},{'&'.join(symbols)} -->"]
    return []


def _first_image(blocks: tuple[str, ...]) -> str | None:
    match = re.search(r'<img src="(//[^"]+)"', "".join(blocks))
    return match.group(1) if match else None


def _docid(seed: int, index: int) -> str:
    # Three letters in base 26 encode the seed; the offset makes seed 0 spell "replica".
    number = (seed + 5460) % 26**3
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in (2, 1, 0))
    return f"nrepl{letters}{index:07d}"
