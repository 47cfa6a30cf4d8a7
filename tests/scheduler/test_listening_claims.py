"""Lists that part from the broad list through which they are heard lose nothing, and claim nothing that is not so."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.index.containment_proof import TOLERANCE
from archive.store import Store
from tests.support.examples import examples
from tests.support.simulated_feed import moment
from tests.support.simulated_lists import BROAD, NARROW, SharedArticle, SimulatedLists

BEGIN = 1_790_550_000
MINUTE, HOUR = 60, 3600
LEARNED, END = BEGIN + 8 * HOUR, BEGIN + 20 * HOUR
# A verification is 40 minutes after the last poll at most, and a miss is found out with the broad list's next poll.
MAX_DELAY = 60 * MINUTE
PARTINGS = ("absent", "late", "vanishing", "reordered", "only broad", "none")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "index.db")
    store._db.execute("PRAGMA synchronous = OFF")  # the process is not killed, and a commit takes less time
    yield store
    store.close()


def empty(store: Store) -> None:
    """Start an empty record."""
    tables = ("entries", "listings", "unlisted", "feeds", "sources", "spans", "settled", "gaps", "lateness")
    for table in (*tables, "containments", "unconfirmed", "misses"):
        store._db.execute(f"DELETE FROM {table}")
    store._db.conn.commit()


def articles(dice: random.Random, parting: str, share: float) -> list[SharedArticle]:
    """Articles of four days; after some hours of the run a share of them parts from the broad list."""
    made, time = [], BEGIN - 84 * HOUR
    while time < END:
        time += dice.randrange(2 * MINUTE, 16 * MINUTE)
        enters = time + dice.randrange(5, 300)
        narrow = [name for name in NARROW if dice.random() < 0.7] or [NARROW[0]]
        listed: dict[str, tuple[int, int | None]] = dict.fromkeys([BROAD, *narrow], (enters, None))
        if time > LEARNED and dice.random() < share:
            part(dice, parting, listed, enters)
        made.append(SharedArticle(f"d{len(made):05d}", time, listed))
    return made


def part(dice: random.Random, parting: str, listed: dict[str, tuple[int, int | None]], enters: int) -> None:
    """Make an article part from the broad list, in one way."""
    match parting:
        case "absent":
            del listed[BROAD]
        case "late":
            listed[BROAD] = (enters + dice.randrange(MINUTE, 5 * HOUR), None)
        case "vanishing":
            listed[BROAD] = (enters, enters + dice.randrange(10, HOUR))
        case "reordered":  # the feed has it later than the broad list
            for name in listed.keys() - {BROAD}:
                listed[name] = (enters + dice.randrange(MINUTE, 3 * HOUR), None)
        case "only broad":
            for name in listed.keys() - {BROAD}:
                listed[name] = (10**12, None)


def overdue(lists: SimulatedLists, feed: str, now: int) -> list[str]:
    """Articles that a feed's list has shown for longer than until its next verification, and that are not known."""
    listed = [each for each in lists.articles if each.is_in(feed, now) and each.listed[feed][0] < now - MAX_DELAY]
    known = lists.known(feed)
    return [each.docid for each in listed if each.docid not in known]


def missed(lists: SimulatedLists, feed: str) -> list[str]:
    """Articles that a feed's own polls have shown, and a later complete poll of the broad list has not."""
    own, broad = lists.last_poll[feed], lists.last_poll[BROAD]
    if broad - own < 2 * TOLERANCE:
        return []
    last, time = own.timestamp(), broad.timestamp()
    shown = [each for each in lists.articles if each.is_in(feed, last) and each.published > BEGIN]
    return [each.docid for each in shown if each.listed.get(BROAD, (math.inf, None))[0] > time]


@pytest.mark.slow
@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**9),
    parting=st.tuples(st.sampled_from(PARTINGS), st.sampled_from([0.02, 0.3, 1.0])),
    is_down=st.booleans(),
    reach=st.sampled_from([None, None, 60]),
)
def test_nothing_is_lost_and_nothing_is_called_known_that_is_not(
    store: Store, seed: int, parting: tuple[str, float], is_down: bool, reach: int | None
) -> None:
    """Absent, late and vanishing articles, other orders, a broad list that is down or cut off."""
    empty(store)
    dice = random.Random(seed)
    down = [(start := dice.randrange(LEARNED, END), start + dice.randrange(MINUTE, 6 * HOUR))] if is_down else []
    lists = SimulatedLists(store, articles(dice, *parting), BEGIN, down, dice=dice)
    lists.run(LEARNED)
    assert lists.heard == set(NARROW), "the run begins with lists that are heard"
    lists.reach = reach
    for hour in range(LEARNED + HOUR, END + 1, HOUR):
        lists.run(hour)
        assert [docid for feed in NARROW for docid in overdue(lists, feed, hour)] == []
        if reach is None:  # below what the broad list shows, nothing is known
            assert [docid for feed in lists.plan.heard for docid in missed(lists, feed)] == []

    assert lists.wrong == []
    for feed in NARROW:
        # What the feed's last own poll could see is known where the feed claims to be complete.
        last, known = lists.last_poll[feed].timestamp(), lists.known(feed)
        spans = [span for parts in store.coverage.known()[feed] for span in parts]
        claimed = [each for each in lists.articles if any(s.start < moment(each.published) < s.end for s in spans)]
        unknown = [each for each in claimed if each.is_in(feed, END) and each.docid not in known]
        assert [each.docid for each in unknown if each.listed[feed][0] < last] == []


@pytest.mark.slow
@pytest.mark.parametrize("parting", ["absent", "none"])
def test_a_parting_is_found_out_within_the_time_of_a_verification(store: Store, parting: str) -> None:
    dice = random.Random(7)
    lists = SimulatedLists(store, articles(dice, parting, 1.0), BEGIN, dice=dice)
    lists.run(END)
    misses = store.containments.last_misses()
    assert set(misses) == (set(NARROW) if parting == "absent" else set())
    for _, at in misses.values():
        # The first article that parts comes some minutes later.
        assert at.timestamp() <= LEARNED + 16 * MINUTE + MAX_DELAY
    assert set(lists.plan.heard) == (set() if parting == "absent" else set(NARROW))


@pytest.mark.slow
def test_articles_that_only_name_a_list_are_no_miss(store: Store) -> None:
    """An item of the broad list names a feed whose own list never shows it."""
    dice = random.Random(7)
    lists = SimulatedLists(store, articles(dice, "only broad", 0.5), BEGIN, dice=dice)
    lists.run(END)
    assert store.containments.last_misses() == {}
    assert set(lists.plan.heard) == set(NARROW)
    [row] = store._db.execute("SELECT count(*) AS n FROM listings WHERE feed = 'china' AND shown = 0").fetchall()
    assert row["n"] > 10, "they belong to the feed, and the record says that its list has not shown them"
