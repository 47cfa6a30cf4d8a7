"""Replay of the journal: polls recorded while fetches wait to be committed are replayed with the same result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from archive.journal.journal import Journal, events
from archive.model.feed import Entry
from archive.model.fetch import Outcome
from archive.store import Store
from tests.archive.test_store import HOST, HOUR, NOW, commit, entry, poll_of, revision
from tests.support.fetches import make_fetch, version


def rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(tuple(row) for row in store._db.execute(f"SELECT * FROM {table}"))
        for table in ("entries", "addresses", "revisions", "listings", "unlisted")
    }


def test_a_poll_between_a_fetch_and_its_commit_is_replayed_as_it_was(tmp_path: Path) -> None:
    """The fetch is before the poll in the journal, and is committed after it."""
    first = replace(entry("a"), title="first")
    carried = replace(entry("b"), content="<p>1</p>")
    for said in (replace(first, url="https://a.cn/other"), replace(first, title="second")):
        live(tmp_path / said.url[-5:] / said.title, first, carried, said)


def test_an_article_that_leaves_a_list_between_its_fetch_and_its_commit_is_replayed_as_it_was(tmp_path: Path) -> None:
    """Fetched before or after it left the list; only then must it be fetched again."""
    above, below = replace(entry("n"), published=NOW + HOUR), replace(entry("o"), published=NOW - HOUR)
    last = replace(entry("p"), published=NOW - 2 * HOUR)
    for hours in (1, 3):
        folder = tmp_path / str(hours)
        folder.mkdir()
        store, journal = Store.open(folder / "live.db"), Journal(folder / "warc")
        store.log.open(journal)
        commit(store, poll_of(above, entry("a"), below, last))
        first = replace(version(revision("a")), fetch=make_fetch("a", NOW))
        again = replace(version(replace(revision("a"), fetched_at=NOW + hours * HOUR)))
        again = replace(
            again, fetch=make_fetch("a", NOW + hours * HOUR), outcome=Outcome.SAME, revision=None, article=None
        )
        places = list(journal.append_fetches([first.fetch, again.fetch], {}))
        store.articles.commit([first], places[:1])
        commit(store, poll_of(above, below, last, at=NOW + 2 * HOUR))
        store.articles.commit([again], places[1:])

        replayed = Store.open(folder / "again.db")
        decisions = dict(zip(places, (first, again), strict=True))
        for event in events(folder / "warc"):
            if event.fetch:
                replayed.articles.commit([decisions[event.position]], [event.position])
            else:
                replayed.apply([event])
        assert rows(replayed) == rows(store)
        [(vanished,)] = store._db.execute("SELECT vanished FROM entries WHERE docid = 'a'").fetchall()
        assert bool(vanished) == (hours == 1)
        for opened in (store, replayed):
            opened.close()
        journal.close()


def live(folder: Path, first: Entry, carried: Entry, said: Entry) -> None:
    folder.mkdir(parents=True)
    store, journal = Store.open(folder / "live.db"), Journal(folder / "warc")
    store.log.open(journal)
    commit(store, poll_of(first, carried))
    later = NOW + 9 * HOUR
    taken = {pending.entry.docid: pending for pending in store.entries.due(HOST, 9, later, later, ())}
    assert len(taken) == 2
    decisions = [
        replace(
            version(replace(revision(docid), fetched_at=later)), fetch=replace(make_fetch(docid, later), pending=each)
        )
        for docid, each in taken.items()
    ]
    places = journal.append_fetches([decision.fetch for decision in decisions], {})
    commit(store, poll_of(said, replace(carried, content="<p>2</p>"), at=NOW + HOUR))
    store.articles.commit(decisions, list(places))

    again = Store.open(folder / "again.db")
    by_place = dict(zip(places, decisions, strict=True))
    for event in events(folder / "warc"):
        if event.fetch:
            again.articles.commit([by_place[event.position]], [event.position])
        else:
            again.apply([event])
    assert rows(again) == rows(store)
    for opened in (store, again):
        opened.close()
    journal.close()
