"""In which order articles are fetched when several feeds have many: in turns, the newest of each feed first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def in_turns(waiting: Mapping[str, Sequence[str]], last_turn: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield articles in rounds: one of each feed, the feed whose last turn is longest ago first.

    An article that several feeds list takes the turn of the first of them that it comes to.

    :param waiting: feed -> docids in the order in which they are fetched
    :param last_turn: feed -> number of its last turn, counted over all feeds; feeds without one come first
    :return: pairs of feed and docid
    """
    queues = {feed: iter(waiting[feed]) for feed in sorted(waiting, key=lambda feed: last_turn.get(feed, 0))}
    taken: set[str] = set()
    while queues:
        for feed, queue in list(queues.items()):
            docid = next((each for each in queue if each not in taken), None)
            if docid is None:
                del queues[feed]
            else:
                taken.add(docid)
                yield feed, docid
