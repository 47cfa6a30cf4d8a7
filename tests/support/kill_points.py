"""`finarchive`, made to die: `python -m tests.support.kill_points STEP NTH SABOTAGE crawl ...`.

STEP is where the process kills itself with SIGKILL, at the NTH time it comes there ("-": never). SABOTAGE turns the
order of the two commits round ("-": not), to show that the kill tests would notice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from archive.archive import Archive
from archive.files.folders import Folders
from archive.index import images
from archive.index.entries import EntryIndex
from archive.index.images import ImageIndex
from archive.index.listings import ListingIndex
from cli.main import main
from pipeline import writer
from pipeline.commit import CommitBatch


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the nth call."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            die()


def around(owner: Any, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    inner = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before()
        result = inner(*args, **kwargs)
        after()
        return result

    setattr(owner, name, wrapped)


def nothing() -> None:
    pass


def half_written_file(countdown: Countdown) -> None:
    whole = Folders.write_new

    def write(folders: Folders, path: str, data: bytes, *, sync: bool = True) -> None:
        whole(folders, path, data[: len(data) // 2], sync=sync)
        countdown()
        whole(folders, path, data, sync=sync)

    Folders.write_new = write


STEPS: dict[str, Callable[[Countdown], None]] = {
    "-": lambda countdown: None,
    "before the poll's commit": lambda countdown: around(ListingIndex, "commit_poll", countdown, nothing),
    "inside the poll's commit": lambda countdown: around(EntryIndex, "add_listings", nothing, countdown),
    "after the poll's commit": lambda countdown: around(ListingIndex, "commit_poll", nothing, countdown),
    "half a file": half_written_file,
    "before a rename": lambda countdown: around(Folders, "rename", countdown, nothing),
    "after a rename": lambda countdown: around(Folders, "rename", nothing, countdown),
    "before the paths": lambda countdown: around(CommitBatch, "reserve_paths", countdown, nothing),
    "before the files": lambda countdown: around(CommitBatch, "write_files", countdown, nothing),
    "before the rows": lambda countdown: around(CommitBatch, "commit_rows", countdown, nothing),
    "before the pictures' files": lambda countdown: around(Archive, "write_images", countdown, nothing),
    "before the pictures' rows": lambda countdown: around(ImageIndex, "commit", countdown, nothing),
    "after the pictures' note": lambda countdown: around(images, "record", countdown, nothing),
    "after the rows": lambda countdown: around(CommitBatch, "commit_rows", nothing, countdown),
}


def rows_before_files() -> None:
    """A row is committed before its file is written."""
    write_files, commit_rows = CommitBatch.write_files, CommitBatch.commit_rows
    deferred: list[Any] = []

    def commit_then_write(batch: CommitBatch) -> Any:
        decisions = commit_rows(batch)
        time.sleep(0.05)  # a slow disk: some kills must happen between the rows and the file
        write_files(batch, deferred.pop())
        return decisions

    CommitBatch.write_files = lambda batch, write: deferred.append(write)
    CommitBatch.commit_rows = commit_then_write


def known_before_entries() -> None:
    """What vouches for a poll's entries is committed before they are, and a kill comes in between."""

    def commit_poll(listings: ListingIndex, poll: Any, filing: Any, feeds: Any, *others: Any, **named: Any) -> None:
        with listings._db.atomic():
            listings._entries.add_listings(
                poll.feed, poll.at, feeds, poll.failures, set(feeds) if poll.caught_up else ()
            )
        die()

    ListingIndex.commit_poll = commit_poll


def little_room() -> None:
    """Too many articles are in the writer at nearly all times: a rare case, not a wrong order."""
    writer.MAX_QUEUED, writer.BATCH_SIZE = 0, 1


SABOTAGES: dict[str, Callable[[], None]] = {
    "-": nothing,
    "rows before files": rows_before_files,
    "known before entries": known_before_entries,
    "little room": little_room,
}


if __name__ == "__main__":
    step, nth, sabotage, *sys.argv[1:] = sys.argv[1:]
    SABOTAGES[sabotage]()
    STEPS[step](Countdown(int(nth)))
    main()
