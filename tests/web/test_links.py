"""URLs of the web view, and the queries in them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.errors import QueryError
from archive.query.parser import And, DateFilter, FeedFilter, MediaFilter, Or, parse
from archive.query.tokenizer import phrase
from web import links


def test_arguments_that_are_empty_are_left_out() -> None:
    assert links.link("/search", {"q": "茅台 a&b", "as_of": None}, sort="", page=2) == (
        "/search?q=%E8%8C%85%E5%8F%B0+a%26b&page=2"
    )


@pytest.mark.parametrize("name", ["sh600519", "BRK/A", "a?b#c", "../..", "茅台", '"><script>'])
def test_whatever_a_stock_or_a_docid_is_called_it_is_one_part_of_a_path(name: str) -> None:
    for address, start in ((links.symbol(name), "/symbol/"), (links.article(name), "/article/")):
        assert urlsplit(address).path == address
        assert address.startswith(start)
        assert not set(address.removeprefix(start)) & set('/?#"<> ')


@given(st.text('茅台新华社aB1 "“”「」()（）*:：-.，\u3000', min_size=1, max_size=12))
def test_a_condition_is_read_as_one(value: str) -> None:
    words = phrase(value)

    if words is None:
        with pytest.raises(QueryError, match="no word"):
            parse(links.term("media", value))
    else:
        condition = parse(links.term("media", value))
        assert isinstance(condition, MediaFilter)
        assert (condition.phrase, condition.exact) == (words, False)


def test_an_added_condition_applies_to_the_whole_query() -> None:
    assert parse(links.narrowed("茅台 OR 五粮液", "feed:a")) == And((parse("茅台 OR 五粮液"), FeedFilter("a")))
    assert isinstance(parse("茅台 OR 五粮液"), Or)
    found = parse(links.narrowed("茅台 NOT 传闻", 'media:"新华社 客户端"'))
    assert isinstance(found, And)
    assert isinstance(found.of[-1], MediaFilter)
    assert links.narrowed("", "feed:a") == "feed:a"


def test_an_hour_ends_before_the_next_begins() -> None:
    query = parse(links.hour(datetime(2026, 9, 30, 1, tzinfo=UTC)))

    assert query == And(
        (
            DateFilter(since=datetime(2026, 9, 30, 1, tzinfo=UTC)),
            DateFilter(until=datetime(2026, 9, 30, 1, 59, 59, 999000, tzinfo=UTC)),
        )
    )


def test_addresses_survive_being_parsed() -> None:
    address = links.link("/search", {"q": 'media:"甲 乙" & c=d'}, sort="time")
    assert parse_qs(urlsplit(address).query) == {"q": ['media:"甲 乙" & c=d'], "sort": ["time"]}


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ("茅台", []),
        ("茅台 feed:china", [("feed:china", "茅台")]),
        ("feed:china", [("feed:china", "")]),
        (
            '(降准 OR 降息) media:"a b" since:2026-09-01',
            [('media:"a b"', "(降准 OR 降息) since:2026-09-01"), ("since:2026-09-01", '(降准 OR 降息) media:"a b"')],
        ),
        ("降准 AND feed:a", [("feed:a", "降准")]),
        ("茅台 NOT feed:a 业绩", [("NOT feed:a", "茅台 业绩")]),
        ("茅台 -symbol:x", [("-symbol:x", "茅台")]),
        ("feed:a OR feed:b", []),
        ("feed:a or 茅台", []),
        ("(feed:a 茅台)", []),
        ('"feed:a OR b" media:x', [("media:x", '"feed:a OR b"')]),
    ],
)
def test_conditions_can_be_taken_out_of_a_query(query: str, conditions: list[tuple[str, str]]) -> None:
    assert links.conditions(query) == conditions


PARTS = ["茅台", "feed:a", 'media:"b c"', "(降准 OR feed:x)", "NOT 传闻", "until:2026-09-01"]


@given(st.lists(st.sampled_from(PARTS), min_size=1))
def test_without_a_condition_a_query_has_the_others(parts: list[str]) -> None:
    found = links.conditions(" ".join(parts))

    places = [place for place, part in enumerate(parts) if ":" in part and part[0] != "("]
    assert [condition for condition, _ in found] == [parts[place] for place in places]
    for place, (_, rest) in zip(places, found, strict=True):
        assert rest == " ".join(parts[:place] + parts[place + 1 :])


@given(st.text(max_size=40))
def test_no_query_is_too_odd_to_look_for_conditions(query: str) -> None:
    links.conditions(query)
