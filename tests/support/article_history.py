"""Random histories of articles, written to a store, and a plain replay of what was observed of them.

The replay knows nothing of the index: it keeps the observations in a list and reads them from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from archive.model.article import Revision
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import Decision, FactsChange, Outcome
from archive.store import Store
from tests.support.fetches import failed, make_fetch, version

BEGAN = datetime(2026, 9, 29, tzinfo=UTC)
DOCIDS = ("aaaa", "bbbb", "cccc")
FEEDS = ("china", "stock")
FILING = Filing(("金融", "新浪财经"), "新浪财经")
# A story that a list discovers long after its publication, as a backfill does.
PUBLISHED = {"aaaa": BEGAN, "bbbb": BEGAN - timedelta(days=400), "cccc": BEGAN - timedelta(hours=1)}

_polls = st.tuples(st.just("poll"), st.sampled_from(FEEDS), st.sets(st.sampled_from(DOCIDS), min_size=1).map(sorted))
_fetches = st.tuples(
    st.sampled_from(("edit", "edit", "retitle", "gone", "same", "facts", "failed")), st.sampled_from(DOCIDS)
)
# What happens, and how long after the last.
events = st.lists(st.tuples(st.integers(0, 3), _polls | _fetches), min_size=1, max_size=16)
Event = tuple[int, tuple[Any, ...]]


class Replay(Struct):
    """What was observed, in order, each with its time."""

    observed: list[tuple[datetime, str, str, Any]] = field(default_factory=list)
    now: datetime = BEGAN

    def has(self, docid: str, kind: str) -> bool:
        return any(each[1:3] == (kind, docid) for each in self.observed)

    def number(self, docid: str) -> int:
        return sum(each[1:3] == ("version", docid) for each in self.observed)

    def at(self, time: datetime) -> dict[str, dict[str, Any]]:
        """What was known at a time, of each article that was archived by then."""
        known: dict[str, dict[str, Any]] = {}
        feeds: dict[str, set[str]] = {}
        for at, kind, docid, value in self.observed:
            if at > time:
                break
            if kind == "listed":
                feeds.setdefault(docid, set()).add(value)
            elif kind == "version":
                known[docid] = {**value, "gone": None}
            elif kind == "facts":
                known[docid] |= {**value, "gone": None}
            elif kind == "gone":
                known[docid]["gone"] = known[docid]["gone"] or at
            else:
                known[docid]["gone"] = None
        return {docid: row | {"docid": docid, "feeds": sorted(feeds[docid])} for docid, row in known.items()}


def write(store: Store, replay: Replay, happened: Sequence[Event]) -> None:
    """Let all of it happen, in the store and in the replay."""
    for minutes, what in happened:
        replay.now += timedelta(minutes=minutes)
        if what[0] == "poll":
            _poll(store, replay, what[1], what[2])
        elif replay.has(what[1], "listed"):
            _fetch(store, replay, what[1], what[0])


def _poll(store: Store, replay: Replay, feed: str, docids: Sequence[str]) -> None:
    entries = tuple(
        Entry(docid, f"https://a.cn/{docid}", docid, PUBLISHED[docid], None, None, None, None) for docid in docids
    )
    poll = Poll(feed, replay.now, 1, entries, (), caught_up=True)
    store.listings.commit_poll(poll, FILING, {docid: [feed] for docid in docids}, dict.fromkeys(docids, "a.cn"))
    replay.observed += [(replay.now, "listed", docid, feed) for docid in docids]


def _fetch(store: Store, replay: Replay, docid: str, what: str) -> None:
    number, now = replay.number(docid), replay.now
    if what in ("edit", "retitle") or not number:
        title = f"题{number + 1}" if what != "edit" or not number else f"题{number}"
        symbols = ("sh600519",) if number % 2 else ()
        revision = Revision(
            docid, number + 1, f"a/{docid}.md", f"{number:064x}", title, PUBLISHED[docid], now, media="甲社",
            symbols=symbols, url=f"https://a.cn/{docid}",
        )  # fmt: skip
        text = f"茅台提价 {number}" if number % 3 else "央行降准"
        store.articles.commit([version(revision, text)], [None])
        row = {"title": title, "text": text, "revision": number + 1, "media": "甲社", "symbols": list(symbols)}
        replay.observed.append((now, "version", docid, row | {"keywords": []}))
    elif what == "facts":
        state = store.articles.states([docid])[docid]
        step = state.facts_step + 1
        media, symbols = ("乙社", ("AAPL",)) if step % 2 else ("丙社", ())
        change = FactsChange(step, {"media": (state.revision.media, media)}, now, media, (f"词{step}",), symbols)
        store.articles.commit([Decision(make_fetch(docid, now, number), Outcome.SAME, facts=change)], [None])
        row = {"media": media, "symbols": list(symbols), "keywords": [f"词{step}"]}
        replay.observed.append((now, "facts", docid, row))
    elif what == "same":
        store.articles.commit([Decision(make_fetch(docid, now, number), Outcome.SAME)], [None])
        replay.observed.append((now, "same", docid, None))
    else:
        kind = FailureKind.GONE if what == "gone" else FailureKind.TEMPORARY
        decision = failed(Failure(docid, kind, "404"), now, now)
        store.articles.commit([replace(decision, fetch=make_fetch(docid, now, number))], [None])
        replay.observed += [(now, "gone", docid, None)] if what == "gone" else []


def times(replay: Replay) -> list[datetime]:
    """Before everything, each time at which something was observed, and a moment after it."""
    at = sorted({each[0] for each in replay.observed})
    moment = timedelta(milliseconds=1)
    return [BEGAN - moment, *(each + add for each in at for add in (timedelta(0), moment))]
