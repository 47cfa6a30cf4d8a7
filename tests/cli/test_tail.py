"""``finarchive tail``: a real process that follows a real index."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from archive.files.layout import index_path
from archive.store import Store
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support import processes
from tests.support.older_index import BEFORE_SEARCH
from tests.support.search_data import NOW, Story, put

FIRST = Story("aaaa", "茅台提价", "贵州茅台（600519）宣布提价。", "样例社", ("sh600519",), ("china", "stock"))
SECOND = Story("bbbb", "题\x1b[31m\t红", "=茅台\x07", None, (), ("stock",))


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    index_path(home.root).parent.mkdir(parents=True)
    opened = Store.open(index_path(home.root))
    yield opened
    opened.close()


@contextmanager
def following(home: Home, *arguments: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
    process = processes.popen(
        home.command("tail", *arguments), cwd=home.folder, env=home.env | {"PYTHONUNBUFFERED": "1"}, text=True,
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_a_line_for_each_article_in_a_pipe_the_last_first(home: Home, store: Store) -> None:
    put(store, [FIRST])
    with following(home) as process:
        assert line(process) == (
            "2026-09-30 10:00+08:00\tchina,stock\taaaa\t1\t茅台提价\tsh600519\t贵州茅台（600519）宣布提价。\n"
        )
        put(store, [SECOND])
        assert line(process) == "2026-09-30 10:00+08:00\tstock\tbbbb\t1\t题 [31m 红\t\t=茅台 \n"


def test_json_lines_with_the_documented_fields(home: Home, store: Store) -> None:
    put(store, [FIRST])
    with following(home, "--json", "--revisions", "茅台") as process:
        assert json.loads(line(process)) == {
            "docid": "aaaa", "revision": 1, "title": "茅台提价", "url": "https://a.cn/aaaa", "path": "a/aaaa.md",
            "published": "2026-09-30T02:00:00+00:00", "observed": "2026-09-30T02:00:00+00:00", "media": "样例社",
            "feeds": ["china", "stock"], "symbols": ["sh600519"], "snippet": "贵州茅台（600519）宣布提价。",
        }  # fmt: skip
        put(store, [replace(FIRST, title="茅台提价更正")], NOW + timedelta(hours=1), 2)
        document = json.loads(line(process))
        assert (document["revision"], document["title"]) == (2, "茅台提价更正")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_with_the_status_of_the_contract(home: Home, store: Store, number: signal.Signals) -> None:
    put(store, [FIRST])
    with following(home) as process:
        line(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in errors


def test_a_closed_pipe_ends_it_quietly_even_without_new_articles(home: Home, store: Store) -> None:
    put(store, [FIRST])
    with following(home) as process:
        line(process)
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def test_it_waits_until_an_older_index_is_brought_up_to_date(home: Home, store: Store) -> None:
    store.close()
    with sqlite3.connect(index_path(home.root)) as index:
        index.executescript(BEFORE_SEARCH)
    index.close()
    with following(home, "茅台") as process:
        assert process.stderr
        assert "is of an older finarchive: waiting until crawl or run" in process.stderr.readline()
        newer = Store.open(index_path(home.root))
        put(newer, [FIRST])
        assert "aaaa" in line(process)
        newer.close()


def test_on_a_terminal_it_has_colours_and_nothing_of_an_article_steers_it(home: Home, store: Store) -> None:
    put(store, [FIRST, SECOND])
    ours, theirs = pty.openpty()
    with following(home, "茅台", stdout=theirs, stdin=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"bbbb" not in shown or not shown.endswith(b"\n"):
            shown += os.read(ours, 4096)
        assert b"\x1b[1;31m" in shown  # matches are highlighted
        assert b"sh600519" in shown
        assert b"\x1b[31m\t" not in shown
        assert b"\x07" not in shown
        assert process.poll() is None
    os.close(ours)


def test_an_invalid_query_is_refused(home: Home) -> None:
    assert_refused(home.run("tail", "color:red"), 2, "unknown field color:")


def test_an_index_that_is_no_database_is_refused(home: Home) -> None:
    index_path(home.root).parent.mkdir(parents=True)
    index_path(home.root).write_bytes(b"rubbish" * 1000)
    assert_refused(home.run("tail"), 4, "index.db is damaged")
