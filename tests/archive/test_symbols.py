"""A stock has one notation everywhere: that of Sina's pages."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.index.database import Database
from archive.index.migrations import m012_other_sites
from archive.index.migrations.registry import migrations
from archive.index.migrations.symbols_m012 import _symbol_of
from archive.index.migrations.words_m009 import columns
from archive.model.symbols import symbol_of, symbols_of, ticker_of
from archive.query.parser import parse

NOTATIONS = {
    "sh600519": ["SH600519", "600519.SH", "600519.SS", "sh.600519", "sh600519"],
    "sz300036": ["300036.SZ", "sz300036"],
    "bj430047": ["430047.BJ", "BJ430047"],
    "sb430542": ["sb430542"],
    "hk00700": ["hk700", "HK00700", "00700.HK", "700.hk"],
    "hkHSI": ["hkHSI"],
    "AAPL": ["aapl", "AAPL", "gb_aapl", "us_AAPL"],
    "BRK.B": ["brk.b", "BRK.B"],
    ".DJI": [".dji", ".DJI"],
    "of159363": ["fund159363", "of159363", "fund_159363"],
    "fx_susdthb": ["foreignfx_susdthb", "FX_SUSDTHB", "fx_susdthb"],
    "nf_fu0": ["commoditynf_fu0", "nf_FU0", "nf_fu0"],
    "hf_cl": ["hf_CL"],
    "600519": ["600519"],
    "贵州茅台": ["贵州茅台"],
}


@pytest.mark.parametrize(("symbol", "written"), [(one, each) for one, forms in NOTATIONS.items() for each in forms])
def test_each_notation_of_a_stock_gives_that_of_sinas_pages(symbol: str, written: str) -> None:
    assert symbol_of(written) == symbol
    assert _symbol_of(written) == symbol, "the migration has the same rule"


@given(st.text(max_size=20) | st.from_regex(r"[A-Za-z0-9_.]{1,12}", fullmatch=True))
def test_a_symbol_in_the_notation_stays(text: str) -> None:
    assert symbol_of(symbol_of(text)) == symbol_of(text) == _symbol_of(text)


def test_symbols_are_named_once() -> None:
    assert symbols_of(["nf_FU0", "", "nf_fu0", "aapl"]) == ("nf_fu0", "AAPL")


@pytest.mark.parametrize("typed", ["SH600519", "600519.SH", "sh600519"])
def test_queries_take_all_notations(typed: str) -> None:
    assert parse(f"symbol:{typed}") == parse("symbol:sh600519")


def test_an_older_index_gets_one_notation_and_finds_it() -> None:
    db = Database(memory=True)
    db.conn.row_factory = sqlite3.Row
    migrations.apply(db, stop_before="m012_other_sites")
    old = ["foreignfx_susdthb", "para", "sh600519"]
    db.execute(
        "INSERT INTO entries (docid, url, host, title, first_seen, status, symbols)"
        " VALUES ('live1', 'https://a.cn', 'a.cn', '题', '2026', 'archived', ?)",
        [json.dumps(old)],
    )
    db.execute(
        "INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at, symbols)"
        " VALUES ('live1', 1, 'a', 'x', '题', '2026', '2026', ?)",
        [json.dumps(old)],
    )
    db.conn.executemany("INSERT INTO symbols VALUES (?, 'live1', 1)", [(symbol,) for symbol in old])
    db.execute(
        "INSERT INTO facts (docid, revision, step, at, changed, keywords, symbols)"
        " VALUES ('live1', 1, 1, '2026', ?, '[]', ?)",
        [json.dumps({"symbols": [old[:1], old]}), json.dumps(old)],
    )
    db.execute("INSERT INTO stated (docid, listed_title, symbols) VALUES ('live1', '题', ?)", [json.dumps(old)])
    id_ = db.execute(
        "INSERT INTO searchable (docid, number, published, since) VALUES ('live1', 1, '2026', '2026')"
    ).lastrowid
    db.execute(
        "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)",
        [id_, *columns(None, "题", None, old)],
    )
    m012_other_sites.m012_other_sites(db)
    new = ["fx_susdthb", "PARA", "sh600519"]
    for table in ("entries", "revisions", "facts", "stated"):
        [row] = db.execute(f"SELECT symbols FROM {table}").fetchall()
        assert json.loads(row["symbols"]) == new, table
    [row] = db.execute("SELECT changed FROM facts").fetchall()
    assert json.loads(row["changed"]) == {"symbols": [new[:1], new]}
    assert {row["symbol"] for row in db.execute("SELECT symbol FROM symbols")} == set(new)
    for phrase, found in (('"fx susdthb"', 1), ("foreignfx", 0), ("para", 1)):
        query = "SELECT rowid FROM words WHERE words MATCH ?"
        assert len(db.execute(query, [f"symbols:{phrase}"]).fetchall()) == found, phrase


@pytest.mark.parametrize(
    ("symbol", "ticker"),
    [
        ("sh600519", "600519.SH"),
        ("sz000001", "000001.SZ"),
        ("bj430047", "430047.BJ"),
        ("hk00700", "00700.HK"),
        ("hkHSI", "HSI.HK"),
        ("of159363", "159363.OF"),
        ("sb430542", "430542.NQ"),
        ("AAPL", "AAPL"),
        ("fx_susdthb", "fx_susdthb"),
        ("贵州茅台", "贵州茅台"),
    ],
)
def test_a_ticker_has_its_exchange_at_the_end(symbol: str, ticker: str) -> None:
    assert ticker_of(symbol) == ticker
    if ticker.endswith((".SH", ".SZ", ".BJ", "00700.HK")):
        assert symbol_of(ticker) == symbol, "it is understood in queries"
