"""Raw pages on disk: completely written records survive everything, and any WARC tool reads them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from warcio.archiveiterator import ArchiveIterator

from archive.journal.gzip_members import end_of_last_member, members
from archive.journal.warc import WarcWriter, original_at, parts, read, read_at, read_file, read_part, warc_files
from archive.journal.warc_records import Group, Original, digest
from archive.model.fetch import JournalPosition, RawResponse

AT = datetime(2026, 9, 29, 3, 4, 5, 678901, tzinfo=UTC)
HEADERS = (("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))


def raw_response(
    body: bytes = b"<p>page</p>", url: str = "https://finance.sina.com.cn/a/doc-ia1.shtml?x=1"
) -> RawResponse:
    return RawResponse(url, 200, HEADERS, body, (("Referer", "https://finance.sina.com.cn/"),))


def group(body: bytes = b"<p>page</p>", at: datetime = AT) -> Group:
    return Group("look", at, b'{"docid": "a1"}', raw_response(body))


NOTE = Group("sighted", AT, '{"标题": "题"}'.encode())


def write(
    folder: Path,
    *groups: Group,
    original: Original | None = None,
    known: JournalPosition | None = None,
    **options: int,
) -> list[JournalPosition]:
    writer = WarcWriter(folder, "finarchive/test", last_known=known, **options)
    try:
        return writer.append([(each, original) for each in groups])
    finally:
        writer.close()


def checked(folder: Path) -> None:
    """What warcio's own checker says: nothing."""
    command = [sys.executable, "-m", "warcio.cli", "check", "-v", *map(str, warc_files(folder))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail" not in done.stdout.lower()


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    groups = [group(), NOTE, group(b"\x1f\x8b not gzip \x00\r\n\r\n")]
    places = write(tmp_path, *groups)
    assert list(read(tmp_path)) == list(zip(places, groups, strict=True))
    assert [read_at(tmp_path, place) for place in places] == groups
    assert [each for _, each in read(tmp_path, since=places[0])] == groups[1:]
    checked(tmp_path)


def test_another_reader_finds_request_response_and_metadata(tmp_path: Path) -> None:
    write(tmp_path, group(), NOTE)
    with warc_files(tmp_path)[0].open("rb") as file:
        records = [(r.rec_type, r.rec_headers.get_header("WARC-Target-URI"), r.raw_stream.read()) for r in
                   ArchiveIterator(file)]  # fmt: skip
    url = raw_response().url
    assert [record[:2] for record in records[1:]] == [
        ("request", url),
        ("response", url),
        ("metadata", "urn:finarchive:look"),
        ("metadata", "urn:finarchive:sighted"),
    ]
    assert records[2][2] == b"<p>page</p>"
    with warc_files(tmp_path)[0].open("rb") as file:
        response = list(ArchiveIterator(file))[2]
        assert response.rec_headers.get_header("WARC-Date") == "2026-09-29T03:04:05.678901Z"
        assert response.rec_headers.get_header("WARC-Payload-Digest") == digest(b"<p>page</p>")
        assert response.http_headers.get_header("Content-Type") == "text/html; charset=utf-8"


def test_records_refer_to_each_other_by_their_ids(tmp_path: Path) -> None:
    [place] = write(tmp_path, group())
    [again] = write(tmp_path, group(), original=original_at(tmp_path, place, digest(group().response.body)))
    assert again.file == place.file
    with warc_files(tmp_path)[0].open("rb") as file:
        records = [record.rec_headers for record in ArchiveIterator(file) if record.rec_type != "warcinfo"]
    ids = [headers.get_header("WARC-Record-ID") for headers in records]
    assert len(set(ids)) == 6
    assert all(re.fullmatch(r"<urn:uuid:[0-9a-f-]{36}>", each) for each in ids)
    concurrent = [headers.get_header("WARC-Concurrent-To") for headers in records]
    assert concurrent == [None, ids[0], ids[1], None, ids[3], ids[4]]
    assert records[4].get_header("WARC-Refers-To") == ids[1]


def test_an_identical_body_is_written_once(tmp_path: Path) -> None:
    body = bytes(range(256)) * 400
    [place] = write(tmp_path, group(body))
    size = warc_files(tmp_path)[0].stat().st_size
    original = original_at(tmp_path, place, digest(body))
    assert original is not None
    [second] = write(tmp_path, group(body, AT + timedelta(hours=1)), original=original)
    assert warc_files(tmp_path)[0].stat().st_size - size < 3000
    again = read_at(tmp_path, second)
    assert again is not None
    assert again.response == raw_response(body), "the body comes from where it is"
    assert original_at(tmp_path, second, digest(body)) is None, "a revisit is no original"
    checked(tmp_path)


def test_a_body_is_never_read_from_the_position_of_another(tmp_path: Path) -> None:
    one, two = write(tmp_path, group(b"one"), group(b"two"))
    assert original_at(tmp_path, one, digest(b"one")) is not None
    assert original_at(tmp_path, one, digest(b"two")) is None
    assert original_at(tmp_path, replace(two, offset=one.offset + 1), digest(b"two")) is None
    assert original_at(tmp_path, replace(one, offset=1 << 20), digest(b"one")) is None
    assert read_at(tmp_path, replace(two, offset=one.offset + 1)) is None


def test_a_fetch_whose_body_is_lost_is_reported_and_skipped(tmp_path: Path) -> None:
    one, _ = write(tmp_path, group(b"one"), group(b"two"))
    original = original_at(tmp_path, one, digest(b"one"))
    [path] = warc_files(tmp_path)
    begun = path.stat().st_size
    itself = replace(original, position=JournalPosition(path.name, begun)) if original else None
    [again] = write(tmp_path, group(b"one"), original=itself)  # as where another file had the name
    assert again.offset == begun
    damaged: list[int] = []
    assert [each.response.body for _, each in read_file(path, on_damage=damaged.append) if each.response] == [
        b"one", b"two",
    ]  # fmt: skip
    assert damaged == [begun]
    assert read_at(tmp_path, again) is None


@pytest.mark.parametrize("lost", ["the last look", "the last look's end", "the file"])
def test_where_what_is_known_is_lost_another_file_is_begun(tmp_path: Path, lost: str) -> None:
    _, known = write(tmp_path, group(b"one"), group(b"two"))
    [path] = warc_files(tmp_path)
    ends = [end for begin, end, _ in members(path) if begin >= known.offset]
    size = known.offset if lost == "the last look" else ends[-2]
    path.unlink() if lost == "the file" else os.truncate(path, size)
    [after] = write(tmp_path, group(b"three"), known=known)
    assert (known.file, after.file) == ("finarchive-20260929-0001.warc.gz", "finarchive-20260929-0002.warc.gz")
    assert lost == "the file" or path.stat().st_size == size, "the remainder stays as evidence"


def test_a_new_file_is_begun_each_day_in_china_and_when_one_is_large(tmp_path: Path) -> None:
    evening = datetime(2026, 9, 28, 15, 59, tzinfo=UTC)
    for at in (evening, evening + timedelta(minutes=1), evening + timedelta(minutes=2)):
        write(tmp_path, group(at=at))
    assert [path.name for path in warc_files(tmp_path)] == [
        "finarchive-20260928-0001.warc.gz", "finarchive-20260929-0001.warc.gz",
    ]  # fmt: skip
    write(tmp_path, group(at=evening + timedelta(minutes=3)), max_file_bytes=10)
    assert warc_files(tmp_path)[-1].name == "finarchive-20260929-0002.warc.gz"
    write(tmp_path, NOTE, group(at=evening))  # a clock that was set back
    assert len(warc_files(tmp_path)) == 3, "files sort as they were written"
    assert [each.at for _, each in read(tmp_path)][-1] == evening


@pytest.mark.slow
def test_a_file_torn_at_any_byte_is_continued(tmp_path: Path) -> None:
    whole_folder = tmp_path / "whole"
    first_groups = [group(b"one"), NOTE]
    places = write(whole_folder, *first_groups, group(b"two"))
    [path] = warc_files(whole_folder)
    whole = path.read_bytes()
    for size in range(places[-1].offset, len(whole)):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / path.name).write_bytes(whole[:size])
        write(folder, group(b"three"))
        assert [each for _, each in read(folder)] == [*first_groups, group(b"three")]
        end = [end for _, end, _ in members(folder / path.name)][-1]
        assert end == (folder / path.name).stat().st_size, "nothing torn is left between"
    checked(folder)


