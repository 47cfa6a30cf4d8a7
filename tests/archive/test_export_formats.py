"""The formats of exports, read back by what reads them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from archive.export.csv import to_csv
from archive.export.formats import Table, TableFormat
from archive.export.jsonl import to_jsonl
from archive.export.registry import OUTPUTS
from archive.model.results import Record
from archive.records import as_dict

NOW = datetime(2026, 9, 30, 1, 30, tzinfo=UTC)
RECORD = Record(
    "mcwiwss7730811", "茅台“提价”, 涨4.8%", "https://a.cn/x", "金融/x.md", NOW, NOW, NOW, 2, None, "样例社",
    ("china", "stock"), ("白酒", "提价"), ("sh600519",), None, None, NOW, "0" * 64, '第一段，"引"\n第二段',
)  # fmt: skip
COLUMNS = [
    "docid", "title", "url", "path", "published", "first_seen", "observed", "revision", "updated", "media", "feeds",
    "keywords", "symbols", "editor", "original_title", "gone", "sha256", "text",
    "settled_feeds", "provisional_feeds", "authors", "enclosures", "published_text", "precision", "published_note",
    "text_from", "text_note", "images",
]  # fmt: skip


def rows(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "Excel takes it for UTF-8 by this"
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_an_export_has_the_columns_of_the_contract() -> None:
    assert list(Record.__struct_fields__) == COLUMNS
    assert list(json.loads(b"".join(to_jsonl(Table([RECORD]))))) == COLUMNS
    assert list(rows(b"".join(to_csv(Table([RECORD]))))[0]) == COLUMNS


def test_json_lines_say_everything_as_it_is() -> None:
    (line,) = b"".join(to_jsonl(Table([RECORD]))).decode().splitlines()
    time = "2026-09-30T01:30:00.000+00:00"
    expected = as_dict(RECORD) | dict.fromkeys(("published", "first_seen", "observed", "gone"), time)
    assert json.loads(line) == json.loads(json.dumps(expected))
    assert "茅台" in line


def test_a_table_contains_the_same_in_cells() -> None:
    (row,) = rows(b"".join(to_csv(Table([RECORD]))))
    assert (row["title"], row["text"], row["revision"]) == (RECORD.title, RECORD.text, "2")
    assert (row["feeds"], row["keywords"], row["updated"]) == ("china; stock", "白酒; 提价", "")
    assert row["published"] == row["gone"] == "2026-09-30T01:30:00.000+00:00"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", '=HYPERLINK("http://a.cn")'])
def test_a_cell_is_never_a_formula(text: str) -> None:
    record = replace(RECORD, title=text, text=text, media=text, keywords=(text,))
    (row,) = rows(b"".join(to_csv(Table([record]))))
    assert {row[name] for name in ("title", "text", "media", "keywords")} == {f"'{text}"}
    assert json.loads(b"".join(to_jsonl(Table([record]))))["title"] == text, "where nobody computes it stays as it is"


def test_line_separators_of_unicode_end_no_line_of_json() -> None:
    record = replace(RECORD, title="一\u2028二\u2029三\x85四", text="\x0b\x0c\x1c\x1d\x1e", keywords=("\u2028",))
    data = b"".join(to_jsonl(Table([record, record])))
    assert len(data.decode().splitlines()) == 2
    for line in data.decode().splitlines():
        assert json.loads(line)["title"] == record.title
        assert (json.loads(line)["text"], json.loads(line)["keywords"]) == (record.text, ["\u2028"])
    assert b"\\u2028\xe4\xba\x8c\\u2029\xe4\xb8\x89\\u0085" in data


def test_cells_that_a_spreadsheet_cuts_off_are_reported() -> None:
    warnings: list[str] = []

    def written(*texts: str) -> list[str]:
        records = [replace(RECORD, docid=f"doc{n}", text=text) for n, text in enumerate(texts)]
        data = b"".join(to_csv(Table(records, warn=warnings.append)))
        return [row["text"] for row in rows(data)]

    fits = ["字" * 32_767, "😀" * 16_383]  # a character outside the basic plane counts twice
    assert written(*fits) == fits
    assert warnings == []
    too_long = ["字", "字" * 32_768, "😀" * 16_384, "=" * 32_767]
    assert written(*too_long) == [*too_long[:3], "'" + too_long[3]], "the file has them whole"
    (warning,) = warnings
    assert warning.startswith("3 cells have more than 32,767 characters, and Excel holds no more")
    assert "(first of doc1): the file has them whole" in warning


@pytest.mark.parametrize("output", ["jsonl", "csv"])
def test_records_are_written_as_they_are_read(output: str) -> None:
    """However many there are, no more than two are in hand."""
    read: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(1000):
            read.append(number)
            yield RECORD

    stream = OUTPUTS[output]
    assert isinstance(stream, TableFormat)
    written = stream.write(Table(records()))
    for _ in range(10):
        assert next(written)
    assert len(read) <= 11


def test_an_empty_table_has_a_header() -> None:
    assert b"".join(to_csv(Table([]))).decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
    assert b"".join(to_jsonl(Table([]))) == b""
