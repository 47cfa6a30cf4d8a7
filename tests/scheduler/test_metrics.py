"""The daemon's metrics: read back with Prometheus' own parser; and docs/health.md, which must name them all."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from archive.model.feed import Failure, FailureKind, Gap
from cluster.numbers import ClusterNumbers
from scheduler.mirroring import MirrorSnapshot
from scheduler.monitoring.feed_gauges import STATES
from scheduler.monitoring.metrics import LATENCY_BUCKETS_SECONDS, OUTCOMES, Metrics, Snapshot
from scheduler.monitoring.reports import FeedReport

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "health.md").read_text(encoding="utf-8")
NOW = datetime(2026, 9, 29, 1, 0, tzinfo=UTC)


def report(
    feed: str, state: str = "ok", last_poll: datetime | None = None, newest: datetime | None = None
) -> FeedReport:
    """A report with these values; the others do not matter here."""
    said = {"id": feed, "state": state, "last_poll": last_poll, "newest": newest}
    return FeedReport(**{name: said.get(name) for name in FeedReport.__struct_fields__})


def snapshot(*feeds: FeedReport, gaps: tuple[Gap, ...] = (), **counts: int) -> Snapshot:
    return Snapshot(feeds, gaps, **({"pending": 0, "parked": 0, "backed_off_hosts": 0, "requests": 0} | counts))


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(metrics: Metrics, shown: Snapshot | None = None) -> Samples:
    """All samples, each name with its labels once."""
    families = text_string_to_metric_families(metrics.render(shown or snapshot()).decode())
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


def test_the_numbers_of_a_cluster_are_shown_where_there_is_one() -> None:
    numbers = ClusterNumbers(True, False, 7, 3, 40, 1.5, 2, 9000)
    samples = read(Metrics(), replace(snapshot(), cluster=numbers))
    shown = {name: value(samples, f"cluster_{name}") for name in ("up", "leading", "epoch", "fetchers")}
    assert shown == {"up": 1, "leading": 0, "epoch": 7, "fetchers": 3}
    assert value(samples, "cluster_requests_queued") == 40
    assert value(samples, "cluster_oldest_request_seconds") == 1.5
    assert value(samples, "cluster_responses_waiting") == 2
    assert value(samples, "cluster_responses_waiting_bytes") == 9000
    assert value(read(Metrics()), "cluster_up") is None


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
    assert value(samples, "last_poll_timestamp_seconds", feed="china") == polled.timestamp()
    assert value(samples, "newest_article_timestamp_seconds", feed="china") == newest.timestamp()
    assert {s: value(samples, "feed_state", feed="china", state=s) for s in STATES} == dict.fromkeys(STATES, 0) | {
        "stale": 1
    }
    assert value(samples, "feed_state", feed="us", state="new") == 1
    assert [value(samples, "gaps_open", feed=feed) for feed in ("china", "us")] == [2, 0]
    counts = ("articles_pending", "articles_parked", "hosts_backed_off", "requests_total")
    for number, name in enumerate(counts, start=3):
        assert value(samples, name) == number


def test_what_is_not_known_is_not_shown() -> None:
    samples = read(Metrics(), snapshot(report("us", "new")))
    for name in ("last_poll_timestamp_seconds", "newest_article_timestamp_seconds"):
        assert feeds_of(samples, name) == set()
    assert value(samples, "disk_free_bytes") is None
    assert not any(name == "finarchive_archive_size_bytes" for name, _ in samples)


def test_a_state_unknown_to_the_metrics_is_shown_too() -> None:
    assert value(read(Metrics(), snapshot(report("us", "asleep"))), "feed_state", feed="us", state="asleep") == 1


def test_a_feed_that_is_gone_from_the_configuration_is_gone_from_the_gauges() -> None:
    metrics, gap = Metrics(), Gap("china", NOW, NOW)
    gauges = ("last_poll_timestamp_seconds", "newest_article_timestamp_seconds", "feed_state", "gaps_open")
    both = (report("china", "ok", NOW, NOW), report("us", "ok", NOW, NOW))
    before, after = read(metrics, snapshot(*both, gaps=(gap,))), read(metrics, snapshot(both[1], gaps=(gap,)))
    assert [feeds_of(before, name) for name in gauges] == [{"china", "us"}] * len(gauges)
    assert [feeds_of(after, name) for name in gauges] == [{"us"}] * len(gauges)


def test_articles_the_disk_and_the_sizes_are_shown() -> None:
    shown = snapshot(archived=9, gone=2, disk_free=5 * 10**9, min_free=10**9, disk_low=True)
    shown = replace(shown, sizes={"journal": 7, "index": 8})
    samples = read(Metrics(), shown)
    assert (value(samples, "articles"), value(samples, "articles_gone")) == (9, 2)
    assert (value(samples, "disk_free_bytes"), value(samples, "disk_min_free_bytes")) == (5e9, 1e9)
    assert value(samples, "disk_low") == 1
    assert [value(samples, "archive_size_bytes", part=part) for part in ("journal", "index")] == [7, 8]


def test_a_refused_reload_keeps_the_time_of_the_last_good_one() -> None:
    metrics = Metrics()
    good, last = "config_last_reload_successful", "config_last_reload_success_timestamp_seconds"
    metrics.reloaded(NOW)
    assert [value(read(metrics), name) for name in (good, last)] == [1, NOW.timestamp()]
    metrics.reloaded(None)
    assert [value(read(metrics), name) for name in (good, last)] == [0, NOW.timestamp()]
    metrics.reloaded(NOW + timedelta(hours=1))
    assert [value(read(metrics), name) for name in (good, last)] == [1, NOW.timestamp() + 3600]


def test_names_follow_the_conventions_of_prometheus() -> None:
    """Base units, `_total` for counters and nothing else, `_timestamp_seconds` for times, no relative ages."""
    text = Metrics().render(snapshot(report("china", "ok", NOW, NOW))).decode()
    types = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE finarchive_")}
    assert {name for name, kind in types.items() if kind == "counter"} == {
        name for name in types if name.endswith("_total")
    }
    for name in types:
        assert not re.search(r"_(age|ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", name)
        assert "seconds" not in name or name.endswith(("_timestamp_seconds", "_latency_seconds"))


def test_two_sets_of_metrics_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.archived(None)
    assert value(read(other), "articles_archived_total") == 0


def test_a_failed_read_does_not_affect_the_next() -> None:
    metrics = Metrics()
    with pytest.raises(AttributeError):
        metrics.render(snapshot(report("us", "ok", "now")))  # type: ignore[arg-type]
    assert value(read(metrics, snapshot(parked=1)), "articles_parked") == 1


def test_nothing_is_sent_twice() -> None:
    assert b"_created" not in Metrics().render(snapshot(report("us")))


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
        "from scheduler.monitoring.metrics import Metrics, Snapshot;"
        "print(Metrics().render(Snapshot((), (), 0, 0, 0, 0)).decode())"
    )
    done = subprocess.run(
        [*unshare, f'{mount} && exec "$0" -c "$1"', sys.executable, program],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [name for name in PROCESS if f"\nprocess_{name} " not in done.stdout] == []


# docs/health.md

NAME = re.compile(r"\b(?:finarchive|process)_[a-z_]+[a-z]\b")
LABELS = re.compile(r"\b(finarchive_[a-z_]+[a-z])\{([^}]*)\}")
MONITORING = ROOT / "docs" / "monitoring"
RULES = MONITORING / "finarchive.rules.yml"


def exposed() -> tuple[dict[str, str], set[str]]:
    """The type of each metric, and the series of histograms."""
    shown = snapshot(report("china", "ok", NOW, NOW), disk_free=1)
    shown = replace(shown, sizes={"index": 1}, alerts=("a",), unanchored={"b": True}, cluster=ClusterNumbers())
    shown = replace(shown, mirror=MirrorSnapshot(1.0, 2, True))
    text = Metrics().render(shown).decode()
    types = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}
    histograms = [name for name, kind in types.items() if kind == "histogram"]
    return types, {f"{name}_{end}" for name in histograms for end in ("bucket", "count", "sum")}


def test_the_documentation_names_every_metric_and_no_other() -> None:
    types, series = exposed()
    tabled = set(re.findall(r"^\| `((?:finarchive|process)_\w+)", DOCS, re.MULTILINE))
    assert tabled == set(types)
    assert set(NAME.findall(DOCS)) <= set(types) | series


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_expressions() -> list[str]:
    board = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    variables = [variable["query"]["query"] for variable in board["templating"]["list"]]
    return variables + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_rules_and_dashboard_name_metrics_labels_and_states_that_exist() -> None:
    types, series = exposed()
    said = [rule["expr"] for rule in rules()] + dashboard_expressions()
    assert len(said) >= 30
    text = "\n".join(said)
    assert set(NAME.findall(text)) <= set(types) - {n for n, kind in types.items() if kind == "histogram"} | series
    for states in re.findall(r'state=~?"([\w|]+)"', text):
        assert set(states.split("|")) <= set(STATES)
    known = {"job", "instance", "state", "outcome"}
    for _, labels in LABELS.findall(text):
        assert set(re.findall(r"(\w+)=", labels)) <= known


def test_each_rule_says_how_bad_and_what() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) >= 10
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")


def test_the_dashboard_has_panels_that_do_not_overlap() -> None:
    panels = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (each["gridPos"]["x"] + x, each["gridPos"]["y"] + y)
        for each in panels
        for x in range(each["gridPos"]["w"])
        for y in range(each["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({each["id"] for each in panels}) == len(panels)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        assert not os.environ.get("CI"), "there is no promtool: .ci/tools installs it"
        pytest.skip("there is no promtool (Debian's package prometheus)")
    return subprocess.run([program, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_promtool_accepts_the_rules_and_their_tests_pass() -> None:
    for command in (("check", "rules", RULES.name), ("test", "rules", "finarchive.test.yml")):
        done = promtool(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    said = [each for each in dashboard_expressions() if not each.startswith("label_values")]
    group = {"name": "dashboard", "rules": [{"record": f"panel{n}", "expr": each} for n, each in enumerate(said)]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert (done.returncode, f"{len(said)} rules found" in done.stdout) == (0, True), done.stdout + done.stderr


def test_promtool_finds_no_fault_in_names_and_help_texts() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool (Debian's package prometheus)")
    shown = replace(snapshot(report("china", "ok", NOW, NOW)), disk_free=1, sizes={"index": 1})
    done = subprocess.run(
        [program, "check", "metrics"], input=Metrics().render(shown), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_documentation_gives_the_bounds_as_they_are() -> None:
    said = re.search(r"Its bounds are ([\d, ]+) and", DOCS)
    assert said
    assert ast.literal_eval(f"({said[1]})") == LATENCY_BUCKETS_SECONDS