def test_a_file_damaged_before_its_end_is_not_touched_and_another_is_begun(tmp_path: Path) -> None:
    places = write(tmp_path, group(b"one"), group(b"two"), group(b"three"))
    [path] = warc_files(tmp_path)
    data = bytearray(path.read_bytes())
    data[places[1].offset + 40] ^= 1
    path.write_bytes(data)
    write(tmp_path, group(b"four"))
    assert path.read_bytes() == data
    bodies = [each.response.body for _, each in read(tmp_path) if each.response]
    assert bodies[0] == b"one"
    assert bodies[-2:] == [b"three", b"four"], "a record's damage is not that of the next"


def test_the_end_of_a_large_file_is_found_without_reading_it_all(tmp_path: Path) -> None:
    big = [group(Random(n).randbytes(200_000)) for n in range(12)]
    write(tmp_path, *big)
    [path] = warc_files(tmp_path)
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(path.read_bytes()[whole - 150_000 : whole - 10_000])
    assert end_of_last_member(path) == whole


FILL = """
import sys
from pathlib import Path
from tests.archive.test_warc import group, NOTE, write
from archive.model.errors import DiskFullError
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
write(folder, group(b"kept"))
size = sum(path.stat().st_size for path in folder.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, size + 1000))
from archive.journal.warc import WarcWriter
writer = WarcWriter(folder, "test")
import random
try:
    writer.append([(group(random.Random(1).randbytes(100_000)), None)])
except DiskFullError as error:
    print(error)
assert sum(path.stat().st_size for path in folder.iterdir()) == size, "half a record is left"
writer.append([(NOTE, None)])
"""


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert [each.kind for _, each in read(tmp_path)] == ["look", "sighted"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warc")
    for day in range(3):
        at = AT + timedelta(days=day)
        write(path, *(group(b"%d %d " % (day, n) * 99, at) for n in range(5)), NOTE)
    return path


@given(st.integers(min_value=1, max_value=20_000))
def test_parts_hold_each_group_once_whatever_their_size(folder: Path, size: int) -> None:
    size = max(size, 40)
    found = [place for part in parts(folder, size) for place, _ in read_part(part)]
    assert found == [place for place, _ in read(folder)]


def test_a_response_without_its_metadata_is_skipped(tmp_path: Path) -> None:
    places = write(tmp_path, group(b"one"), group(b"two"))
    [path] = warc_files(tmp_path)
    ends = [end for begin, end, _ in members(path) if begin >= places[1].offset]
    with path.open("r+b") as file:
        file.truncate(ends[1])  # its request and response are there
    write(tmp_path, group(b"three"))
    assert [each.response.body for _, each in read(tmp_path) if each.response] == [b"one", b"three"]
