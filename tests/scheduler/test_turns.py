"""The order of first fetches: in turns of the feeds, the newest article of each first."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from scheduler.policy.turns import in_turns

QUEUES = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(0, 30).map(str), unique=True, max_size=20))


def test_feeds_take_turns_and_each_begins_with_its_first_article() -> None:
    waiting = {"busy": ["b1", "b2", "b3"], "quiet": ["q1"], "other": ["o1", "o2"]}
    assert [docid for _, docid in in_turns(waiting, {})] == ["b1", "q1", "o1", "b2", "o2", "b3"]


def test_the_feed_whose_turn_is_longest_ago_is_next() -> None:
    waiting = {"a": ["a1", "a2"], "b": ["b1", "b2"], "c": ["c1"]}
    assert [docid for _, docid in in_turns(waiting, {"a": 2, "b": 1})] == ["c1", "b1", "a1", "b2", "a2"]


def test_an_article_of_several_feeds_is_fetched_once_and_takes_one_turn() -> None:
    waiting = {"a": ["x", "a1"], "b": ["x", "b1"], "c": ["x"]}
    assert list(in_turns(waiting, {})) == [("a", "x"), ("b", "b1"), ("a", "a1")]


@given(QUEUES)
def test_everything_is_fetched_once_and_no_feed_is_more_than_a_turn_ahead(waiting: dict[str, list[str]]) -> None:
    order = list(in_turns(waiting, {}))
    assert sorted(docid for _, docid in order) == sorted({each for queue in waiting.values() for each in queue})
    for number in range(len(order) + 1):
        done = {docid for _, docid in islice(order, number)}
        turns = {feed: sum(each == feed for each, _ in order[:number]) for feed in waiting}
        unfinished = [turns[feed] for feed, queue in waiting.items() if not set(queue) <= done]
        assert not unfinished or max(turns.values()) - min(unfinished) <= 1
    for feed, queue in waiting.items():
        own = [docid for each, docid in order if each == feed]
        assert own == sorted(own, key=queue.index), "the newest of a feed first"
