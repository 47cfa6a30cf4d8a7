"""Decide about a batch of fetches and write the result. Live work, recovery and rebuild all commit through here.

The steps, in this order: decide, reserve paths, write files, commit rows. The caller writes the journal before all of
them. A crash between two steps loses nothing: the journal has the fetch, a reserved path tells the next run where the
file goes, and a row is committed only after its file is on the disk. See D16 and D43.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from archive.model.article import Article, Post
from archive.model.feed import Failure
from archive.model.fetch import Decision, Fetch, JournalPosition, Outcome
from archive.store import Store
from pipeline.decide import decide

WriteFiles = Callable[[Sequence[Post]], None]
ParseFetches = Callable[[Sequence[Fetch]], Iterable[Article | Failure]]


class ParsedFetch(Struct):
    """A fetch, its parsed response, and the decision once it is made."""

    fetch: Fetch
    parsed: Article | Failure
    digest: str | None  # of the response body; None: there was no response
    position: JournalPosition | None  # of its journal record; None: no journal is kept
    decision: Decision | None = None  # kept after a failed commit, so that the retry does not decide again

    @property
    def docid(self) -> str:
        """The article's id."""
        return self.fetch.pending.entry.docid


class CommitBatch:
    """A batch on its way to files and rows. Call the four steps in the order in which they are defined.

    Tests kill the process before and after each step, by the step's name.

    :param fetches: of different articles
    """

    def __init__(self, store: Store, fetches: Sequence[ParsedFetch]) -> None:
        self._store = store
        self._fetches = fetches
        self._decisions: list[Decision] = []

    def decide(self) -> None:
        """Compare each fetch with the newest version in the index; fetches that have a decision keep it."""
        self._store.log.catch_up()
        states = self._store.articles.states([each.docid for each in self._fetches])
        cut = [(each.docid, each.digest) for each in self._fetches if each.parsed.is_cut and each.digest]
        seen = self._store.articles.seen(cut) if cut else set()
        for each in self._fetches:
            if each.decision is None:
                was_seen = (each.docid, each.digest) in seen
                state = states.get(each.docid)
                each.decision = decide(each.fetch, each.parsed, state, each.digest, is_second_look=was_seen)
        self._decisions = [each.decision for each in self._fetches if each.decision]

    def reserve_paths(self) -> None:
        """Commit where the files of first versions will be, before they are written.

        After a crash the next run writes them there and nowhere else, however the feeds are configured by then.
        """
        first = [each.revision for each in self._decisions if each.outcome is Outcome.FIRST and each.revision]
        self._store.entries.commit_paths({revision.docid: revision.path for revision in first})

    def write_files(self, write: WriteFiles) -> None:
        """Write the files of all new versions; safe to run in a thread."""
        write([each.post for each in self._decisions if each.post])

    def commit_rows(self) -> list[Decision]:
        """Commit the rows, each of which promises that its file is on the disk; return the decisions in order."""
        self._store.articles.commit(self._decisions, [each.position for each in self._fetches])
        return self._decisions


def commit_batch(
    store: Store, fetches: Sequence[ParsedFetch], write: WriteFiles, *, reserve_paths: bool = True
) -> list[Decision]:
    """Run all steps of a :class:`CommitBatch`.

    :param write: puts files on the disk
    :param reserve_paths: False where files and index are built in a staging folder that a crash discards
    :return: the decisions, in the order of the fetches
    :raises ArchiveError: a file or the index cannot be written
    """
    batch = CommitBatch(store, fetches)
    batch.decide()
    if reserve_paths:
        batch.reserve_paths()
    batch.write_files(write)
    return batch.commit_rows()
