"""``finarchive diff``: what changed between two versions, and a clear word where there are none."""

from __future__ import annotations

import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.files.layout import history_path
from archive.model.article import ArticleImage, Revision
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import Decision, Outcome
from tests.conftest import Home
from tests.support.fetches import again, commit_revisions, failed, make_fetch, version

BEGAN = datetime(2026, 9, 29, 2, tzinfo=UTC)
FIRST = Revision(
    "aaaa", 1, "金融/题_aaaa.md", "0" * 64, "社零增长4.8%", BEGAN, BEGAN, media="新华社", keywords=("消费", "社零"),
    symbols=("sh600519",), pictures=(ArticleImage("https://n.sinaimg.cn/a.png", "图甲"),), fingerprint="1",
)  # fmt: skip
SECOND = replace(
    FIRST, number=2, title="社零增长4.9%", fetched_at=BEGAN + timedelta(hours=3), updated=BEGAN + timedelta(hours=2),
    media="财联社", keywords=("社零", "零售"), symbols=("sh600519", "MSFT"), pictures=(), fingerprint="2",
)  # fmt: skip
THIRD = replace(SECOND, number=3, fetched_at=BEGAN + timedelta(hours=4), fingerprint="3")
UNCHANGED = "".join(f"第{n}句没有人改过。" for n in range(30))
TEXTS = {
    1: f"前三季度增长4.8%。\n{UNCHANGED}\n最后一段。",
    2: f"前三季度增长4.9%。\n{UNCHANGED}\n最后一段。",
    3: f"前三季度增长4.9%。\n{UNCHANGED}\n最后一段\x1b[31m。",
}


@pytest.fixture
def archived(home: Home) -> Home:
    """An archive of an article of three versions, gone between the first two; of one of one; of one that waits."""
    with Archive(home.root, "test", BEGAN) as archive:
        store, docids = archive.store, ("aaaa", "bbbb", "cccc")
        entries = tuple(
            Entry(docid, f"https://a.cn/{docid}", docid, BEGAN, None, None, None, None) for docid in docids
        )
        poll = Poll("china", BEGAN, 1, entries, (), caught_up=True)
        store.listings.commit_poll(
            poll, Filing(("金融",), "金融"), {d: ["china"] for d in docids}, dict.fromkeys(docids, "a.cn")
        )
        gone = Failure("aaaa", FailureKind.GONE, "it answers 404")
        store.articles.commit([version(FIRST, TEXTS[1])], [None])
        store.articles.commit([again(failed(gone, BEGAN + timedelta(hours=1), None))], [None])
        store.articles.commit([Decision(make_fetch("aaaa", BEGAN + timedelta(hours=2), 1), Outcome.SAME)], [None])
        store.articles.commit([version(SECOND, TEXTS[2]), version(THIRD, TEXTS[3])], [None, None])
        commit_revisions(store, [replace(FIRST, docid="bbbb", path="金融/题_bbbb.md")])
    return home


def diff_document(home: Home, *arguments: str) -> Any:
    done = home.run("diff", *arguments, "--json")
    assert done.status == 0, done.err
    return done.json


def test_each_fact_that_changed_is_reported(archived: Home) -> None:
    found = diff_document(archived, "aaaa", "1", "2")
    assert (found["docid"], found["path"], found["from"]["number"], found["to"]["number"]) == (
        "aaaa", FIRST.path, 1, 2,
    )  # fmt: skip
    assert found["title"] == [
        {"part": "same", "text": "社零增长"},
        {"part": "removed", "text": "4.8%"},
        {"part": "added", "text": "4.9%"},
    ]
    assert found["facts"] == {
        "updated": {"from": None, "to": "2026-09-29T04:00:00+00:00"},
        "media": {"from": "新华社", "to": "财联社"},
        "keywords": {"from": ["消费", "社零"], "to": ["社零", "零售"]},
        "symbols": {"from": ["sh600519"], "to": ["sh600519", "MSFT"]},
        "pictures": {"from": [{"url": "https://n.sinaimg.cn/a.png", "caption": "图甲"}], "to": []},
    }
    assert "".join(piece["text"] for piece in found["text"] if piece["part"] != "added") == TEXTS[1]
    assert "".join(piece["text"] for piece in found["text"] if piece["part"] != "removed") == TEXTS[2]


