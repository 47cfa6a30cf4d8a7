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
from pathlib import Path
from typing import Any

from archive.archive import Archive
from archive.files import atomic
from archive.index import images
from archive.index.articles import ArticleIndex
from archive.index.entries import EntryIndex
from archive.index.images import ImageIndex
from archive.store import Store
from cli.main import main
from scheduler.crawl import work_queue


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


def half_a_file(countdown: Countdown) -> None:
    whole = atomic._write_synced

    def write(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2])
        countdown()
        whole(path, data)

    atomic._write_synced = write


STEPS: dict[str, Callable[[Countdown], None]] = {
    "-": lambda countdown: None,
    "before the poll's commit": lambda countdown: around(Store, "commit_poll", countdown, nothing),
    "inside the poll's commit": lambda countdown: around(EntryIndex, "add_listings", nothing, countdown),
    "after the poll's commit": lambda countdown: around(Store, "commit_poll", nothing, countdown),
    "half a file": half_a_file,
    "before a rename": lambda countdown: around(Path, "replace", countdown, nothing),
    "after a rename": lambda countdown: around(Path, "replace", nothing, countdown),
    "before the rows": lambda countdown: around(ArticleIndex, "commit", countdown, nothing),
    "before the pictures' files": lambda countdown: around(Archive, "write_pictures", countdown, nothing),
    "before the pictures' rows": lambda countdown: around(ImageIndex, "commit", countdown, nothing),
    "after the pictures' note": lambda countdown: around(images, "record", countdown, nothing),
    "after the rows": lambda countdown: around(ArticleIndex, "commit", nothing, countdown),
}


def rows_before_files() -> None:
    """A row is committed before its file is written."""
    write_posts, commit = atomic.write_posts, ArticleIndex.commit
    item: list[tuple[Any, ...]] = []

    def commit_then_write(versions: ArticleIndex, *decisions: Any) -> None:
        commit(versions, *decisions)
        time.sleep(0.05)  # a slow disk: rows alone must be met by some of the kills
        write_posts(*item.pop())

    atomic.write_posts = lambda *arguments: item.append(arguments)
    ArticleIndex.commit = commit_then_write


def ground_before_entries() -> None:
    """What vouches for a poll's entries is committed before they are."""
    inner = Store.commit_poll

    def commit_poll(store: Store, poll: Any, filing: Any, feeds: Any, *others: Any, **named: Any) -> Any:
        with store._db.atomic():
            store._entry_index.add_listings(poll.feed, poll.at, feeds, poll.failures, caught_up=poll.caught_up)
        return inner(store, poll, filing, feeds, *others, **named)

    Store.commit_poll = commit_poll


def little_room() -> None:
    """Nearly always too many articles are on their way to the disk: not a wrong order, but one rarely come by."""
    work_queue.MAX_QUEUED, work_queue.BATCH = 0, 1


SABOTAGES: dict[str, Callable[[], None]] = {
    "-": nothing,
    "rows before files": rows_before_files,
    "ground before entries": ground_before_entries,
    "little room": little_room,
}


if __name__ == "__main__":
    step, nth, sabotage, *sys.argv[1:] = sys.argv[1:]
    SABOTAGES[sabotage]()
    STEPS[step](Countdown(int(nth)))
    main()
