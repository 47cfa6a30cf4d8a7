"""The commands ``status`` and ``coverage``: they report what is in the index."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.files.paths import CHINA
from archive.model.feed import BackfillPage, Failure, FailureKind, Filing, HostBackoff, Miss, MissKind, Poll, Span
from archive.store import Store
from scheduler.monitoring.reports import report_feeds
from tests.archive.test_store import entry as entry_at_noon
from tests.conftest import Home

FILING = Filing(("金融", "新浪财经"), "新浪财经")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The current time, which these commands use. Yesterday's hours do not depend on it.
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = datetime.combine(NOW.astimezone(CHINA).date(), datetime.min.time(), CHINA)
YESTERDAY = TODAY - DAY


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """The index of an archive with the feeds feed1 to feed3, which have not been polled."""
    home.configure(*(f"https://host{number}.invalid/list" for number in (1, 2, 3)))
    index_path(home.root).parent.mkdir(parents=True)
    opened = Store.open(index_path(home.root))
    yield opened
    opened.close()


def poll(store: Store, feed: str, at: datetime, newest: datetime, error: Failure | None = None) -> None:
    """A poll that listed one article, or that broke off."""
    listed = () if error else (entry_at_noon(f"{feed}{newest:%d%H%M}", (newest - NOON).total_seconds() / 60),)
    docids = [found.docid for found in listed]
    record = Poll(feed, at, 1, listed, (), error is None, error)
    store.listings.commit_poll(
        record, FILING, dict.fromkeys(docids, (feed,)), dict.fromkeys(docids, "host.invalid"), 0.25
    )


def poll_again(store: Store, feed: str, at: datetime, *published: datetime) -> None:
    """A poll that listed these articles, the newest last, and reached known ones."""
    listed = tuple(entry_at_noon(f"{feed}{each:%d%H%M}", (each - NOON).total_seconds() / 60) for each in published)
    record = Poll(feed, at, 1, listed[::-1], (), caught_up=True)
    docids = [found.docid for found in listed]
    store.listings.commit_poll(record, FILING, dict.fromkeys(docids, (feed,)), dict.fromkeys(docids, "host.invalid"))


NOON = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)  # of tests.archive.test_store


def backfill(
    store: Store, feed: str, start: datetime, end: datetime, oldest_available: datetime | None = None
) -> None:
    """Record a poll or backfill of a list from start to end."""
    store.listings.commit_backfill_page(
        BackfillPage(feed, NOW, (), covered=Span(start, end), oldest_available=oldest_available), FILING, {}, {}
    )


def leave_gap(store: Store, feed: str, start: datetime, end: datetime) -> None:
    poll(store, feed, start, start)
    poll(store, feed, NOW, end)


def test_status_says_since_when_and_what_is_done_about_it(home: Home, store: Store) -> None:
    poll(store, "feed1", NOW - 5 * HOUR, NOW - 6 * HOUR)
    for hours in (4, 3):
        poll(store, "feed1", NOW - hours * HOUR, NOW, Failure("feed1", FailureKind.TEMPORARY, "status 502"))
    poll(store, "feed2", NOW - HOUR, NOW - 2 * HOUR)
    store.backoffs.commit(HostBackoff("host2.invalid", NOW + HOUR, 1, from_retry_after=True, reason="status 456"))

    feeds = {feed["id"]: feed for feed in home.run("status", "--json").json["feeds"]}
    shown = home.run("status").out

    assert {name: feed["state"] for name, feed in feeds.items()} == {
        "feed1": "failing", "feed2": "blocked", "feed3": "new",
    }  # fmt: skip
    assert feeds["feed1"]["since"] == (NOW - 4 * HOUR).isoformat()
    assert (feeds["feed2"]["since"], feeds["feed3"]["since"]) == (None, None)
    assert "status 502; the daemon polls it again" in feeds["feed1"]["reason"]
    since = f"{(NOW - 4 * HOUR).astimezone(CHINA):%m-%d %H:%M}"
    assert f"栏目1 is failing since {since}: {feeds['feed1']['reason']}" in shown.splitlines()
    assert f"栏目2 is blocked: {feeds['feed2']['reason']}" in shown.splitlines()


def test_status_says_when_what_waits_will_be_there(home: Home, store: Store) -> None:
    assert home.run("status", "--json").json["backlog"] is None
    with store._db.atomic():
        store._db.conn.executemany(
            """INSERT INTO entries (docid, url, host, first_seen, due, status, keywords, lids)
               VALUES (?, 'https://a.cn', 'a.cn', ?, ?, 'pending', '[]', '[]')""",
            [(f"a{number}", NOW.isoformat(), (NOW - DAY).isoformat()) for number in range(600)],
        )
    slow = {"FINARCHIVE_NETWORK_DELAY": "1"}

    backlog = home.run("status", "--json", **slow).json["backlog"]
    assert (backlog["waiting"], backlog["per_minute"], backlog["measured"]) == (600, 60.0, False)
    needed = datetime.fromisoformat(backlog["until"]) - datetime.now(UTC)
    assert timedelta(minutes=8) < needed <= timedelta(minutes=10)
    assert (
        "a crawl needs about 10m for all that is due, the newest of each feed first" in home.run("status", **slow).out
    )

    with store._db.atomic():
        store._db.conn.executemany(
            """INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up)
               VALUES (?, ?, 'first', 1, 0, 0, 0)""",
            [(f"b{number}", (datetime.now(UTC) - timedelta(seconds=50)).isoformat()) for number in range(100)],
        )
    backlog = home.run("status", "--json", **slow).json["backlog"]
    assert backlog["measured"]
    assert 60 < backlog["per_minute"] <= 120.0
    assert "all that is due will be there in about" in home.run("status", **slow).out


def test_status_says_how_a_gap_is_closed(home: Home, store: Store) -> None:
    leave_gap(store, "feed1", YESTERDAY, YESTERDAY + 2 * HOUR)
    leave_gap(store, "feed2", YESTERDAY, YESTERDAY + 2 * HOUR)
    backfill(store, "feed2", YESTERDAY + 3 * HOUR, YESTERDAY + 4 * HOUR, oldest_available=YESTERDAY + 3 * HOUR)

    gaps = home.run("status", "--json").json["gaps"]
    shown = home.run("status").out

    ends = {"from": _iso(YESTERDAY), "to": _iso(YESTERDAY + 2 * HOUR)}
    assert gaps[0] == {"feed": "feed1", **ends, "state": "open"}
    assert {key: gaps[1][key] for key in ("feed", *ends, "state")} == {"feed": "feed2", **ends, "state": "lost"}
    assert "it no longer has older articles" in gaps[1]["evidence"]
    day = YESTERDAY.date()
    assert f"finarchive backfill feed1 --from {day}T00:00+08:00 --to {day}T02:00+08:00" in shown
    assert "finarchive backfill feed2" not in shown
    assert "lost in 栏目2: articles from" in shown
    assert gaps[1]["evidence"].split()[0] in shown


def test_many_gaps_are_cut_and_counted(home: Home, store: Store) -> None:
    for hours in range(0, 24, 2):
        leave_gap(store, "feed1", YESTERDAY + hours * HOUR, YESTERDAY + (hours + 1) * HOUR)

    shown = home.run("status").out

    number = len(home.run("status", "--json").json["gaps"])
    assert number > 10
    assert shown.count("gap in 栏目1") == 10
    assert f"… and {number - 10} gaps more" in shown


def test_coverage_shows_yesterdays_hours(home: Home, store: Store) -> None:
    backfill(store, "feed1", YESTERDAY - DAY, YESTERDAY + 6 * HOUR)
    backfill(store, "feed1", YESTERDAY + 12 * HOUR, TODAY)
    backfill(store, "feed2", YESTERDAY + 18 * HOUR, TODAY)
    day = str(YESTERDAY.date())

    shown = home.run("coverage", "--day", day)
    found = home.run("coverage", "--day", day, "--json").json

    assert shown.status == 0
    rows = [line for line in shown.out.splitlines() if line.startswith("栏目")]
    assert rows[:3] == [
        "栏目1  feed1      0 %  75.0 %  ▒▒▒▒▒▒······▒▒▒▒▒▒▒▒▒▒▒▒",
        "栏目2  feed2      0 %  25.0 %  ──────────────────▒▒▒▒▒▒",
        "栏目3  feed3      0 %     0 %  ────────────────────────",
    ]
    assert "栏目1: open from 06:00:00 to 12:00:00" in shown.out
    assert found == [
        {
            "feed": "feed1", "day": day, "settled": 0.0, "provisional": 0.75, "complete": 0.75, "lost": [],
            "open": [{"from": _iso(YESTERDAY + 6 * HOUR), "to": _iso(YESTERDAY + 12 * HOUR)}],
            "provisional_stretches": [
                {"from": _iso(YESTERDAY), "to": _iso(YESTERDAY + 6 * HOUR)},
                {"from": _iso(YESTERDAY + 12 * HOUR), "to": _iso(TODAY)},
            ],
        },
        {
            "feed": "feed2", "day": day, "settled": 0.0, "provisional": 0.25, "complete": 0.25, "lost": [],
            "open": [{"from": _iso(YESTERDAY), "to": _iso(YESTERDAY + 18 * HOUR)}],
            "provisional_stretches": [{"from": _iso(YESTERDAY + 18 * HOUR), "to": _iso(TODAY)}],
        },
        {
            "feed": "feed3", "day": day, "settled": 0.0, "provisional": 0.0, "complete": 0.0, "lost": [],
            "open": [{"from": _iso(YESTERDAY), "to": _iso(TODAY)}], "provisional_stretches": [],
        },
    ]  # fmt: skip


def test_coverage_shows_the_days_since_the_record_began(home: Home, store: Store) -> None:
    backfill(store, "feed1", TODAY - 2 * DAY, TODAY - DAY)
    backfill(store, "feed2", TODAY - 12 * HOUR, NOW + HOUR)

    shown = home.run("coverage", "--feed", "feed2", "--feed", "feed1").out.splitlines()
    found = home.run("coverage", "--json").json

    assert [line.rpartition("  ")[2] for line in shown[3:5]] == ["─▄▒", "▒··"]
    assert shown[3].startswith("栏目2  feed2 ")
    assert [(day["feed"], day["complete"]) for day in found] == [
        ("feed1", 1.0), ("feed1", 0.0), ("feed1", 0.0),
        ("feed2", 0.0), ("feed2", 0.5), ("feed2", 1.0),
        ("feed3", 0.0), ("feed3", 0.0), ("feed3", 0.0),
    ]  # fmt: skip


def test_coverage_of_a_new_archive_is_reported_as_such(home: Home) -> None:
    home.configure("https://host.invalid/list")
    home.begin()

    assert home.run("coverage").out.splitlines()[3] == "栏目1  feed1      0 %     0 %  ─"
    assert [day["complete"] for day in home.run("coverage", "--json").json] == [0.0]


def test_a_feed_that_is_no_longer_configured_is_shown_when_it_is_named(home: Home, store: Store) -> None:
    poll(store, "former", YESTERDAY, YESTERDAY)
    backfill(store, "former", YESTERDAY, TODAY)

    assert "former" not in home.run("coverage").out
    (found,) = home.run("coverage", "--feed", "former", "--day", str(YESTERDAY.date()), "--json").json
    assert (found["feed"], found["complete"]) == ("former", 1.0)
    refused = home.run("coverage", "--feed", "former", "--feed", "frmer")
    assert refused.status == 2
    assert "no feed is called frmer" in refused.err


def test_a_wrong_day_is_refused_in_one_line(home: Home) -> None:
    outcome = home.run("coverage", "--day", "2026-02-30", "--json")

    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "finarchive: --day 2026-02-30: there is no such day; write it like 2026-09-30\n"


def test_reading_commands_write_nothing(home: Home, store: Store) -> None:
    leave_gap(store, "feed1", YESTERDAY, YESTERDAY + HOUR)
    store.close()
    before = index_path(home.root).read_bytes()

    assert home.run("status").status == home.run("coverage").status == 0
    assert index_path(home.root).read_bytes() == before


def test_a_report_without_counts_does_not_mean_an_empty_list(home: Home, store: Store) -> None:
    from config.load import load

    poll(store, "feed1", NOW - HOUR, NOW - 2 * HOUR)
    settings = load(home.config, {})

    counted, uncounted = (report_feeds(settings, store, NOW, counted=choice)[0] for choice in (True, False))
    assert (counted.state, counted.entries, uncounted.state, uncounted.entries) == ("ok", 1, "ok", 0)


# Written by rich, by click, and by click's own help; what is not buffered fails at another place.
OUTPUTS = pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [(("status",), ""), (("coverage",), "1"), (("status", "--json"), ""), (("--help",), "")],
)


@OUTPUTS
def test_a_pipe_closed_early_is_no_failure(home: Home, arguments: tuple[str, ...], unbuffered: str) -> None:
    home.begin()
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _run_into(home, writing, *arguments, unbuffered=unbuffered)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


@OUTPUTS
def test_output_that_finds_no_room_is_reported_in_one_line(
    home: Home, arguments: tuple[str, ...], unbuffered: str
) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("there is no /dev/full here")
    home.begin()
    with full.open("wb") as file:
        done = _run_into(home, file.fileno(), *arguments, unbuffered=unbuffered)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "finarchive: the output cannot be written (No space left on device): free some space there"
    ]


def test_without_a_stdout_a_command_does_its_work(home: Home) -> None:
    home.begin()
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *home.command("status")],
        cwd=home.folder, env=home.env, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_that_is_not_the_outputs_still_crashes(home: Home) -> None:
    """Only errors of writes to the output count as such: a bug must stay visible."""
    code = (
        "import cli.main\n"
        "import cli.commands.status as module\n"
        "def bug(context): raise FileNotFoundError(2, 'No such file', 'missing')\n"
        "module.open_store = bug\n"
        "cli.main.main()"
    )
    done = subprocess.run(
        [home.command()[0], "-c", code, "status"],
        cwd=home.folder,
        env=home.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileNotFoundError" in done.stderr


def _run_into(home: Home, output: int, *arguments: str, unbuffered: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        home.command(*arguments), cwd=home.folder, env=home.env | {"PYTHONUNBUFFERED": unbuffered}, stdout=output,
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def test_status_and_coverage_agree_about_a_list_that_is_dead(home: Home, store: Store) -> None:
    """It answers at each poll, with an article that is four days old."""
    newest = NOW - 4 * DAY
    poll(store, "feed1", newest - 6 * HOUR, newest - 6 * HOUR)
    poll_again(store, "feed1", newest, newest - 6 * HOUR, newest)
    for hours in range(1, 97):
        poll(store, "feed1", newest + hours * HOUR, newest)

    feed = next(each for each in home.run("status", "--json").json["feeds"] if each["id"] == "feed1")
    days = home.run("coverage", "--feed", "feed1", "--json").json

    assert feed["state"] == "stale"
    assert days[-1]["complete"] == days[-2]["complete"] == 0.0
    assert days[-1]["open"][-1]["to"] >= _iso(NOW)
    known = [stretch["to"] for day in days for stretch in day["provisional_stretches"]]
    assert max(known) == _iso(newest)


def test_the_settled_part_of_a_day_is_reported(home: Home, store: Store) -> None:
    page = BackfillPage(
        "feed1",
        NOW,
        (),
        covered=Span(YESTERDAY - 3 * DAY, NOW),
        walked=Span(YESTERDAY - 3 * DAY, NOW),
        is_sweep=True,
    )
    store.listings.commit_backfill_page(page, FILING, {}, {})

    day = str((YESTERDAY - 2 * DAY).date())
    [found] = home.run("coverage", "--feed", "feed1", "--day", day, "--json").json

    assert (found["settled"], found["provisional"], found["complete"]) == (1.0, 0.0, 1.0)
    assert "█" * 24 in home.run("coverage", "--feed", "feed1", "--day", day).out
    assert "▒" in home.run("coverage", "--feed", "feed1").out
    assert f"last swept on {NOW.astimezone(CHINA):%m-%d}: 栏目1" in home.run("status").out


# Feeds that are heard through a broad list

BROAD = """
[[feeds]]
id = "finance"
kind = "roll"
categories = ["金融", "财经"]
endpoint = "https://host1.invalid/list"
lid = 2516
broad = true
"""
CONTAINMENT = ["feed", "broad", "since", "entries", "verified", "missed"]


def contain(store: Store, verified: datetime, **misses: str) -> None:
    """The list of feed1 is proven to be in a broad one that was polled just now; later misses by feed and docid."""
    poll(store, "finance", NOW, NOW - HOUR)
    poll(store, "feed1", verified, verified)
    row = ["feed1", "finance", (NOW - 9 * DAY).isoformat(), 99, verified.isoformat(), None]
    store.feeds.adopt_snapshot(store.feeds.snapshot() | {"containments": [CONTAINMENT, row]})
    with store.log.transaction():
        for feed, docid in misses.items():
            store.containments.end(Miss(feed, "finance", docid, MissKind.ABSENT), NOW)


def test_status_says_through_which_list_a_feed_is_heard(home: Home, store: Store) -> None:
    with home.config.open("a", encoding="utf-8") as config:
        config.write(BROAD)
    verified = NOW - timedelta(minutes=5)
    contain(store, verified)
    feeds = {feed["id"]: feed for feed in home.run("status", "--json").json["feeds"]}
    assert feeds["feed1"]["heard_through"] == "finance"
    assert datetime.fromisoformat(feeds["feed1"]["heard_verified"]) == verified
    assert (feeds["feed2"]["heard_through"], feeds["feed2"]["last_miss"]) == (None, None)
    assert (
        f"heard through 财经, verified {verified.astimezone(CHINA):%m-%d %H:%M} or later: 栏目1"
        in home.run("status").out
    )


def test_status_says_why_a_feed_is_no_longer_heard(home: Home, store: Store) -> None:
    with home.config.open("a", encoding="utf-8") as config:
        config.write(BROAD)
    contain(store, NOW, feed1="abcd")
    [feed] = [feed for feed in home.run("status", "--json").json["feeds"] if feed["id"] == "feed1"]
    assert feed["heard_through"] is None
    assert feed["last_miss"] | {"at": ""} == {"at": "", "through": "finance", "docid": "abcd", "kind": "absent"}
    said = " ".join(home.run("status").out.split())
    assert "栏目1 is polled by itself since" in said
    assert "财经 did not show abcd" in said
    assert "polled by itself" not in home.run("status", FINARCHIVE_SCHEDULE_LISTEN="off").out
