"""Invented articles, and the expected results of searches, computed by a full scan."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from msgspec import Struct

from archive.model.article import Revision
from archive.model.feed import Entry, Filing, Poll
from archive.query.nodes import And, DateFilter, FeedFilter, MediaFilter, Not, Or, Query, SymbolFilter, Term
from archive.query.scripts import simplified
from archive.query.tokenizer import fold, phrase
from archive.store import Store
from tests.support.fetches import version

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
FILING = Filing(("金融", "新浪财经"), "新浪财经")
# Few characters, so that pairs and runs come again in other texts, and at the ends of runs.
_SYLLABLES = "贵州茅台降准增长业绩公司银行中国人民的在一不了" * 2 + "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
_BREAKS = ("，", "。", "、", "\n", " ", "：", "（M2）", "CPI", "2026年", "4.8%", "SH600519", "“", "\u200b", "Ａ股")


class Story(Struct, frozen=True):
    """An article with one version."""

    docid: str
    title: str
    text: str
    media: str | None = None
    symbols: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ("china",)
    published: datetime = NOW


def put(store: Store, stories: Sequence[Story], at: datetime = NOW, number: int = 1) -> None:
    """Have all of them listed, and archived."""
    for feed in sorted({feed for story in stories for feed in story.feeds}):
        entries = tuple(
            Entry(story.docid, f"https://a.cn/{story.docid}", story.title, story.published, None, None, None, None)
            for story in stories
            if feed in story.feeds
        )
        docids = [entry.docid for entry in entries]
        poll = Poll(feed, at, 1, entries, (), caught_up=True)
        store.listings.commit_poll(poll, FILING, dict.fromkeys(docids, (feed,)), dict.fromkeys(docids, "a.cn"))
    decisions = [version(revision_of(story, at, number), story.text) for story in stories]
    store.articles.commit(decisions, [None] * len(decisions))


def revision_of(story: Story, at: datetime, number: int = 1) -> Revision:
    """A version of its article."""
    return Revision(
        story.docid, number, f"a/{story.docid}.md", "0" * 64, story.title, story.published, at, media=story.media,
        symbols=story.symbols, url=f"https://a.cn/{story.docid}", fingerprint=f"1:{story.docid}-{number}",
    )  # fmt: skip


def invented(count: int, seed: int = 1) -> list[Story]:
    """A number of articles made of recurring words."""
    dice = random.Random(seed)
    return [
        Story(
            f"doc{number:05d}",
            _written(dice, 12),
            _written(dice, dice.choice((20, 120))),
            dice.choice((None, "样例社", "样例社新媒体", "财经样报")),
            tuple(dice.sample(("sh600519", "sz000001", "MSFT"), dice.randrange(3))),
            tuple(dice.sample(("china", "stock"), dice.randrange(1, 3))),
            NOW - timedelta(minutes=dice.randrange(100_000)),
        )
        for number in range(count)
    ]


def _written(dice: random.Random, length: int) -> str:
    text = ""
    while len(text) < length:
        text += "".join(dice.choices(_SYLLABLES, k=dice.randrange(1, 6)))
        text += dice.choice(_BREAKS) if dice.random() < 0.6 else ""
    return text


def scan(stories: Iterable[Story], term: str, *, exact: bool = False) -> set[str]:
    """Docids of stories whose folded title or text contains the folded term.

    :param exact: traditional and simplified characters are different ones
    """
    needle = _folded(term, exact)
    return {
        story.docid
        for story in stories
        if needle in _folded(story.title, exact) or needle in _folded(story.text, exact)
    }


@cache
def _folded(text: str, exact: bool) -> str:
    return fold(text) if exact else simplified(fold(text))


def answers(story: Story, query: Query) -> bool:  # noqa: PLR0911 - one for each kind of query
    """True if the story matches the query."""
    match query:
        case Term(text, exact=exact):
            return bool(scan([story], text, exact=exact))
        case MediaFilter():
            raise AssertionError(query)
        case SymbolFilter(symbol):
            return symbol in {phrase(each) for each in story.symbols}
        case FeedFilter(feed):
            return feed in story.feeds
        case DateFilter(since, until):
            return (since is None or since <= story.published) and (until is None or story.published <= until)
        case Not(what):
            return not answers(story, what)
        case And(of):
            return all(answers(story, part) for part in of)
        case Or(of):
            return any(answers(story, part) for part in of)