def test_the_two_newest_are_compared_unless_two_are_named(archived: Home) -> None:
    newest = diff_document(archived, "aaaa")
    assert (newest["from"]["number"], newest["to"]["number"], newest["facts"]) == (2, 3, {})
    assert newest == diff_document(archived, FIRST.path) == diff_document(archived, "aaaa", "2", "3")
    assert [piece["part"] for piece in diff_document(archived, "aaaa", "3", "1")["title"]] == [
        "same",
        "removed",
        "added",
    ]
    assert [piece["part"] for piece in diff_document(archived, "aaaa", "2", "2")["text"]] == ["same"]


def test_an_absence_between_the_two_is_reported(archived: Home) -> None:
    expected = {"gone": "2026-09-29T03:00:00.000+00:00", "back": "2026-09-29T04:00:00.000+00:00"}
    assert diff_document(archived, "aaaa", "1", "3")["absences"] == [expected | {"evidence": "it answers 404"}]
    assert diff_document(archived, "aaaa", "2", "3")["absences"] == []
    line = "gone  at 2026-09-29 11:00:00+08:00 (it answers 404), back at 2026-09-29 12:00:00+08:00"
    assert line in archived.run("diff", "aaaa", "1", "2").out
    assert "gone" not in archived.run("diff", "aaaa").out


def test_without_a_terminal_marks_show_the_changes(archived: Home) -> None:
    out = archived.run("diff", "aaaa", "1", "2").out
    assert "title  社零增长[-4.8%-]{+4.9%+}\n" in out
    assert "media  [-新华社-]{+财联社+}\n" in out
    assert "keywords  [-消费-] {+零售+}\n" in out
    assert "symbols  {+MSFT+}\n" in out
    assert "pictures  [-https://n.sinaimg.cn/a.png 图甲-]\n" in out
    assert "\n前三季度增长[-4.8%-]{+4.9%+}。\n第0句没有人改过。" in out
    assert "第15句" not in out, "what stayed is folded"
    assert "\x1b" not in out


def test_what_would_steer_the_terminal_is_escaped(archived: Home) -> None:
    out = archived.run("diff", "aaaa").out
    assert "{+\\x1b[31m+}" in out
    assert "\x1b" not in out


def test_on_a_terminal_it_is_coloured(archived: Home) -> None:
    master, slave = pty.openpty()
    env = archived.env | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        archived.command("diff", "aaaa", "1", "2"),
        cwd=archived.folder,
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    out = b""
    while True:
        try:
            read = os.read(master, 4096)
        except OSError:  # what Linux says when the other end is closed
            break
        if not read:
            break
        out += read
    os.close(master)
    assert process.wait(60) == 0
    text = out.decode()
    assert "\x1b[9;31m4.8%\x1b[0m\x1b[32m4.9%\x1b[0m" in text, "struck and red, then green"
    assert "[-" not in text


def test_where_there_is_nothing_to_compare_it_says_so(archived: Home) -> None:
    lone = archived.run("diff", "bbbb")
    assert lone.status == 0
    assert "bbbb has one version only" in lone.out
    document = diff_document(archived, "bbbb")
    assert (document["from"], document["to"]["number"], document["title"], document["text"]) == (None, 1, [], [])
    for arguments, words in (
        (("nowhere",), "has no article nowhere"),
        (("cccc",), "cccc is not archived yet"),
        (("aaaa", "1", "4"), "aaaa has no version 4: it has the versions 1 to 3"),
        (("bbbb", "1", "2"), "bbbb has no version 2: it has one version only"),
        (("aaaa", "1"), "name two versions"),
        (("aaaa", "0", "1"), "0 is not in the range"),
    ):
        done = archived.run("diff", *arguments)
        assert (done.status, done.out) == (2, ""), arguments
        assert words in done.err


def test_a_text_that_the_index_does_not_have_is_read_from_the_file(archived: Home) -> None:
    archived.execute("DELETE FROM texts WHERE docid = 'aaaa'")
    done = archived.run("diff", "aaaa", "1", "2", "--json")
    assert (done.status, done.json["text"]) == (0, None)
    assert "cannot be read" in done.json["failure"]
    assert "cannot be read" in archived.run("diff", "aaaa").out
    for path, number in ((history_path(FIRST.path, 1), 1), (history_path(FIRST.path, 2), 2)):
        file = archived.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\ntitle: x\n---\n<div><p>第{number}版</p></div>", encoding="utf-8")
    assert diff_document(archived, "aaaa", "1", "2")["text"] == [
        {"part": "same", "text": "第"},
        {"part": "removed", "text": "1"},
        {"part": "added", "text": "2"},
        {"part": "same", "text": "版"},
    ]
