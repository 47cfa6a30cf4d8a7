"""Log lines: for people, for the journal, for programs."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scheduler.monitoring.logs import LineFormatter, as_json, bare, is_journal, priority, stamped

# Runs in a process of its own: what `set_up` changes is the whole process's.
PROGRAM = """
import logging, sys
from scheduler.monitoring import logs
logs.set_up(int(sys.argv[1]), json="json" in sys.argv)
ours, theirs = logging.getLogger("finarchive"), logging.getLogger("scrapy.core")
ours.info("archived feed=%s docid=%s revision=%d ms=%d", "china", "mcwiwss7730811", 1, 84)
ours.warning("poll-failed feed=%s pages=%d reason=%r", "china", 0, "time-out")
theirs.info("Spider opened")
try:
    raise ValueError("page said: x\\n<0>archived feed=forged")
except ValueError:
    ours.exception("bug feed=%s", "china")
"""


def record(
    message: str, *arguments: object, name: str = "finarchive", level: int = logging.INFO
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, arguments, None)
    made.created = 1_790_613_243.5
    return made


def run(*arguments: str, **env: str) -> list[str]:
    """What the program above writes to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=os.environ | env, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def in_journal(*arguments: str) -> list[str]:
    """The same with a stream socket as stderr, as the journal's is, and the variable that says so."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            status = os.fstat(theirs.fileno())
            env = os.environ | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
            subprocess.run([sys.executable, "-c", PROGRAM, *arguments], env=env, stderr=theirs, check=True)
        return ours.makefile(encoding="utf-8").read().splitlines()


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = as_json(made)
    assert len(line.splitlines()) == 1
    document: dict[str, Any] = json.loads(line)
    return document


def test_outside_systemd_each_line_has_its_time_and_level() -> None:
    lines = run("1")

    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO archived feed=china docid=mcwiwss7730811 revision=1 ms=84",
        lines[0],
    )
    assert " WARNING poll-failed feed=china pages=0 reason='time-out'" in lines[1]
    assert " ERROR bug feed=china" in lines[2]  # and nothing of Scrapy's
    assert lines[-1].startswith("  ")


def test_in_a_journal_lines_have_priorities_instead() -> None:
    lines = in_journal("1")

    assert lines[0] == "<6>archived feed=china docid=mcwiwss7730811 revision=1 ms=84"
    assert lines[1] == "<4>poll-failed feed=china pages=0 reason='time-out'"
    assert lines[2] == "<3>bug feed=china"


def test_every_line_of_a_traceback_has_its_priority_and_begins_none_of_ours() -> None:
    lines = in_journal("1")[3:]

    assert lines[0] == "<3>  Traceback (most recent call last):"
    assert [line for line in lines if not line.startswith("<3>  ")] == []
    assert lines[-1] == "<3>  <0>archived feed=forged"


def test_a_journal_of_another_process_is_ignored() -> None:
    with socket.socket() as elsewhere:
        status = os.fstat(elsewhere.fileno())
        stream = f"{status.st_dev}:{status.st_ino}"
        assert is_journal({"JOURNAL_STREAM": stream}, elsewhere.fileno())
        assert not is_journal({}, elsewhere.fileno())
        assert not is_journal({"JOURNAL_STREAM": stream}, 0)
        assert " INFO archived" in run("1", JOURNAL_STREAM=stream)[0]
    assert not is_journal({"JOURNAL_STREAM": stream}, 9_999)  # no such descriptor


def test_verbosity_chooses_the_lines() -> None:
    assert [line.split()[1] for line in run("-1") if line[0] != " "] == ["ERROR"]
    assert [line.split()[1] for line in run("0") if line[0] != " "] == ["WARNING", "ERROR"]
    assert any("Spider opened" in line for line in run("2"))


def test_json_is_one_object_for_each_record() -> None:
    lines = [json.loads(line) for line in run("2", "json")]

    assert [line.get("event", line.get("logger")) for line in lines] == [
        "archived", "poll-failed", "scrapy.core", "bug",
    ]  # fmt: skip
    assert lines[3]["exception"].startswith("Traceback")
    assert lines[3]["exception"].endswith("<0>archived feed=forged")


def test_json_in_the_journal_has_priorities_too() -> None:
    lines = in_journal("1", "json")

    assert [line[:3] for line in lines] == ["<6>", "<4>", "<3>"]
    assert [json.loads(line[3:])["level"] for line in lines] == ["info", "warning", "error"]


def test_fields_keep_their_types() -> None:
    made = record(
        "archived feed=%s docid=%s revision=%d ms=%d age=%.1f first=%s media=%s",
        "china",
        "x1",
        1,
        84,
        2.55,
        True,
        None,
    )

    assert parsed(made) == {
        "time": "2026-09-28T16:34:03.500+00:00", "level": "info", "event": "archived",
        "message": "archived feed=china docid=x1 revision=1 ms=84 age=2.5 first=True media=None",
        "feed": "china", "docid": "x1", "revision": 1, "ms": 84, "age": 2.55, "first": True, "media": None,
    }  # fmt: skip


def test_an_event_may_be_an_argument_and_others_have_no_field() -> None:
    document = parsed(
        record("%s docid=%s 100%% of %d reason=%r path=%s", "parked", "x1", 7, "gone: 404", Path("a/b"))
    )

    assert document["event"] == "parked"
    assert document["message"] == "parked docid=x1 100% of 7 reason='gone: 404' path=a/b"
    assert {key: document[key] for key in ("docid", "reason", "path")} == {
        "docid": "x1", "reason": "gone: 404", "path": "a/b",
    }  # fmt: skip


def test_a_field_cannot_replace_the_fields_of_every_line() -> None:
    document = parsed(record("reloaded time=%s level=%s event=%s", "soon", "high", "none"))
    assert (document["level"], document["event"]) == ("info", "reloaded")
    assert document["time"].startswith("2026-")


@pytest.mark.parametrize(
    "made",
    [
        record("plain"),
        record("100 % of it"),  # no arguments: no conversion
        record("mapping a=%(a)s", {"a": 1}),
        record("nan=%f", float("nan")),
        record("infinite=%f", float("inf")),
        record("Scrapy %(version)s started", {"version": "2.19"}, name="scrapy"),
        record("lone surrogate title=%s", "\udc80"),
    ],
    ids=lambda made: made.msg,
)
def test_whatever_is_logged_becomes_json(made: logging.LogRecord) -> None:
    document = parsed(made)
    assert document["message"] == made.getMessage()


@pytest.mark.parametrize("hostile", ["a\nERROR forged", "a\r\x1b[2Jb", "a\u2028b", "a\x85b", "a\x00b"])
@pytest.mark.parametrize("write", [stamped, bare, as_json])
def test_what_a_site_said_stays_within_its_line(hostile: str, write: Any) -> None:
    for priorities in (False, True):
        line = LineFormatter(write, priorities=priorities).format(record("unreadable title=%s", hostile))
        assert len(line.splitlines()) == 1
        assert line.isprintable()


def test_text_in_any_language_is_not_changed() -> None:
    assert bare(record("archived title=%s", "财报前夕，“微软”　4.8%")) == "archived title=财报前夕，“微软”　4.8%"


def test_priorities_are_those_of_syslog() -> None:
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
    assert [priority(level) for level in levels] == [7, 6, 4, 3, 3]
