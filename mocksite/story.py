"""What the replica publishes: stories, their later edits, and how many of them are made from a few written texts."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

PageLayout = Literal["finance", "news"]

CHINA = timezone(timedelta(hours=8), "CST")

# The lag between ctime and intime seen in the real lists, in seconds (shared/sina.md).
SHORTEST_LAG, MAX_LAG = 6, 469


@dataclass(frozen=True, slots=True)
class StoryText:
    """One hand-written article of stories.toml: a story that has neither an id nor a time yet."""

    title: str
    section: str  # "stock/usstock/c"
    media: str
    lids: tuple[int, ...]
    keywords: tuple[str, ...]
    blocks: tuple[str, ...]  # the body's HTML, one element (or the closing comment) each
    layout: PageLayout
    image: str | None  # address without a scheme


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a story, in force from `at` on."""

    at: int  # Unix seconds
    title: str | None = None  # None: as before
    body: str | None = None  # HTML; None: as before


@dataclass(frozen=True, slots=True)
class Story:
    """One article, with its whole future: what is to be seen of it depends on the clock alone."""

    docid: str  # "nreplica0000123", [a-z]+[0-9]+
    title: str
    section: str  # "stock/usstock/c"; "" for none
    media: str
    lids: tuple[int, ...]
    keywords: tuple[str, ...]
    body: str  # HTML
    ctime: int  # Unix seconds, the time the page shows
    mtime: int  # Unix seconds, the last change
    intime: int  # Unix seconds, when it enters the lists and its page appears
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
        """Is the story in its lists, and its page on the site, at `now`?"""
        return self.intime <= now and (self.deleted_at is None or now < self.deleted_at)

    def as_of(self, now: int) -> Story:
        """The story with the edits made until `now` applied, and no others left."""
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
    """The hand-written texts of stories.toml, in their order."""
    source = Path(__file__).with_name("stories.toml").read_text(encoding="utf-8")
    return tuple(_text(row) for row in tomllib.loads(source)["stories"])


def make_stories(
    count: int, *, newest: int, every: int = 60, lids: Iterable[int] | None = None, seed: int = 0
) -> list[Story]:
    """`count` stories, newest first: the hand-written ones, then recombinations of them.

    The first has ctime `newest` (Unix seconds), each next one `every` seconds less. `lids` puts all of them in
    these lists, instead of each in its text's own. Docids and texts follow from `seed` and the position alone,
    so stories of different seeds can be added to one site.
    """
    texts = load_stories()
    chosen = None if lids is None else tuple(lids)
    stories = []
    for index in range(count):
        # A string seeds the same sequence in every Python version, a tuple would not.
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
            intime=ctime + dice.randint(SHORTEST_LAG, MAX_LAG),
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
        image=row.get("image") or _first_picture(blocks),
    )


def _recombined(texts: tuple[StoryText, ...], index: int, dice: random.Random) -> StoryText:
    base, other = dice.choice(texts), dice.choice(texts)
    paragraphs, others = _pool()
    blocks = dice.sample(paragraphs, dice.randint(4, 11))
    if dice.random() < 0.4:
        blocks.insert(dice.randint(1, len(blocks)), dice.choice(others))
    # The figures make every text its own: no two stories have the same body.
    turnover, change = dice.randint(100, 99999) / 10, dice.randint(-95, 95) / 10
    blocks.insert(1, f"<p>　　第{index}号统计显示，当日成交额{turnover}亿元，较前一日变动{change}%。</p>")
    blocks += _symbols_comment(blocks)
    return StoryText(
        # The number keeps titles apart: the pieces give some two hundred combinations only.
        title=f"{_halves(base.title)[0]}：{_halves(other.title)[1]}（{index}）",
        section=base.section,
        media=base.media,
        lids=base.lids,
        keywords=(*base.keywords[:2], *other.keywords[:1]),
        blocks=tuple(blocks),
        layout=base.layout,
        image=_first_picture(tuple(blocks)) or base.image,
    )


@lru_cache(maxsize=1)
def _pool() -> tuple[list[str], list[str]]:
    """All plain paragraphs of the texts, and all other blocks (tables, pictures, quotations)."""
    blocks = [block for text in load_stories() for block in text.blocks]
    paragraphs = [block for block in blocks if block.startswith("<p>") and "原标题" not in block]
    others = [block for block in blocks if not block.startswith(("<p>", "<!--"))]
    return paragraphs, others


def _halves(title: str) -> tuple[str, str]:
    # A space parts a title only before a Chinese character: "It's the data" stays whole.
    head, tail = re.split(r"[：，；？]| (?=[\u4e00-\u9fff])", title, maxsplit=1)
    return head, tail


def _symbols_comment(blocks: list[str]) -> list[str]:
    for kind in ("stock", "usstock", "hkstock"):
        symbols = re.findall(rf"<span id={kind}_(\w+)>", "".join(blocks))
        if symbols:
            return [f"<!-- news_keyword_pub,{kind},{'&'.join(symbols)} -->"]
    return []


def _first_picture(blocks: tuple[str, ...]) -> str | None:
    found = re.search(r'<img src="(//[^"]+)"', "".join(blocks))
    return found.group(1) if found else None


def _docid(seed: int, index: int) -> str:
    # Three letters in base 26 tell the seeds apart; the offset makes seed 0 spell "replica".
    number = (seed + 5460) % 26**3
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in (2, 1, 0))
    return f"nrepl{letters}{index:07d}"
