"""Paths of files: readable names that every file system accepts, and that never leave their folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive.files.paths import MAX_NAME_BYTES, article_name, file_name, post_path
from crawler.urls import docid
from tests.support.examples import examples

DOCID = "mcwiwss7730811"
MORNING = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("一季度GDP同比增长4.8%", "一季度GDP同比增长4.8%"),
        ("央行：降息？“稳”字当头！", "央行：降息？“稳”字当头！"),  # full-width punctuation is no reserved character
        ("他说\"好\" 'fine'", "他说_好_ 'fine'"),
        ("12:30 快讯", "12_30 快讯"),
        ("A/B\\C", "A_B_C"),
        ('<>|*?"', "______"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", ""),
        ("......", ""),
        ("  .hidden", "hidden"),
        ("结尾. . .", "结尾"),
        ("全角　空格  与\u00a0不断", "全角 空格 与 不断"),
        ("a\0b", "a_b"),
        ("两\n行\r\n", "两_行__"),
        ("制\t表", "制_表"),
        ("c1\x85\x9f", "c1__"),
        ("\u2028行", "行"),
        ("火箭🚀上涨", "火箭🚀上涨"),
        ("\u202e反向", "\u202e反向"),
        ("半\ud83d个", "半_个"),
        ("Cafe\u0301", "Caf\u00e9"),  # NFD in, NFC out
        ("", ""),
        ("CON", "CON"),  # reserved only as a whole name, and a docid follows
    ],
)
def test_a_title_keeps_all_that_a_file_name_can_hold(title: str, expected: str) -> None:
    assert article_name(title, DOCID) == f"{expected}_{DOCID}.md"


@pytest.mark.parametrize(
    ("title", "letters"),
    [("长" * 300, 60), ("a" * 300, 182), ("🚀" * 300, 45)],  # (200 - len("_mcwiwss7730811.md")) bytes by 3, 1, 4
)
def test_a_long_title_is_cut_at_a_character(title: str, letters: int) -> None:
    assert article_name(title, DOCID) == f"{title[:letters]}_{DOCID}.md"


def test_a_cut_leaves_no_dot_or_space_at_the_end() -> None:
    assert file_name("a" * 199 + " b") == "a" * 199
    assert file_name("abc. def", 5) == "abc"


def test_a_title_is_cut_as_a_whole_name_not_before() -> None:
    title = "a" * (MAX_NAME_BYTES - len(f"_{DOCID}.md"))
    assert len(article_name(title, DOCID)) == MAX_NAME_BYTES
    assert article_name(title + "b", DOCID) == article_name(title, DOCID)


def test_a_path_is_categories_day_and_name() -> None:
    assert post_path(("金融", "新浪财经"), MORNING, "标题", DOCID) == PurePosixPath(
        f"金融/新浪财经/2026/09/30/标题_{DOCID}.md"
    )


@pytest.mark.parametrize(
    ("published", "day"),
    [
        (datetime(2026, 9, 29, 15, 59, 59, tzinfo=UTC), "2026/09/29"),
        (datetime(2026, 9, 29, 16, 0, 0, tzinfo=UTC), "2026/09/30"),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), "2026/12/31"),
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), "2027/01/01"),
        (datetime(1988, 7, 1, 15, 30, 0, tzinfo=UTC), "1988/07/01"),  # eight hours also in a summer that had nine
    ],
)
def test_the_day_is_that_in_china(published: datetime, day: str) -> None:
    assert str(post_path(("a",), published, "t", DOCID).parent) == f"a/{day}"


_PIECES = st.sampled_from(["..", ".", "/", "\\", "\0", "\n", " ", "　", "\ud800", "🚀", "e\u0301", "~", "-", "C:"])
TITLES = st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=8).map("".join) | st.text(
    st.sampled_from("长a🚀. "), min_size=60, max_size=300
)


@settings(max_examples=examples(300), deadline=None)
@example(title="", categories=["."])
@given(title=TITLES, categories=st.lists(TITLES, min_size=1, max_size=4))
def test_no_title_or_category_leads_out_of_the_folder(title: str, categories: list[str]) -> None:
    path = post_path(categories, MORNING, title, DOCID)
    assert not path.is_absolute()
    for part in path.parts:
        assert part not in ("", ".", "..")
        assert not set(part) & set('/\\\0\n:*?"<>|')
        assert len(part.encode()) <= MAX_NAME_BYTES
        assert not part.startswith(".")
        assert part[-1] not in ". "
    assert path.parts[-4:-1] == ("2026", "09", "30")
    assert path.name.endswith(f"_{DOCID}.md")


@settings(max_examples=examples(200), deadline=None)
@given(text=TITLES)
def test_file_name_is_idempotent(text: str) -> None:
    assert file_name(file_name(text)) == file_name(text)


def test_no_docid_makes_a_name_longer_than_a_file_system_takes() -> None:
    name = article_name("标题", docid(None, f"https://finance.sina.com.cn/a/doc-i{'a' * 300}.shtml"))
    assert len(name.encode()) <= MAX_NAME_BYTES
