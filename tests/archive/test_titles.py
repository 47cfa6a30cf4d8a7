"""Titles of Sina's JSON lists are HTML; what people read and search is text."""

from __future__ import annotations

import sqlite3

import pytest

from archive.index.database import Database
from archive.index.migrations import m012_other_sites
from archive.index.migrations.registry import migrations
from archive.index.migrations.words_m009 import columns
from archive.model.titles import decoded_title

RAW, TEXT = "样例&#x2022;标题 &ldquo;引号&rdquo; R&amp;D", "样例•标题 “引号” R&D"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (RAW, TEXT),
        ("A&amp;ldquo;B", "A&ldquo;B"),
        ("AT&T与S&P 500；R&D", "AT&T与S&P 500；R&D"),
        ("a&copy=1 &nosuchname; &#xfffffff;", "a&copy=1 &nosuchname; &#xfffffff;"),
        ("甲&nbsp;乙&#10;丙", "甲 乙 丙"),
        ("", ""),
    ],
)
def test_character_references_are_decoded_once(raw: str, text: str) -> None:
    assert decoded_title(raw) == text


def test_an_older_index_gets_the_titles_as_text_and_finds_them() -> None:
    db = Database(memory=True)
    db.conn.row_factory = sqlite3.Row
    migrations.apply(db, stop_before="m012_other_sites")
    for docid, foreign in (("sina", 0), ("other", 1)):
        db.execute(
            "INSERT INTO entries (docid, url, host, title, first_seen, status, foreign_site)"
            " VALUES (?, 'https://a.cn', 'a.cn', ?, '2026', 'archived', ?)",
            [docid, RAW, foreign],
        )
        db.execute(
            "INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at)"
            " VALUES (?, 1, ?, 'x', ?, '2026', '2026')",
            [docid, docid, RAW],
        )
        id_ = db.execute(
            "INSERT INTO searchable (docid, number, published, since) VALUES (?, 1, '2026', '2026')", [docid]
        ).lastrowid
        db.execute(
            "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)",
            [id_, *columns(None, RAW, None, [])],
        )
    m012_other_sites.m012_other_sites(db)
    titles = {row[0]: (row[1], row[2]) for row in db.execute("SELECT docid, title, raw_title FROM revisions")}
    assert titles == {"sina": (TEXT, RAW), "other": (RAW, None)}
    for word, found in (("ldquo", ["other"]), ('"d"', ["sina", "other"])):
        query = "SELECT s.docid FROM words JOIN searchable s ON s.id = words.rowid WHERE words MATCH ? ORDER BY s.id"
        assert [row[0] for row in db.execute(query, [f"title:{word}"])] == found
