"""Check the results of a soak: figures, and all problems."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean, quantiles

from msgspec import Struct

from bench.soak_daemon import Sample, SupervisedDaemon
from bench.soak_run import Soak, SoakRecord, rows
from bench.soak_schedule import BEGIN, MINUTE, Day, hour_of, hourly, outage_spans
from mocksite.site import Story

# A story that was listed this long without an outage must be archived: a quiet list is polled once an hour, with a
# random delay of up to a tenth.
MIN_LISTED_MINUTES = 70
MAX_MEMORY_GROWTH = 0.05  # share by which memory of the last quarter may exceed the second
MAX_DESCRIPTORS = 8  # by which the number may grow: connections come and go

# Log events of level ERROR that the soak provokes.
EXPECTED = ("configuration-refused", "configuration-kept", "disk-refuses", "index-refuses", "archive-refuses")
_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:+-]+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (\S+)")


class Findings(Struct, frozen=True):
    """Figures by name, and the problems."""

    figures: dict[str, str]
    wrong: list[str]


def examine(soak: Soak, *, max_growth: float = MAX_MEMORY_GROWTH) -> Findings:
    """Check the results of a soak, before its disk is unmounted.

    :param max_growth: the share by which memory may grow
    """
    record = soak.record
    wrong: list[str] = []
    figures: dict[str, str] = {}
    archived = _archived(soak.root)
    wrong += _lost_articles(soak.stories, set(archived), soak.day)
    wrong += _inconsistent_files(soak.root)
    wrong += soak.verifier.contradictions
    figures["verified deeply"] = f"{soak.verifier.verified} times, {len(soak.verifier.contradictions)} contradictions"
    wrong += _unhealthy(record)
    wrong += _unexpected_ends(soak.daemon)
    wrong += _unexpected_log_lines(soak.folder / "log")
    life = _longest_life(soak.daemon.samples)
    figures |= _of_articles(soak, archived)
    grown, memory = _growth([sample.rss for sample in life])
    figures["memory of the longest life"] = f"{memory} ({grown:+.1%}) in {len(life)} measurements"
    if grown > max_growth:
        wrong.append(f"memory grew by {grown:.1%}: {memory}")
    second, last = _quarters([sample.descriptors for sample in life])
    figures["file descriptors"] = f"at most {max(second)} in the second quarter, {max(last)} in the last"
    if max(last) > max(second) + MAX_DESCRIPTORS:
        wrong.append(f"file descriptors grew from {max(second)} to {max(last)}")
    figures |= _of_cost(record, soak.daemon, len(archived))
    return Findings(figures, wrong)


# The archive


def _archived(root: Path) -> dict[str, datetime]:
    found = rows(root, "SELECT docid, fetched_at FROM revisions WHERE number = 1")
    return {docid: datetime.fromisoformat(at) for docid, at in found}


def _lost_articles(stories: Sequence[Story], archived: set[str], day: Day) -> Iterator[str]:
    outages = outage_spans(day)
    for story in stories:
        if story.docid in archived:
            continue
        if story.deleted_at is None:
            yield f"lost: {story.docid}, in the lists since minute {(story.intime - BEGIN) / MINUTE:.0f}"
        elif _longest_quiet_seconds(story.intime, story.deleted_at, outages) >= MIN_LISTED_MINUTES * MINUTE:
            yield f"lost: {story.docid}, deleted, but available for {MIN_LISTED_MINUTES} minutes without an outage"


def _longest_quiet_seconds(start: float, end: float, outages: Sequence[tuple[float, float]]) -> float:
    """Seconds of the longest period without an outage."""
    longest, at = 0.0, start
    for first, last in sorted(outages):
        if last > at:
            longest = max(longest, min(first, end) - at)
            at = last
    return max(longest, end - at)


def _inconsistent_files(root: Path) -> Iterator[str]:
    committed = {path: (sha, docid) for path, sha, docid in rows(root, "SELECT path, sha256, docid FROM revisions")}
    inner = root / ".finarchive"
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*.md") if inner not in path.parents}
    yield from (f"a row without a file: {path}" for path in committed.keys() - found.keys())
    yield from (f"a file without a row: {path}" for path in found.keys() - committed.keys())
    for path in committed.keys() & found.keys():
        if hashlib.sha256(found[path].read_bytes()).hexdigest() != committed[path][0]:
            yield f"torn: {path}"
    yield from (f"left behind: {path}" for path in (inner / "unfinished").iterdir())
    for kind, names in (
        ("rows", [docid for _, docid in committed.values()]),
        ("files", [Path(path).stem.rpartition("_")[2] for path in found]),
    ):
        yield from (f"duplicate: {n} {kind} of {docid}" for docid, n in Counter(names).items() if n > 1)


# The daemon


def _unhealthy(record: SoakRecord) -> Iterator[str]:
    for feed in record.status.get("feeds", ()):
        if feed["state"] != "ok":
            yield f"{feed['id']} is {feed['state']}: {feed['reason']}"
    yield from (f"a gap stays: {gap}" for gap in record.status.get("gaps", ()))
    if not record.settled:
        yield f"the daemon did not settle: {record.status.get('pending')} articles are pending"
    if record.last_exit != 0:
        yield f"SIGTERM ended it with {record.last_exit}"


def _unexpected_ends(daemon: SupervisedDaemon) -> Iterator[str]:
    for status, line in daemon.endings:
        yield f"the daemon ended with {status}: {line[:200]}"


def _unexpected_log_lines(log: Path) -> Iterator[str]:
    for number, line in enumerate(log.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        match = _LINE.match(line)
        if match and match[1] in ("ERROR", "CRITICAL") and match[2] not in EXPECTED:
            yield f"log line {number}: {line[:300]}"
        elif not match:
            yield f"log line {number} is not in our format: {line[:300]}"


def _longest_life(samples: Sequence[Sample]) -> list[Sample]:
    longest = Counter(sample.life for sample in samples).most_common(1)[0][0]
    return [sample for sample in samples if sample.life == longest]


def _quarters(values: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The second and the last quarter."""
    quarter = max(len(values) // 4, 1)
    return values[quarter : 2 * quarter], values[-quarter:]


def _growth(values: Sequence[int]) -> tuple[float, str]:
    second, last = (fmean(part) / 1e6 for part in _quarters(values))
    return last / second - 1, f"{second:.1f} MB in the second quarter, {last:.1f} MB in the last"


# Figures


def _of_articles(soak: Soak, archived: dict[str, datetime]) -> dict[str, str]:
    late = list(_latencies(soak, archived))
    kinds = Counter(event.what for event in soak.day.events if not event.what.endswith(("again", "mend")))
    gone = [story for story in soak.stories if story.deleted_at]
    gaps = rows(soak.root, "SELECT count(*), count(closed) FROM gaps")[0]
    retitled = {docid for (docid,) in rows(soak.root, "SELECT DISTINCT docid FROM changes WHERE retitled = 1")}
    return {
        "what happened": ", ".join(f"{n} x {what}" for what, n in kinds.items()),
        "stories": f"{len(soak.stories)}, {len(gone)} of them deleted in the course of it",
        "archived": f"{len(archived)}; deleted before they could be: {sum(s.docid not in archived for s in gone)}",
        "retitled": f"{len(retitled)} noticed of {sum(bool(story.edits) for story in soak.stories)}",
        "gaps": f"{gaps[0]} opened, {gaps[1]} closed",
        "entering to archived, 9 to 16": _percentiles([seconds for busy, seconds in late if busy]),
        "the rest of the day": _percentiles([seconds for busy, seconds in late if not busy]),
    }


def _latencies(soak: Soak, archived: dict[str, datetime]) -> Iterator[tuple[bool, float]]:
    """For each article listed outside of outages: whether in a busy hour, and the seconds until it was archived."""
    outages, ended = outage_spans(soak.day), soak.day.minutes * MINUTE + BEGIN
    for story in soak.stories:
        if story.docid in archived and BEGIN < story.intime < ended and not _within(story.intime, outages):
            busy = hourly(soak.day, hour_of(story.intime)) == soak.day.busy
            yield busy, archived[story.docid].timestamp() - story.intime


def _percentiles(late: Sequence[float]) -> str:
    cuts = quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
    return f"median {cuts[49]:.0f} s, 95 % within {cuts[94]:.0f} s (outside of outages: {len(late)} articles)"


def _within(moment: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start <= moment <= end for start, end in spans)


def _of_cost(record: SoakRecord, daemon: SupervisedDaemon, articles: int) -> dict[str, str]:
    lives = {sample.life: sample.cpu for sample in daemon.samples}  # the last sample of each
    cpu = sum(lives.values())
    return {
        "lives": f"{len(lives)}",
        "requests": f"{record.requests}: {record.requests / articles:.2f} for an article",
        "CPU": f"{cpu:.0f} s: {1000 * cpu / articles:.0f} ms for an article, "
        f"{1000 * cpu / record.requests:.1f} ms for a request, starts included",
    }
