"""What people type, understood; and what cannot be, refused with a reason."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from string import Formatter

import pytest

from archive.model.errors import QueryError
from archive.query import messages
from archive.query.dates import parse_span
from archive.query.messages import describe
from archive.query.nodes import (
    And,
    DateFilter,
    FeedFilter,
    MarkFilter,
    MediaFilter,
    Not,
    Or,
    Query,
    RecordedFilter,
    SymbolFilter,
    Term,
)
from archive.query.parser import parse
from archive.query.tokenizer import phrase

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)  # ten in the morning in China


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
        ("茅台 or 业绩", Or((text("茅台"), text("业绩")))),
        ("茅台 and 业绩", And((text("茅台"), text("业绩")))),
        ("茅台 not 业绩", And((text("茅台"), Not(text("业绩"))))),
        ("茅台 and not 业绩", And((text("茅台"), Not(text("业绩"))))),
        ("not 茅台", Not(text("茅台"))),
        ("茅台 or (业绩 or 降准)", Or((text("茅台"), Or((text("业绩"), text("降准")))))),
        ("or", text("or")),
        ("not", text("not")),
        ("or 茅台", And((text("or"), text("茅台")))),
        ("茅台 or", And((text("茅台"), text("or")))),
        ("茅台 or or 业绩", Or((And((text("茅台"), text("or"))), text("业绩")))),
        ('茅台 "or" 业绩', And((text("茅台"), text("or"), text("业绩")))),
        ("茅台 -传闻", And((text("茅台"), Not(text("传闻"))))),
        ("茅台 －传闻", And((text("茅台"), Not(text("传闻"))))),
        ("-传闻 茅台", And((Not(text("传闻")), text("茅台")))),
        ('-"M2 增长"', Not(text("M2 增长"))),
        ("-feed:china", Not(FeedFilter("china"))),
        ("茅台 -(业绩 or 降准)", And((text("茅台"), Not(Or((text("业绩"), text("降准"))))))),
        ("(茅台 or -业绩)", Or((text("茅台"), Not(text("业绩"))))),
        ("A股-港股", text("A股-港股")),
        ('"茅台"-业绩', And((text("茅台"), text("-业绩")))),
        ("同比-3.2%", text("同比-3.2%")),
        ("cp*", Term("cp", '"cp"*')),
        ('"cp*"', Term("cp*", '"cp"')),
        ("14:30", text("14:30")),
        ("IPO：募资", text("IPO：募资")),
        ("symbol:SH600519", SymbolFilter('"sh 600519"')),
        ("symbol:sh600519", SymbolFilter('"sh 600519"')),
        ("symbol:600519.SH", SymbolFilter('"sh 600519"')),
        ("symbol:ＳＨ６００５１９", SymbolFilter('"sh 600519"')),
        ("Symbol:600519", SymbolFilter('"600519"')),
        ("symbol:00700.HK", SymbolFilter('"hk 00700"')),
        ("symbol:hk00700", SymbolFilter('"hk 00700"')),
        ("symbol:HK00700", SymbolFilter('"hk 00700"')),
        ("symbol:AAPL", SymbolFilter('"aapl"')),
        ("symbol:aapl", SymbolFilter('"aapl"')),
        ("symbol:gb_aapl", SymbolFilter('"aapl"')),
        ("is:revised", MarkFilter("revised")),
        ("IS:Gone", MarkFilter("gone")),
        ("-is:moved", Not(MarkFilter("moved"))),
        ("feed：china", FeedFilter("china")),
        ('media:"样例 社"', MediaFilter('"样例 例 社"*', "样例 社")),
        ("since:2026-09-30", DateFilter(since=datetime(2026, 9, 29, 16, tzinfo=UTC))),
        ("until:2026-09-30", DateFilter(until=datetime(2026, 9, 30, 15, 59, 59, 999000, tzinfo=UTC))),
        ("until:2026-09-30T09:30+08:00", DateFilter(until=datetime(2026, 9, 30, 1, 30, tzinfo=UTC))),
    ],
)
def test_a_query_means(source: str, expected: Query) -> None:
    assert parse(source, NOW) == expected


def china(day: int, hour: int = 0, month: int = 9, year: int = 2026) -> datetime:
    """An hour of a day in China."""
    return datetime(year, month, day, hour, tzinfo=timezone(timedelta(hours=8)))


LAST = timedelta(milliseconds=-1)


@pytest.mark.parametrize(
    ("span", "since", "until"),
    [
        ("2026-09-30", china(30), china(1, month=10) + LAST),
        ("2026-9-3", china(3), china(4) + LAST),
        ("2026-09", china(1), china(1, month=10) + LAST),
        ("2026-12", china(1, month=12), china(1, month=1, year=2027) + LAST),
        ("2028-02", china(1, month=2, year=2028), china(1, month=3, year=2028) + LAST),
        ("2026", china(1, month=1), china(1, month=1, year=2027) + LAST),
        ("2028", china(1, month=1, year=2028), china(1, month=1, year=2029) + LAST),
        ("today", china(30), china(1, month=10) + LAST),
        ("昨天", china(29), china(30) + LAST),
        ("7d", NOW - timedelta(days=7), NOW),
        ("12h", NOW - timedelta(hours=12), NOW),
        ("2w", NOW - timedelta(days=14), NOW),
        ("2026-09-01..2026-09-03", china(1), china(4) + LAST),
        ("2026-08..yesterday", china(1, month=8), china(30) + LAST),
        ("7d..1d", NOW - timedelta(days=7), NOW - timedelta(days=1)),
        ("2026-09..", china(1), None),
        ("..2026-09", None, china(1, month=10) + LAST),
        ("2026-09-30T09:30+08:00", china(30, 9) + timedelta(minutes=30), china(30, 9) + timedelta(minutes=30)),
    ],
)
def test_a_span_of_time_begins_and_ends(span: str, since: datetime | None, until: datetime | None) -> None:
    assert parse_span(span, NOW) == (since, until)
    assert parse(f"published:{span}", NOW) == DateFilter(since, until)
    assert parse(f"first_seen:{span}", NOW) == RecordedFilter("first_seen", since, until)
    assert parse(f"observed:{span}", NOW) == RecordedFilter("observed", since, until)


def test_since_and_until_take_one_end_of_a_span() -> None:
    for text_of_span, first in (("2026-08", china(1, month=8)), ("7d", NOW - timedelta(days=7))):
        assert parse(f"since:{text_of_span}", NOW) == DateFilter(since=first)
    assert parse("until:2026-08", NOW) == DateFilter(until=china(1) + LAST)
    assert parse("until:7d", NOW) == DateFilter(until=NOW - timedelta(days=7))


def test_today_is_the_day_in_china() -> None:
    evening = datetime(2026, 9, 29, 16, 30, tzinfo=UTC)  # half past midnight in China, on the 30th
    assert parse_span("today", evening)[0] == china(30)


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
        ("symbl:sh600519", "did you mean symbol:?"),
        ("titel:茅台", "the fields are symbol: feed:"),
        ("is:revisd", "did you mean revised?"),
        ("is:open", "there are is:revised is:gone is:moved"),
        ("since:tomorrow", "'tomorrow' is neither a day"),
        ("since:2026-13", "neither a day"),
        ("since:2026-09-31", "neither a day"),
        ("since:0001", "neither a day"),
        ("until:9999", "neither a day"),
        ("since:99999w", "neither a day"),
        ("published:..", "neither a day"),
        ("observed:2026-09-30..2026-09-01", "ends before it begins"),
        ("since:2026-09-01..2026-09-03", "write published:2026-09-01..2026-09-03"),
        ("-", "has no word"),
        ("茅台 -", "has no word"),
        ("茅台 -%", "has no word"),
        ("until:2026-09-30T09:30", "neither a day"),
        ("media:%", "has no word"),
        ("(" * 11 + "茅" + ")" * 11, "more than 10 parentheses"),
        ("茅 " * 101, "101 words"),
    ],
)
def test_what_cannot_be_understood_is_said(source: str, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(source, NOW)
    assert message in str(refused.value)
    assert str(refused.value) == describe(refused.value, "en")
    in_chinese = describe(refused.value, "zh")
    assert re.search("[一-鿿]", in_chinese)
    assert not re.search("[{}]", in_chinese)


def test_every_message_has_the_same_parameters_in_both_languages() -> None:
    for code, (english, chinese) in messages._MESSAGES.items():
        names = [{name for _, name, _, _ in Formatter().parse(each) if name} for each in (english, chinese)]
        assert names[0] == names[1], code


@pytest.mark.parametrize("query", ["\udca7", "title:\ud800茅台", '"a\udfffb"'])
def test_bytes_that_are_not_utf_8_are_a_mistake_of_the_query(query: str) -> None:
    with pytest.raises(QueryError, match="not UTF-8"):
        parse(query)
