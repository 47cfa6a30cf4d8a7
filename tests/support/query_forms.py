"""Random queries as people type them, each with what it means, computed without the parser and the index."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import Decision, Outcome
from archive.query.scripts import forms, simplified
from archive.query.tokenizer import fold
from archive.store import Store
from tests.support.fetches import failed, make_fetch, version
from tests.support.search_data import NOW, Story, invented, revision_of

FEEDS = {"china": "新浪财经－国內", "stock": "股票 要闻"}
STOCKS = {"sh600519": "贵州茅台", "sz000001": "平安银行", "MSFT": "微软"}
# What people type for each.
FEED_FORMS = {
    "china": ("china", "新浪财经－国內", "新浪财经-国内", "新浪財經－國內"),
    "stock": ("stock", '"股票 要闻"', '"股票\u3000要聞"'),
}
STOCK_FORMS = {
    "sh600519": (
        "sh600519",
        "SH600519",
        "600519.SH",
        "600519",
        "sh.600519",
        "贵州茅台",
        "貴州茅臺",
        "ＳＨ６００５１９",
    ),
    "sz000001": ("sz000001", "000001.SZ", "000001", "平安银行", "平安銀行"),
    "MSFT": ("MSFT", "msft", "gb_msft", "微软", "微軟"),
}
DAYS = 40  # days over which the articles are published, up to NOW
_CHINA = timedelta(hours=8)
_BATCH = 64


class Known(Struct, frozen=True):
    """An article, and what happened to it."""

    story: Story
    seen: datetime  # when a list named it first
    observed: datetime  # when its first version was fetched
    revised: tuple[Story, datetime] | None = None  # its second version, and when that was fetched
    gone: datetime | None = None
    moved: datetime | None = None

    def version(self, time: datetime) -> tuple[Story, datetime, int] | None:
        """Return the newest version as of a time, when it was fetched, and its number."""
        if self.revised and self.revised[1] <= time:
            return *self.revised, 2
        return (self.story, self.observed, 1) if self.observed <= time else None


Predicate = Callable[[Known, datetime], bool]


def fill(store: Store, count: int, seed: int = 1) -> list[Known]:
    """Archive a number of articles, in the order in which things happen to them."""
    known = happen(count, seed)
    write(store, known)
    return known


def happen(count: int, seed: int = 1) -> list[Known]:
    """Return a number of articles, and what happens to them."""
    dice = random.Random(seed)
    return [_happened(dice, story) for story in invented(count, seed)]


def write(store: Store, known: Sequence[Known]) -> None:
    """Archive articles, in the order in which things happen to them."""
    for each in sorted(known, key=lambda each: each.seen):
        for feed in each.story.feeds:
            entry = Entry(
                each.story.docid, f"https://a.cn/{each.story.docid}", each.story.title, each.story.published, None,
                None, None, None,
            )  # fmt: skip
            poll = Poll(feed, each.seen, 1, (entry,), (), caught_up=True)
            filing = Filing(("金融", FEEDS[feed]), FEEDS[feed])
            store.listings.commit_poll(poll, filing, {entry.docid: (feed,)}, {entry.docid: "a.cn"})
    decisions = [decision for each in known for decision in _decisions(each)]
    decisions.sort(key=lambda decision: decision.fetch.at)
    for start in range(0, len(decisions), _BATCH):
        batch = decisions[start : start + _BATCH]
        store.articles.commit(batch, [None] * len(batch))


def _happened(dice: random.Random, story: Story) -> Known:
    story = replace(
        story, title=_mixed(dice, story.title), text=_mixed(dice, story.text),
        media=_mixed(dice, story.media) if story.media else None,
        published=NOW - timedelta(minutes=dice.randrange(DAYS * 24 * 60)),
    )  # fmt: skip
    seen = story.published + timedelta(minutes=dice.randrange(300))
    observed = seen + timedelta(minutes=dice.choice((1, 2, 5000)))
    later = observed + timedelta(minutes=dice.randrange(1, 9000))
    revised = (replace(story, text=f"{story.text[: len(story.text) // 2]}，更正", title=story.title[::-1]), later)
    return Known(
        story,
        seen,
        observed,
        revised if dice.random() < 0.2 else None,
        later + timedelta(minutes=1) if dice.random() < 0.1 else None,
        later + timedelta(minutes=2) if dice.random() < 0.05 else None,
    )


def _mixed(dice: random.Random, text: str) -> str:
    """Return a text in traditional characters, in simplified ones, or in a mixture of both."""
    share = dice.choice((0.0, 0.0, 0.5, 1.0))
    return "".join(dice.choice(forms(each)) if dice.random() < share else each for each in text)


def _decisions(known: Known) -> list[Decision]:
    versions = [_version(known.story, known.observed, 1)]
    versions += [_version(*known.revised, 2)] if known.revised else []
    for at, outcome in ((known.gone, Outcome.GONE), (known.moved, Outcome.MOVED)):
        if at:
            decision = failed(Failure(known.story.docid, FailureKind.GONE, "404"), at, None)
            fetch = make_fetch(known.story.docid, at, len(versions))
            target = "elsewhere" if outcome is Outcome.MOVED else None
            versions.append(replace(decision, outcome=outcome, moved_to=target, fetch=fetch))
    return versions


def _version(story: Story, at: datetime, number: int) -> Decision:
    decision = version(revision_of(story, at, number), story.text)
    assert decision.article
    names = tuple((symbol, STOCKS[symbol]) for symbol in story.symbols)
    return replace(decision, article=replace(decision.article, stock_names=names))


def random_query(dice: random.Random, known: Sequence[Known], depth: int = 2) -> tuple[str, Predicate]:
    """Return the text of a query, and whether an article answers it as of a time at which it has a version."""
    kind = dice.random()
    if depth == 0 or kind < 0.3:
        return _leaf(dice, known)
    if kind < 0.45:
        text, predicate = _operand(dice, known, depth)
        sign = dice.choice(("-", "－", "not ", "NOT "))
        # Without something before it, lower-case "not" would have to be an operator too: it is.
        return f"{sign}{text}", lambda each, time: not predicate(each, time)
    parts = [_operand(dice, known, depth) for _ in range(dice.choice((2, 2, 3)))]
    is_and = dice.random() < 0.6
    operator = dice.choice((" ", " and ", " AND ", "\u3000")) if is_and else dice.choice((" or ", " OR "))
    combine = all if is_and else any
    return (
        operator.join(text for text, _ in parts),
        lambda each, time: combine(predicate(each, time) for _, predicate in parts),
    )


def _operand(dice: random.Random, known: Sequence[Known], depth: int) -> tuple[str, Predicate]:
    text, predicate = random_query(dice, known, depth - 1)
    is_leaf = " " not in text.strip('-－="') and "\u3000" not in text and not text.startswith(("-", "－"))
    return (text, predicate) if is_leaf else (f"{dice.choice('(（')}{text}{dice.choice(')）')}", predicate)


def _leaf(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    kind = dice.choice((_word, _word, _word, _stock, _feed, _medium, _published, _recorded, _mark))
    return kind(dice, known)


def _word(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    story = dice.choice(known).story
    runs = [run for run in _runs(story.title + "，" + story.text) if run]
    run = dice.choice(runs)
    start = dice.randrange(len(run))
    word = run[start : start + dice.choice((1, 2, 2, 3, 5))]
    exact = dice.random() < 0.25
    word = word if exact else "".join(dice.choice(forms(each)) for each in word)
    typed = dice.choice((word, f'"{word}"', f"“{word}”"))
    return f"={typed}" if exact else typed, lambda each, time: _contains(each, time, word, exact)


def _runs(text: str) -> list[str]:
    return "".join(each if "\u4e00" <= each <= "\u9fff" else " " for each in text).split()


def _contains(known: Known, time: datetime, word: str, exact: bool) -> bool:
    found = known.version(time)
    needle = _comparable(word, exact)
    return found is not None and any(needle in _comparable(part, exact) for part in (found[0].title, found[0].text))


@cache
def _comparable(text: str, exact: bool) -> str:
    return fold(text) if exact else simplified(fold(text))


def _stock(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    symbol = dice.choice(list(STOCKS))
    typed = dice.choice(STOCK_FORMS[symbol])
    return f"symbol:{typed}", lambda each, time: symbol in each.story.symbols


def _feed(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    feed = dice.choice(list(FEEDS))
    return f"feed:{dice.choice(FEED_FORMS[feed])}", lambda each, time: feed in each.story.feeds


def _medium(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    part = dice.choice(("样例", "样例社", "財經", "财经样报", "新媒體"))
    return f"media:{part}", lambda each, time: _comparable(part, False) in _comparable(each.story.media or "", False)


def _span(dice: random.Random) -> tuple[str, datetime, datetime]:
    """Return a span of days as people write it, and its first moment and that after its last."""
    begin = (NOW + _CHINA).replace(hour=0, minute=0) - timedelta(days=dice.randrange(DAYS + 5)) - _CHINA
    end = begin + timedelta(days=dice.choice((1, 1, 3, 10)))
    first, last = ((moment + _CHINA).strftime("%Y-%m-%d") for moment in (begin, end - timedelta(days=1)))
    if dice.random() < 0.3:
        days = dice.randrange(1, 20)
        return f"{days}d", NOW - timedelta(days=days), NOW + timedelta(milliseconds=1)
    return (first if first == last else f"{first}..{last}"), begin, end


def _published(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    typed, begin, end = _span(dice)
    if ".." in typed or typed.endswith("d") or dice.random() < 0.4:
        return f"published:{typed}", lambda each, time: begin <= each.story.published < end
    if dice.random() < 0.5:
        return f"since:{typed}", lambda each, time: each.story.published >= begin
    return f"until:{typed}", lambda each, time: each.story.published < end


def _recorded(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    typed, begin, end = _span(dice)
    if dice.random() < 0.5:
        return f"first_seen:{typed}", lambda each, time: begin <= each.seen < end

    def is_observed(each: Known, time: datetime) -> bool:
        found = each.version(time)
        return found is not None and begin <= found[1] < end

    return f"observed:{typed}", is_observed


def _mark(dice: random.Random, known: Sequence[Known]) -> tuple[str, Predicate]:
    mark = dice.choice(("revised", "gone", "moved"))

    def is_marked(each: Known, time: datetime) -> bool:
        if mark == "revised":
            return each.revised is not None and each.revised[1] <= time
        at = each.gone if mark == "gone" else each.moved
        return at is not None and at <= time

    return f"is:{mark}", is_marked
