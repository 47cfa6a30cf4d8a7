"""Whether an archive's index is what its journal gives: everything is read once more, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from archive.archive import index_path, journal_path
from archive.integrity.index_diff import disagreement
from archive.integrity.manifest_check import Problem
from archive.integrity.seal import adopt, manifests_path
from archive.integrity.verify import Report, verify
from archive.journal.warc import warc_files
from archive.model.fetch import JournalPosition
from archive.store import Store
from pipeline.rebuild import is_within, replay, staged
from pipeline.reparse import ReparseOptions, read_journal


def verify_deep(
    root: Path,
    most: int,
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda done, whole: None,
) -> tuple[Report, int]:
    """Verify an archive, and compare the rows of what was observed with the journal.

    How far lists were read is no observation, and in the journal at the end of a run only: it is not compared. What a
    crash has left in the journal alone is not expected in the index. See D64.

    :param most: bytes that a page may unpack to
    :param on_progress: told how many bytes of how many of the journal are done
    :return: what was found, and how many articles were archived without a journal, so that nothing can prove them
    :raises ArchiveError: the archive is in use, or cannot be read
    """
    root = root.absolute()
    with staged(root, "verify", now) as aside:
        report = verify(root)
        if reason := _unfit(root, report.problems):
            return _with(root, report, [f"its rows were not compared with the raw pages: {reason}"]), 0
        store = Store.open(aside / "index.db")
        try:
            with store.bulk_write():
                applied, reading = _applied(root), ReparseOptions(most, os.cpu_count() or 1, on_progress)
                journal = read_journal(journal_path(root), reading, lambda damage: None)
                replay((each for each in journal if is_within(each, applied)), store, None)
            manifests = not any(
                problem.path.startswith(_inside(root, manifests_path(root))) for problem in report.problems
            )
            if manifests:
                adopt(root, store)
        finally:
            store.close()
        found = disagreement(index_path(root), aside / "index.db", manifests=manifests)
        if found is None:
            return _with(root, report, ["an older finarchive wrote it: any crawl brings it up to date"]), 0
        return _with(root, report, found.rows), found.unproven


def _unfit(root: Path, problems: Sequence[Problem]) -> str | None:
    """Why the journal cannot bear the index out or not; None when it can."""
    folder = journal_path(root)
    if not warc_files(folder):
        return "there are none"
    if any(problem.path.startswith(_inside(root, folder)) for problem in problems):
        return "they are damaged themselves"
    return None


def _applied(root: Path) -> dict[str, JournalPosition]:
    store = Store.open_for_reading(index_path(root))
    try:
        return store.log.positions()
    finally:
        store.close()


def _inside(root: Path, folder: Path) -> str:
    return f"{folder.relative_to(root).as_posix()}/"


def _with(root: Path, report: Report, details: Sequence[str]) -> Report:
    name = index_path(root).relative_to(root).as_posix()
    return replace(report, problems=(*report.problems, *(Problem("index", name, detail) for detail in details)))
