"""Power failures: operations on files are recorded, cut anywhere, and what a disk may have by then is recovered.

`python -m bench.torture.power_loss --seconds 60 --seed 1`. A crawl, a crawl with changed articles, the sealing of
days and two rebuilds are recorded, with all that SQLite does. Then, in random order and until the time is over, the
archive is left as a power failure after some operation may leave it (bench/torture/disk_model.py), is opened as at a
start, and is verified against the journal. What the index had committed must be there. Now and then a crawl follows.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archive.archive import Archive
from archive.files.layout import index_path
from archive.model.errors import ArchiveError
from bench.torture.disk_model import Choice, write_state
from bench.torture.recording import (
    AHEAD,
    ROOT,
    Recording,
    compiler,
    fast_folder,
    make_home,
    record,
    state_folder,
    versions,
)
from config.model import Settings
from crawler.parsing.pool import ParserPool
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.conftest import NEWEST

ARTICLES = 12
SHARES = (0.0, 1.0, 0.2, 0.5, 0.8)  # of what is not synced and is on the disk nevertheless
# How early a cut is tried after an operation of this kind. Most are writes; most faults are in the order of names.
WEIGHTS = {"W": 1, "T": 1, "R": 30, "L": 30}
USUAL_WEIGHT = 6
CRAWL_EVERY = 12  # states; a crawl takes as long as some of them


def run(seconds: float, seed: int, report: Callable[[str], None]) -> list[str]:
    """Record, and check states until the time is over, at least one; return the failures.

    :param report: receives lines about the progress
    :return: what failed, and where the state is kept with which it failed again
    """
    if not compiler():
        report("skipped: there is no C compiler to build the recorder")
        return []
    deadline = time.monotonic() + seconds
    randomness = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(dir=fast_folder(), prefix="finarchive-power-") as work,
        MockSite(make_stories(ARTICLES, newest=NEWEST)) as site,
        patch.object(ParserPool, "run", _run_here),
    ):
        recordings = record(Path(work), site)
        for each in recordings:
            report(f"{each.name}: {len(each.operations)} operations")
        return _check_states(recordings, site, deadline, randomness, report)


def _run_here(_: ParserPool, function: Callable[..., Iterator[Any]], *args: Any) -> Iterator[Any]:
    """Parse in this process: to start others would take most of the time."""
    return function(0, *args)


def _check_states(
    recordings: list[Recording],
    site: MockSite,
    deadline: float,
    randomness: random.Random,
    report: Callable[[str], None],
) -> list[str]:
    failures: list[str] = []
    checked: set[bytes] = set()
    for recording, cut, share in _plan(recordings, randomness):
        choice = Choice(share, random.Random(randomness.random()))
        state = recording.disk_after(cut).state(choice)
        digest = hashlib.sha256(repr(sorted(state.items())).encode()).digest()
        if digest in checked:
            continue
        checked.add(digest)
        with state_folder(state) as folder:
            follows = site if len(checked) % CRAWL_EVERY == 0 else None
            is_interrupted = recording.is_rebuild and cut < len(recording.operations)
            problem = check(folder / ROOT, recording.committed(cut), follows, is_rebuild=is_interrupted)
        if problem:
            kept = Path(tempfile.mkdtemp(prefix="finarchive-power-failed-"))
            write_state(state, kept)
            done = recording.operations[cut - 1] if cut else None
            last = f"{done.kind} {done.path or done.inode} {done.second}" if done else "nothing"
            failures.append(
                f"{recording.name}, cut after {cut} operations (the last: {last}), {share:.0%} of what was not "
                f"synced is there: {problem}. To see it again: python -m bench.torture.power_loss --state {kept}"
            )
        if time.monotonic() > deadline:
            break
    report(f"{len(checked)} states checked, {len(failures)} failures")
    return failures


def _plan(recordings: list[Recording], randomness: random.Random) -> Iterator[tuple[Recording, int, float]]:
    """Yield the ends of the recordings, then each cut of each recording with each share, again and again.

    The order is random, with weights.
    """

    def cuts_of(recording: Recording) -> Iterator[tuple[Recording, int, float]]:
        cuts = range(len(recording.operations) + 1)
        kinds = ["", *(operation.kind for operation in recording.operations)]
        weights = [WEIGHTS.get(kind, USUAL_WEIGHT) for kind in kinds]
        while True:
            states = [(randomness.random() ** (1 / weights[cut]), cut, share) for cut in cuts for share in SHARES]
            yield from ((recording, cut, share) for _, cut, share in sorted(states, reverse=True))

    ends = [(each, len(each.operations), share) for each in recordings for share in SHARES]
    return chain(ends, chain.from_iterable(zip(*map(cuts_of, recordings), strict=True)))


def check(root: Path, committed: set[tuple[str, int]], site: MockSite | None, *, is_rebuild: bool) -> str | None:
    """Recover an archive as the next start does, and verify it; return what is wrong.

    :param committed: docid and number of versions that must be there
    :param site: where to crawl from afterwards; None: not at all
    :param is_rebuild: the power failed during a rebuild, which is run again after the start
    """
    now = datetime.now(UTC) + AHEAD + timedelta(hours=1)
    settings = Settings()
    try:
        with Archive(root, "crawl", now) as archive:
            recover(archive, settings, now, ParserPool())
            if damage := archive.store.damage():
                return f"the index is damaged: {damage}"
        if is_rebuild:
            rebuild(root, settings.network.max_body, now, processes=1)
        if problem := _verify(root, now):
            return problem
        if lost := committed - versions(index_path(root)):
            return f"versions that were committed are lost: {sorted(lost)}"
        return _crawl(root, site, now) if site else None
    except ArchiveError as error:
        return f"it cannot be opened: {error}"


def _verify(root: Path, now: datetime) -> str | None:
    report, _ = verify_deep(root, Settings().network.max_body, now)
    return "; ".join(f"{each.kind} {each.path}: {each.detail}" for each in report.problems) or None


def _crawl(root: Path, site: MockSite, now: datetime) -> str | None:
    home = make_home(root, site)
    done = home.run("crawl", "--json")
    if done.status:
        return f"a crawl ends with {done.status}: {done.err}"
    if len({docid for docid, _ in versions(index_path(root))}) != ARTICLES:
        return "a crawl does not complete it"
    return _verify(root, now)


def main() -> None:
    """Run it alone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--state", type=Path, metavar="FOLDER", help="check a state that was kept, without a recording"
    )
    options = parser.parse_args()
    logging.getLogger("finarchive").setLevel(logging.ERROR)
    if options.state:
        with tempfile.TemporaryDirectory(prefix="finarchive-power-") as work:  # the check changes it
            copy = shutil.copytree(options.state, Path(work) / "disk")
            failures = [check(copy / ROOT, set(), None, is_rebuild=False)]
    else:
        failures = list(run(options.seconds, options.seed, print))
    print(*filter(None, failures), sep="\n")
    sys.exit(any(failures))


if __name__ == "__main__":
    main()
