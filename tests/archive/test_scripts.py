"""Traditional and simplified characters find each other, and only where that is wanted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import archive.search.candidates
from archive.query.parser import parse
from archive.query.scripts import chinese_part, forms, is_chinese, simplified
from archive.store import Store
from tests.support.search_data import NOW, Story, answers, put


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def found(store: Store, query: str) -> list[str]:
    docids = sorted(hit.docid for hit in store.search.find(parse(query), 99))
    assert docids == sorted(record.docid for record in store.search.each(parse(query)))
    assert docids == sorted(hit.docid for hit in store.search.find(parse(query), 99, by_time=True))
    assert docids == sorted(change.docid for change in store.changefeed.between(parse(query), 0, 999, 999))
    return docids


@pytest.mark.parametrize(
    ("traditional", "simple"),
    [("貴州茅臺", "贵州茅台"), ("看著", "看着"), ("衞視", "卫视"), ("裡裏", "里里"), ("國內", "国内")],
)
def test_a_traditional_text_has_a_simplified_form(traditional: str, simple: str) -> None:
    assert simplified(traditional) == simple
    assert all(one in forms(other) for one, other in zip(traditional, simple, strict=True))
    assert simplified(simple) == simple


def test_every_character_is_one_of_its_forms_and_those_have_the_same() -> None:
    for character in map(chr, range(0x3400, 0x9FFF)):
        assert character in forms(character)
        assert {forms(each) for each in forms(character)} == {forms(character)}
        assert {simplified(each) for each in forms(character)} == {simplified(character)}
        assert simplified(simplified(character)) == simplified(character)


STORIES = [
    Story("simple", "贵州茅台业绩", "国内经济增长，万亿", "经济日报"),
    Story("other", "貴州茅臺業績", "國內經濟增長，萬億", "經濟日報"),
    Story("mixed", "贵州茅臺业績", "国內经濟增长，萬亿", "经濟日报"),
    Story("none", "五粮液", "白酒"),
]


@pytest.mark.parametrize(
    "query",
    [
        "贵州茅台", "貴州茅臺", "贵州茅臺", "茅台业绩", "州茅", "台", "臺", "萬", "万", '"国内经济增长，万亿"',
        "增長", "国内 -白酒", "茅台 or 白酒 -五粮液", "media:经济", "media:日報", "增长，萬", "業績 经济增长",
    ],
)  # fmt: skip
def test_either_script_finds_both_and_a_mixture_of_them(store: Store, query: str) -> None:
    put(store, STORIES)
    assert found(store, query) == ["mixed", "other", "simple"]


@pytest.mark.parametrize(
    ("query", "docids"),
    [
        ("=贵州茅台", ["simple"]),
        ('="貴州茅臺"', ["other"]),
        ("＝贵州茅臺", ["mixed"]),
        ("=贵州", ["mixed", "simple"]),
        ("=台", ["simple"]),
        ("=臺", ["mixed", "other"]),
        ("=萬", ["mixed", "other"]),
        ("茅台 -=臺", ["simple"]),
        ("media:=经济日报", ["simple"]),
        ('media:="經濟"', ["other"]),
        ("=贵州茅台 or =貴州茅臺", ["other", "simple"]),
        ("=增长，萬", ["mixed"]),
    ],
)
def test_an_equals_sign_finds_only_what_is_written_so(store: Store, query: str, docids: list[str]) -> None:
    put(store, STORIES)
    assert found(store, query) == docids


def test_what_is_found_in_the_other_script_is_marked_and_ranked_as_its_own(store: Store) -> None:
    put(store, [Story("text", "五粮液", "前有貴州茅臺，後有五粮液"), Story("title", "貴州茅臺", "白酒")])
    hits = store.search.find(parse("贵州茅台"), 9)
    assert [hit.docid for hit in hits] == ["title", "text"]
    assert [hits[0].title[start:end] for start, end in hits[0].title_marks] == ["貴州茅臺"]
    assert [hits[1].snippet[start:end] for start, end in hits[1].snippet_marks] == ["貴州茅臺"]


@pytest.mark.parametrize("most", [1, 1500])  # of the newest, that are read for a single character
def test_any_part_of_any_mixture_is_found(store: Store, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(archive.search.candidates, "MIN_READ", most)
    monkeypatch.setattr(archive.search.candidates, "READ_PER_MATCH", 1)
    dice = random.Random(3)
    characters = ["".join(dice.choice(forms(each)) for each in "贵州茅台业绩增长") for _ in range(40)]
    stories = [
        Story(f"doc{number:02}", "".join(dice.choices(text, k=3)), "，".join((text, text[::-1], text[2:6])))
        for number, text in enumerate(characters)
    ]
    put(store, stories)
    for _ in range(150):
        text = dice.choice(characters)
        start = dice.randrange(8)
        needle = "".join(dice.choice(forms(each)) for each in text[start : start + dice.choice((1, 2, 4, 8))])
        query = parse(f'{dice.choice(("", "="))}"{needle}"')
        expected = {story.docid for story in stories if answers(story, query)}
        assert {hit.docid for hit in store.search.find(query, 99)} == expected, query
        assert store.search.count(query, 99) == len(expected)


def test_a_text_of_all_mixtures_does_not_make_a_query_endless(store: Store) -> None:
    dice = random.Random(1)
    phrases = ["".join(dice.choice(forms(each)) for each in "贵业绩增长国内经济万亿") for _ in range(300)]
    put(store, [Story("aaaa", "题", "，".join(phrases)), replace(STORIES[1], published=NOW)])
    assert found(store, "贵业绩增长国内经济万亿") == ["aaaa"]
    long = " or ".join(dice.choices(phrases, k=45))
    assert found(store, long) == ["aaaa"]


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("贵州茅台", True), ("貴州茅臺", True), ("Apple 发布 iPhone", True), ("𠮷", True), ("Σ：涨", True),
        ("软银（SoftBank，ソフト）公布三季度业绩，投资收益大幅增长，多只重仓股的股价明显回升，回购规模扩大", True),
        ("", False), ("Reuters", False), ("，。", False), ("日銀が政策金利を据え置き", False), ("Ελλάδα", False),
        ("삼성전자 실적", False), ("三星電子 삼성전자", False),
    ],
)  # fmt: skip
def test_chinese_is_told_from_other_languages(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("the page says 该文章已被删除！, with status 200", "该文章已被删除！"), ("“茅台”涨 3%", "“茅台”涨"),
        ("Q3：茅台 Q3 业绩", "：茅台 Q3 业绩"), ("status 404", ""), ("a — b", ""), ("日銀が据え置き", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_chinese_in_a_text_is_one_part(text: str, part: str) -> None:
    start, end = chinese_part(text)
    assert text[start:end] == part
