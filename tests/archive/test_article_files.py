"""Which article a file belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.integrity.article_files import docid_of, files_of

DOCIDS = {"abc1", "x_y", "12"}


@pytest.mark.parametrize(
    ("name", "docid"),
    [
        ("题_abc1.md", "abc1"), ("题_abc1.1.md", "abc1"), ("题_abc1.12.2.md", "abc1"), ("_abc1.md", "abc1"),
        ("a_b_x_y.md", "x_y"), ("增长4.8%_12.md", "12"), ("题_12.3.md", "12"),
        ("题_abc12.md", None), ("题_abc1.txt", None), ("abc1.md", None), ("题_abc1", None), ("题_abc1_.md", None),
        ("题_y.md", None), ("..md", None), (".md", None), ("", None),
    ],
)  # fmt: skip
def test_a_name_ends_with_the_docid_and_the_number_of_a_version(name: str, docid: str | None) -> None:
    assert docid_of(name, DOCIDS) == docid


def test_articles_history_and_quarantine_are_searched_and_nothing_else(tmp_path: Path) -> None:
    names = (
        "a/b/题_12.md", ".finarchive/history/a/b/题_12.1.md", ".finarchive/quarantine/a/b/题_12.2.md",
        ".finarchive/rebuild/tree/题_12.md", ".finarchive/warc/x_12.md", "a/other_13.md",
    )  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(files_of(tmp_path, ["12"])) == sorted(names[:3])
