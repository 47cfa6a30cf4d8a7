"""Texts as words: a search must find exactly the text that people see."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.query.tokenizer import ENCLOSED, INVISIBLE_LATER, fold, pattern, phrase, segments, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("贵州茅台", "贵州 州茅 茅台 台"),
        ("茅", "茅"),
        ("涨4.8％", "涨 4 8"),
        ("Ｍ２增速", "m 2 增速 速"),
        ("（SH600519）", "sh 600519"),
        ("贵\u200b州", "贵州 州"),
        ("ﾊﾞﾝｸとバンク", "バン ンク クと とバ バン ンク ク"),
        ("한국은행", "한국 국은 은행 행"),
        ("二〇二六 々", "二〇 〇二 二六 六 々"),
        ("𠮷野家", "𠮷野 野家 家"),
        ("naïve ЦБ", "naïve цб"),
        ("，。！ %_-", ""),
        ("", ""),
    ],
)
def test_the_words_of_a_text(text: str, expected: str) -> None:
    assert words(text).split() == expected.split()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("茅", '"茅"*'),
        ("茅台", '"茅台"'),
        ("贵州茅台", '"贵州 州茅 茅台"'),
        ("M2增长", '"m 2 增长"'),
        ("M2增", '"m 2 增"*'),
        ("台，涨", '"台 涨"*'),
        ("茅台M2", '"茅台 台 m 2"'),
        ('a" OR "b', '"a or b"'),
        ("%", None),
    ],
)
def test_a_search_text_becomes_a_phrase(source: str, expected: str | None) -> None:
    assert phrase(source) == expected


def test_a_word_can_be_searched_by_its_prefix() -> None:
    assert phrase("tesl", prefix=True) == '"tesl"*'
    assert phrase("茅台", prefix=True) == '"茅台"', "which finds what goes on too"


@given(
    st.text(
        st.characters(codec="utf-8") | st.sampled_from("茅台，。Ａ２３４ﾊﾞ\u3000（）：％～－\u200b①⒉²\u2066\ufe0f")
    )
)
def test_taking_punctuation_out_first_changes_no_word(text: str) -> None:
    """The short way to fold gives the words of the long one."""
    invisible = re.compile(f"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff{INVISIBLE_LATER}]")
    seen = re.sub(f"([{ENCLOSED}])", r" \1 ", invisible.sub("", text))
    assert segments(fold(text)) == segments(unicodedata.normalize("NFKC", seen).casefold())


@given(st.text(st.characters(codec="utf-8")))
def test_a_phrase_contains_only_words(text: str) -> None:
    """No typed text becomes syntax of an FTS5 expression."""
    source = phrase(text)
    word = r"[0-9a-z\u0080-\U0010ffff]+"  # ASCII, in which all that steers FTS5 is written, has these at most
    assert source is None or re.fullmatch(rf'"{word}( {word})*"\*?', source)


@given(st.text("茅台a1 ，M.2", min_size=1), st.text("茅台a1 ，M.2", max_size=30))
def test_the_pattern_finds_what_the_index_finds(source: str, text: str) -> None:
    wanted = phrase(source)
    if wanted is None:
        return
    tokens, expected_tokens = words(text).split(), wanted.rstrip("*").strip('"').split()
    starts = range(len(tokens) - len(expected_tokens) + 1)
    there = any(
        tokens[start : start + len(expected_tokens) - 1] == expected_tokens[:-1]
        and (tokens[start + len(expected_tokens) - 1].startswith(expected_tokens[-1]) if wanted.endswith("*")
             else tokens[start + len(expected_tokens) - 1] == expected_tokens[-1])
        for start in starts
    )  # fmt: skip
    assert bool(pattern(source).search(text.lower())) == there
