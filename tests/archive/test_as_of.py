"""The knowledge at a time is exactly what was observed up to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.model.article import Revision
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import Decision, FactsChange, Outcome
from archive.query.parser import parse
from archive.store import Store
from mocksite.server import MockSite
from tests.conftest import Home
from tests.support.examples import examples
from tests.support.fetches import failed, make_fetch, version

BEGAN = datetime(2026, 9, 29, tzinfo=UTC)
FILING = Filing(("金融", "新浪财经"), "新浪财经")
DOCIDS = ("aaaa", "bbbb")

polls = st.tuples(
    st.just("poll"), st.sampled_from(("china", "stock")), st.sets(st.sampled_from(DOCIDS), min_size=1),
    st.sampled_from(("一", "二", "三")), st.integers(0, 2),
)  # fmt: skip
fetches = st.tuples(
    st.just("look"),
    st.sampled_from(DOCIDS),
    st.sampled_from(("version", "same", "gone", "moved", "facts", "failed", "given up")),
)
broken = st.tuples(st.just("broken"), st.sampled_from(("china", "stock")), st.sampled_from(DOCIDS))
carried = st.tuples(st.just("carried"), st.sampled_from(DOCIDS), st.integers(0, 2), st.booleans())
histories = st.lists(polls | fetches | broken | carried, min_size=1, max_size=14)


def at(step: int) -> datetime:
    return BEGAN + timedelta(minutes=step)


def happen(store: Store, step: int, what: tuple[object, ...]) -> None:
    """Let one thing of a history happen, if it can."""
    if what[0] == "poll":
        _, feed, docids, title, modified = what
        entries = tuple(
            Entry(docid, f"https://a.cn/{docid}", f"{title}{docid}", BEGAN, at(modified), None, "社", None)
            for docid in sorted(docids)
        )
        poll = Poll(str(feed), at(step), 1, entries, (), caught_up=True)
        ids = [entry.docid for entry in entries]
        store.listings.commit_poll(poll, FILING, {key: [str(feed)] for key in ids}, dict.fromkeys(ids, "a.cn"))
        return
    if what[0] == "broken":
        failure = Failure(str(what[2]), FailureKind.UNREADABLE, f"unlesbar {step}")
        store.listings.commit_poll(Poll(str(what[1]), at(step), 1, (), (failure,), caught_up=True), FILING, {}, {})
        return
    if what[0] == "carried":
        _, docid, page, withdrawn = what
        entry = Entry(
            str(docid), f"https://a.cn/{docid}/{page}", f"电{docid}", BEGAN, None, None, None, None,
            content=f"<p>{page}</p>", withdrawn=bool(withdrawn),
        )  # fmt: skip
        poll = Poll("live", at(step), 1, (entry,), (), caught_up=True)
        store.listings.commit_poll(poll, FILING, {entry.docid: ["live"]}, {entry.docid: ""})
        return
    _, docid, outcome = what
    docid = str(docid)
    found, known = store.articles.find(docid), store.articles.states([docid]).get(docid)
    if found is None or (known is None and found["status"] != "pending"):
        return
    number = known.revision.number if known else 0
    if outcome == "version" or (outcome in ("same", "facts") and known is None):
        revision = Revision(
            docid, number + 1, f"a/{docid}.md", "0" * 64, f"版{step}", BEGAN, at(step), fingerprint=f"{step}",
            story=f"{step % 2}", media=("甲社", "乙社")[step % 2], symbols=("sh600519",)[: step % 2],
        )  # fmt: skip
        store.articles.commit([version(revision, ("茅台提价", "央行降准", "茅台降价")[step % 3])], [None])
    elif outcome == "moved":
        decision = failed(Failure(docid, FailureKind.GONE, f"原因{step}"), at(step), at(step))
        moved = replace(decision, outcome=Outcome.MOVED, moved_to=f"cccc{step % 2}")
        store.articles.commit([replace(moved, fetch=make_fetch(docid, at(step), number))], [None])
    elif outcome == "facts" and known is not None:
        symbols, media = (("MSFT",), ("AMZN",))[step % 2], ("甲社", "丙社")[step % 3 == 0]
        changed = {"symbols": (known.revision.symbols, symbols), "media": (known.revision.media, media)}
        change = FactsChange(known.facts_step + 1, changed, at(step), media, (f"词{step}",), symbols)
        store.articles.commit([Decision(make_fetch(docid, at(step), number), Outcome.SAME, facts=change)], [None])
    elif outcome in ("same", "facts") and known is not None:
        store.articles.commit([Decision(make_fetch(docid, at(step), number), Outcome.SAME)], [None])
    else:
        kind = FailureKind.GONE if outcome == "gone" else FailureKind.TEMPORARY
        due = None if outcome == "given up" else at(step)
        decision = failed(Failure(docid, kind, f"原因{step}"), at(step), due)
        store.articles.commit([replace(decision, fetch=make_fetch(docid, at(step), number))], [None])


@contextmanager
def whole_and_part(folder: Path, history: list[tuple[object, ...]], last: int) -> Iterator[tuple[Store, Store]]:
    """An index of a whole history, and one of its steps up to `last`."""
    whole, part = Store.open(folder / "whole.db"), Store.open(folder / "part.db")
    try:
        for step, what in enumerate(history):
            happen(whole, step, what)
            if step <= last:
                happen(part, step, what)
        yield whole, part
    finally:
        whole.close()
        part.close()


@settings(max_examples=examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=histories, data=st.data())
def test_as_of_ignores_everything_later(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, len(history) - 1))
    time = at(last) + timedelta(seconds=1)
    with whole_and_part(tmp_path_factory.mktemp("past"), history, last) as (whole, part):
        for query in ("symbol:MSFT", "symbol:AMZN", "media:丙社", "茅台 NOT symbol:MSFT", "since:2026-09-01"):
            found = [
                sorted(store.search.find(parse(query), 9, time), key=lambda hit: hit.docid) for store in (whole, part)
            ]
            assert found[0] == found[1], query
            records = [list(store.search.each(parse(query), time)) for store in (whole, part)]
            assert records[0] == records[1], query
        for docid in DOCIDS:
            assert whole.history.same_story(docid, time) == part.history.same_story(docid, at(1000))
            assert (
                whole.history.as_of(docid, time)
                == part.history.as_of(docid, time)
                == part.history.as_of(docid, at(1000))
            )


@pytest.mark.slow
def test_show_as_of_gives_the_text_the_title_and_the_state_of_then(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    docid, story = mocksite.site.stories[0].docid, mocksite.site.stories[0]

    def now() -> str:
        return datetime.now(UTC).isoformat()

    times = [now()]
    for change in ("archived", "edited", "gone"):
        if change == "edited":
            mocksite.site.edit(docid, mocksite.clock, title="第二版", body="<p>第二版的正文。</p>")
        elif change == "gone":
            mocksite.site.edit(docid, mocksite.clock)
            mocksite.fault("status", match=story.path, status=404)
        assert home.run("crawl").status == 0
        times.append(now())
        mocksite.clock += 60

    def show(time: str) -> dict[str, object]:
        done = home.run("show", docid, "--json", "--as-of", time)
        assert done.status == 0, done.err
        return dict(done.json)

    first, second, third = (show(time) for time in times[1:])
    assert home.run("show", docid, "--as-of", times[0]).status == 2
    for revision in home.run("show", docid, "--json").json["revisions"]:
        assert home.run("show", docid, "--as-of", revision["fetched_at"]).status == 0, "as it is printed"
    assert (first["title"], second["title"], third["title"]) == (story.title, "第二版", "第二版")
    assert "第二版" not in str(first["text"])
    assert "第二版的正文。" in str(second["text"])
    assert [len(known["revisions"]) for known in (first, second, third)] == [1, 2, 2]  # type: ignore[arg-type]
    assert (first["gone"], second["gone"]) == (None, None)
    assert third["gone"] == home.run("show", docid, "--json").json["gone"]
    assert third["gone"]
    assert third["text"] == second["text"]


@pytest.mark.parametrize("time", ["2026-09-30T09:30", "yesterday"])
def test_a_time_without_its_zone_or_none_at_all_is_refused(home: Home, tmp_path: Path, time: str) -> None:
    done = home.run("show", "aaaa", "--as-of", time)
    assert done.status == 2
    assert "+08:00" in done.err
