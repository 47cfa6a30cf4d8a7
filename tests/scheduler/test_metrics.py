"""The daemon's metrics: read back with Prometheus' own parser; and docs/health.md, which must name them all."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from archive.model.feed import Failure, FailureKind, Gap
from scheduler.monitoring.metrics import LATENCY_BUCKETS_SECONDS, OUTCOMES, STATES, Metrics, Snapshot
from scheduler.monitoring.reports import FeedReport

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "health.md").read_text(encoding="utf-8")
NOW = datetime(2026, 9, 29, 1, 0, tzinfo=UTC)


def report(
    feed: str, state: str = "ok", last_poll: datetime | None = None, newest: datetime | None = None
) -> FeedReport:
    """A report with these values; the others do not matter here."""
    said = {"id": feed, "state": state, "last_poll": last_poll, "newest": newest}
    return FeedReport(**{field.name: said.get(field.name) for field in fields(FeedReport)})


def snapshot(*feeds: FeedReport, gaps: tuple[Gap, ...] = (), **counts: int) -> Snapshot:
    return Snapshot(feeds, gaps, **({"pending": 0, "parked": 0, "backed_off_hosts": 0, "requests": 0} | counts))


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(metrics: Metrics, shown: Snapshot | None = None, now: datetime = NOW) -> Samples:
    """All samples, each name with its labels once."""
    families = text_string_to_metric_families(metrics.render(shown or snapshot(), now).decode())
    rows = [((s.name, frozenset(s.labels.items())), s.value) for family in families for s in family.samples]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"finarchive_{name}", frozenset(labels.items())))


def feeds_of(samples: Samples, name: str) -> set[str]:
    return {dict(labels)["feed"] for found, labels in samples if found == f"finarchive_{name}"}


# Counters


def test_polls_are_counted_by_feed_and_outcome() -> None:
    metrics = Metrics()
    metrics.polled("china", None)
    metrics.polled("china", None)
    metrics.polled("china", Failure("china", FailureKind.UNREADABLE, "no JSON"))
    metrics.polled("stock", Failure("stock", FailureKind.BLOCKED, "403"))
    samples = read(metrics)
    assert value(samples, "polls_total", feed="china", outcome="ok") == 2
    assert value(samples, "polls_total", feed="china", outcome="unreadable") == 1
    assert value(samples, "polls_total", feed="stock", outcome="blocked") == 1
    assert value(samples, "polls_total", feed="stock", outcome="ok") is None


def test_anchors_are_counted_and_a_missing_one_is_shown() -> None:
    metrics = Metrics()
    metrics.anchored("git-0123456789ab", True)
    shown = replace(snapshot(), unanchored={"git-0123456789ab": False, "minisign": True})
    samples = read(metrics, shown)
    assert value(samples, "anchor_attempts_total", anchor="git-0123456789ab", outcome="anchored") == 1
    assert value(samples, "anchor_attempts_total", anchor="minisign", outcome="failed") == 0
    assert value(samples, "root_unanchored", anchor="git-0123456789ab") == 0
    assert value(samples, "root_unanchored", anchor="minisign") == 1


def test_failures_are_counted_by_kind() -> None:
    metrics = Metrics()
    metrics.failed(FailureKind.GONE)
    metrics.failed(FailureKind.GONE)
    samples = read(metrics)
    assert {kind: value(samples, "failures_total", kind=kind) for kind in FailureKind} == dict.fromkeys(
        FailureKind, 0
    ) | {FailureKind.GONE: 2}


def test_every_series_of_a_counter_is_there_before_its_first_event() -> None:
    """increase() sees nothing of an event that brings its series into being."""
    samples = read(Metrics(), snapshot(report("china")))
    assert [value(samples, "polls_total", feed="china", outcome=outcome) for outcome in OUTCOMES] == [0] * len(
        OUTCOMES
    )
    assert [value(samples, "failures_total", kind=kind) for kind in FailureKind] == [0] * len(FailureKind)
    assert value(samples, "articles_archived_total") == 0
    assert value(samples, "archive_latency_seconds_count") == 0


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, 5), (-30, 5), (5, 5), (5.1, 10), (60, 60), (61, 75), (3600, 3600), (10**6, inf)]
)
def test_latency_falls_into_its_bucket(seconds: float, bucket: float) -> None:
    metrics = Metrics()
    metrics.archived(timedelta(seconds=seconds))
    samples = read(metrics)
    for bound in (*LATENCY_BUCKETS_SECONDS, inf):
        le = "+Inf" if bound == inf else str(float(bound))
        assert value(samples, "archive_latency_seconds_bucket", le=le) == (bound >= bucket)
    assert value(samples, "archive_latency_seconds_sum") == max(seconds, 0)
    assert value(samples, "articles_archived_total") == 1


def test_an_article_without_a_latency_is_counted_all_the_same() -> None:
    metrics = Metrics()
    metrics.archived(None)
    samples = read(metrics)
    assert value(samples, "articles_archived_total") == 1
    assert value(samples, "archive_latency_seconds_count") == 0


def test_the_goal_is_a_bound_and_close_to_others() -> None:
    at = LATENCY_BUCKETS_SECONDS.index(60)
    assert LATENCY_BUCKETS_SECONDS[at + 1] - LATENCY_BUCKETS_SECONDS[at - 1] <= 30
    assert list(LATENCY_BUCKETS_SECONDS) == sorted(set(LATENCY_BUCKETS_SECONDS))


# Exposition


def test_a_snapshot_is_shown_as_it_is() -> None:
    gap = Gap("china", NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    polled, newest = NOW - timedelta(seconds=90), NOW - timedelta(hours=30)
    shown = snapshot(
        report("china", "stale", polled, newest), report("us", "new"),
        gaps=(gap, gap), pending=3, parked=4, backed_off_hosts=5, requests=6,
    )  # fmt: skip
    samples = read(Metrics(), shown)
    assert value(samples, "poll_age_seconds", feed="china") == 90
    assert value(samples, "newest_item_age_seconds", feed="china") == 30 * 3600
    assert {s: value(samples, "feed_state", feed="china", state=s) for s in STATES} == dict.fromkeys(STATES, 0) | {
        "stale": 1
    }
    assert value(samples, "feed_state", feed="us", state="new") == 1
    assert [value(samples, "gaps_open", feed=feed) for feed in ("china", "us")] == [2, 0]
    for number, name in enumerate(("queue_length", "parked", "hosts_resting", "requests_total"), start=3):
        assert value(samples, name) == number


def test_what_is_not_known_is_not_shown() -> None:
    samples = read(Metrics(), snapshot(report("us", "new")))
    assert feeds_of(samples, "poll_age_seconds") == feeds_of(samples, "newest_item_age_seconds") == set()


def test_a_state_unknown_to_the_metrics_is_shown_too() -> None:
    assert value(read(Metrics(), snapshot(report("us", "asleep"))), "feed_state", feed="us", state="asleep") == 1


def test_a_feed_that_is_gone_from_the_configuration_is_gone_from_the_gauges() -> None:
    metrics, gap = Metrics(), Gap("china", NOW, NOW)
    gauges = ("poll_age_seconds", "newest_item_age_seconds", "feed_state", "gaps_open")
    both = (report("china", "ok", NOW, NOW), report("us", "ok", NOW, NOW))
    before, after = read(metrics, snapshot(*both, gaps=(gap,))), read(metrics, snapshot(both[1], gaps=(gap,)))
    assert [feeds_of(before, name) for name in gauges] == [{"china", "us"}] * len(gauges)
    assert [feeds_of(after, name) for name in gauges] == [{"us"}] * len(gauges)


def test_no_age_is_negative() -> None:
    """The clock was set back, or the site dates its articles ahead."""
    later = NOW + timedelta(hours=1)
    samples = read(Metrics(), snapshot(report("us", "ok", later, later)))
    assert value(samples, "poll_age_seconds", feed="us") == value(samples, "newest_item_age_seconds", feed="us") == 0


def test_two_sets_of_metrics_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.archived(None)
    assert value(read(other), "articles_archived_total") == 0


def test_a_failed_read_does_not_affect_the_next() -> None:
    metrics = Metrics()
    with pytest.raises(TypeError):
        metrics.render(snapshot(report("us", "ok", NOW.replace(tzinfo=None))), NOW)
    assert value(read(metrics, snapshot(parked=1)), "parked") == 1


def test_nothing_is_sent_twice() -> None:
    assert b"_created" not in Metrics().render(snapshot(report("us")), NOW)


# The process

PROCESS = ("resident_memory_bytes", "cpu_seconds_total", "open_fds", "start_time_seconds")


def test_the_process_is_measured() -> None:
    samples = {name: number for (name, _), number in read(Metrics()).items()}
    assert samples["process_resident_memory_bytes"] > 10_000_000
    assert samples["process_cpu_seconds_total"] > 0
    assert samples["process_open_fds"] >= 3
    began = Path("/proc/self").stat().st_ctime  # about when this process was started
    assert samples["process_start_time_seconds"] == pytest.approx(began, abs=60)


def test_the_process_is_measured_with_a_restricted_proc() -> None:
    """systemd's ProcSubset=pid: there is no /proc/stat."""
    mount = "mount -t proc -o subset=pid proc /proc && ! test -e /proc/stat"
    unshare = ["unshare", "--mount", "--pid", "--fork", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*unshare, mount], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount, and Linux 5.8")
    program = (
        "from datetime import UTC, datetime; from scheduler.monitoring.metrics import Metrics, Snapshot;"
        "print(Metrics().render(Snapshot((), (), 0, 0, 0, 0), datetime.now(UTC)).decode())"
    )
    done = subprocess.run(
        [*unshare, f'{mount} && exec "$0" -c "$1"', sys.executable, program],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [name for name in PROCESS if f"\nprocess_{name} " not in done.stdout] == []


# docs/health.md

NAME = re.compile(r"\b(?:finarchive|process)_[a-z_]+[a-z]\b")


def test_the_documentation_names_every_metric_and_no_other() -> None:
    text = Metrics().render(snapshot(report("china", "ok", NOW, NOW)), NOW).decode()
    types = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}
    series = {
        f"{name}_{end}" for name, kind in types.items() if kind == "histogram" for end in ("bucket", "count", "sum")
    }
    tabled = set(re.findall(r"^\| `((?:finarchive|process)_\w+)", DOCS, re.MULTILINE))
    assert tabled == set(types)
    assert set(NAME.findall(DOCS)) <= set(types) | series


def test_the_alerts_are_rules() -> None:
    """promtool accepted them once; this test checks that they are YAML and name existing labels."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)]
    rules = [rule for block in blocks for group in block.get("groups", ()) for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 5
    said = " ".join(rule["expr"] for rule in rules)
    assert set(re.findall(r'state="(\w+)"', said)) <= set(STATES)
    for words in re.findall(r'state=~"([\w|]+)"', said):
        assert set(words.split("|")) <= set(STATES)


def test_the_documentation_gives_the_bounds_as_they_are() -> None:
    said = re.search(r"Its bounds are ([\d, ]+) and", DOCS)
    assert said
    assert ast.literal_eval(f"({said[1]})") == LATENCY_BUCKETS_SECONDS
