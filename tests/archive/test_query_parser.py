"""What people type, understood; and what cannot be, refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archive.model.errors import QueryError
from archive.query.parser import And, DateFilter, FeedFilter, MediaFilter, Not, Or, Query, SymbolFilter, Term, parse
from archive.query.tokenizer import phrase


def text(source: str, spelling: str | None = None) -> Term:
    return Term(spelling or source, phrase(source) or "")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("茅台", text("茅台")),
        ("茅台 业绩", And((text("茅台"), text("业绩")))),
        ("茅台 AND 业绩", And((text("茅台"), text("业绩")))),
        ("茅台\u3000OR 业绩 降准", Or((text("茅台"), And((text("业绩"), text("降准")))))),
        ("茅台 （业绩 OR 降准）", And((text("茅台"), Or((text("业绩"), text("降准")))))),
        ("NOT 茅台 业绩", And((Not(text("茅台")), text("业绩")))),
        ("NOT NOT 茅台", text("茅台")),
        ("NOT (茅台 业绩)", Not(And((text("茅台"), text("业绩"))))),
        ('"M2 增长"', text("M2 增长")),
        ("“M2 增长”", text("M2 增长")),
        ('"AND"', text("AND")),
        ("and", text("and")),
        ("cp*", Term("cp", '"cp"*')),
        ('"cp*"', Term("cp*", '"cp"')),
        ("14:30", text("14:30")),
        ("IPO：募资", text("IPO：募资")),
        ("symbol:SH600519", SymbolFilter('"sh 600519"')),
        ("feed：china", FeedFilter("china")),
        ('media:"样例 社"', MediaFilter('"样例 例 社"*')),
        ("since:2026-09-30", DateFilter(since=datetime(2026, 9, 29, 16, tzinfo=UTC))),
        ("until:2026-09-30", DateFilter(until=datetime(2026, 9, 30, 15, 59, 59, 999000, tzinfo=UTC))),
        ("until:2026-09-30T09:30+08:00", DateFilter(until=datetime(2026, 9, 30, 1, 30, tzinfo=UTC))),
    ],
)
def test_a_query_means(source: str, expected: Query) -> None:
    assert parse(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "nothing to search for"),
        ("  ", "nothing to search for"),
        ("茅台 %", "'%' has no word"),
        ("*", "has no word"),
        ('"', "quotation mark"),
        ("茅台 “业绩", "quotation mark has no counterpart: “业绩"),
        ("茅台”", "quotation mark"),
        ("(茅台", "not closed"),
        ("茅台)", "no opening one"),
        ("()", "missing before )"),
        ("茅台 OR", "missing at the end"),
        ("OR 茅台", "missing before OR"),
        ("茅台 AND OR 业绩", "missing before OR"),
        ("NOT", "missing at the end"),
        ("symbl:sh600519", "unknown field symbl:"),
        ("symbol: sh600519", "symbol: needs a value"),
        ("since:yesterday", "'yesterday' is neither a day"),
        ("until:2026-09-30T09:30", "neither a day"),
        ("media:%", "has no word"),
        ("(" * 11 + "茅" + ")" * 11, "more than 10 parentheses"),
        ("茅 " * 101, "101 words"),
    ],
)
def test_what_cannot_be_understood_is_said(source: str, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(source)
    assert message in str(refused.value)


@pytest.mark.parametrize("query", ["\udca7", "title:\ud800茅台", '"a\udfffb"'])
def test_bytes_that_are_not_utf_8_are_a_mistake_of_the_query(query: str) -> None:
    with pytest.raises(QueryError, match="not UTF-8"):
        parse(query)
