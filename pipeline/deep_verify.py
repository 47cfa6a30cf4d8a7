"""Verify an archive's index against its journal: build an index from the journal and compare rows. Read-only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from archive.files.layout import index_path, journal_path, manifests_path
from archive.index.connection import current_copy
from archive.integrity.anchor_check import ANCHOR_PROBLEMS, Trust
from archive.integrity.index_diff import diff_indexes
from archive.integrity.manifest_check import Problem
from archive.integrity.seal import adopt
from archive.integrity.verify import Report, verify
from archive.journal.warc import warc_files
from archive.store import Store
from pipeline.rebuild import replay, staging_folder
from pipeline.recovery import unapplied_files
from pipeline.reparse import ReparseOptions, read_journal


def verify_deep(
    root: Path,
    max_body: int,
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    trust: Trust | None = None,
) -> tuple[Report, int]:
    """Verify an archive's files, and compare the observed rows of its index with the journal.

    The progress of feeds is not compared: it is not observed, and the journal has it only as of the end of a run.
    Records that a crash left unapplied are not expected in the index. See D64.

    :param max_body: bytes that a page may decompress to
    :param on_progress: called with the bytes of the journal read so far, and all of them
    :param trust: what anchors are checked with; None: nothing
    :return: the report, and the number of articles archived without a journal, which nothing can verify
    :raises ArchiveError: the archive is in use or cannot be read
    """
    root = root.absolute()
    with staging_folder(root, "verify", now) as staging:
        report = verify(root, trust=trust, unapplied=partial(unapplied_files, root, max_body))
        if reason := _why_unusable(root, report.problems):
            return _add_problems(root, report, [f"its rows were not compared with the raw pages: {reason}"]), 0
        store, recorded = Store.open(staging / "index.db"), Store.open_for_reading(index_path(root))
        try:
            with store.bulk_write():
                applied, reading = recorded.log.applied(), ReparseOptions(max_body, os.cpu_count() or 1, on_progress)
                journal = read_journal(journal_path(root), reading, lambda damage: None)
                replay((each for each in journal if applied.has(each.event)), store, None)
                store.log.copy_marks(applied)
            if manifests := _are_manifests_sound(root, report.problems):
                adopt(root, store)
        finally:
            recorded.close()
            store.close()
        old = current_copy(index_path(root), staging / "migrated.db")
        diff = diff_indexes(old, staging / "index.db", manifests=manifests)
        if diff is None:
            return _add_problems(root, report, ["its rows were not compared: it cannot be read"]), 0
        return _add_problems(root, report, diff.rows), diff.unproven


def _why_unusable(root: Path, problems: Sequence[Problem]) -> str | None:
    """Return why the journal cannot verify the index; None if it can."""
    folder = journal_path(root)
    if not warc_files(folder):
        return "there are none"
    if any(problem.path.startswith(_prefix(root, folder)) for problem in problems):
        return "they are damaged themselves"
    return None


def _are_manifests_sound(root: Path, problems: Sequence[Problem]) -> bool:
    prefix = _prefix(root, manifests_path(root))
    return not any(each.path.startswith(prefix) and each.kind not in ANCHOR_PROBLEMS for each in problems)


def _prefix(root: Path, folder: Path) -> str:
    return f"{folder.relative_to(root).as_posix()}/"


def _add_problems(root: Path, report: Report, details: Sequence[str]) -> Report:
    name = index_path(root).relative_to(root).as_posix()
    return replace(report, problems=(*report.problems, *(Problem("index", name, detail) for detail in details)))
