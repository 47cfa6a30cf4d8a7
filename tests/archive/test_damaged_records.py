"""Records of the journal that are gzip and nothing else: damage is named at its offset and passed over."""

from __future__ import annotations

import gzip
import logging
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from archive.archive import Archive
from archive.integrity.manifest_check import Problem
from archive.integrity.verify import verify
from archive.journal.gzip_members import members
from archive.journal.journal import events
from archive.journal.record import parse_record
from archive.journal.warc import warc_files
from archive.model.errors import ArchiveError
from archive.model.fetch import JournalPosition
from config.model import Settings
from pipeline.recovery import recover
from tests.support.parsers import PARSERS

PACKED = Path(__file__).parents[1] / "fixtures" / "archive_v1.tar.gz"  # it has a document of each kind
REFERENCE = "WARC-Finarchive-Original"
ORIGINAL = re.compile(rb"(WARC-Finarchive-Original: )(\S+)")
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an archive, which tests copy."""
    folder = tmp_path_factory.mktemp("packed")
    with tarfile.open(PACKED) as archive:
        archive.extractall(folder, filter="data")
    logging.getLogger("finarchive").setLevel(logging.WARNING)
    return folder / "news"


def records_of(root: Path) -> list[tuple[Path, int, bytes]]:
    """All records of an archive: file, offset, content."""
    return [
        (path, offset, data)
        for path in warc_files(root / ".finarchive" / "warc")
        for offset, _, data in members(path)
    ]


class Damaged:
    """A copy of an archive with some records replaced. Offsets are those of the copy."""

    def __init__(self, packed: Path, root: Path, change: Callable[[int, bytes], bytes]) -> None:
        """Create it.

        :param change: gets the number and the content of each record, and returns its new content; b"": none
        """
        shutil.copytree(packed, root)
        self.root, self.folder = root, root / ".finarchive" / "warc"
        self.offsets: dict[int, JournalPosition] = {}
        written: dict[Path, bytes] = {}
        moved: dict[bytes, bytes] = {}  # where originals were, and are
        for number, (path, offset, data) in enumerate(records_of(packed)):
            target = self.folder / path.name
            position = self.offsets[number] = JournalPosition(path.name, len(written.setdefault(target, b"")))
            moved[f"{path.name}:{offset}".encode()] = f"{position.file}:{position.offset}".encode()
            linked = ORIGINAL.sub(lambda match: match[1] + moved[match[2]], data)
            changed = change(number, linked)
            written[target] += gzip.compress(changed, 1, mtime=0) if changed else b""
        for target, content in written.items():
            target.write_bytes(content)

    def recovered(self) -> int:
        """The number of events that a start without an index applies."""
        for path in (self.root / ".finarchive").glob("index.db*"):
            path.unlink()
        with Archive(self.root, "test", NOW) as archive:
            recover(archive, Settings(), NOW, PARSERS)
            return sum(1 for _ in archive.store.log.positions())

    def named(self) -> list[Problem]:
        """What verify says of the raw pages at an offset."""
        return [each for each in verify(self.root).problems if each.kind == "warc" and "at byte" in each.detail]


def edited(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data, data[:300]
    return data.replace(old, new, 1)


def header(name: str, value: str) -> Callable[[bytes], bytes]:
    """Replace the value of a header of a record."""
    return lambda data: re.sub(
        rb"(?i)(\r\n" + name.encode() + rb": )[^\r]*", rb"\g<1>" + value.encode(), data, count=1
    )


def without(name: str) -> Callable[[bytes], bytes]:
    """Remove a header of a record."""
    return lambda data: re.sub(rb"(?i)\r\n" + name.encode() + rb":[^\r]*", b"", data, count=1)


def doubled(name: str) -> Callable[[bytes], bytes]:
    """Repeat a header of a record."""
    return lambda data: re.sub(rb"(?i)(\r\n" + name.encode() + rb":[^\r]*)", rb"\1\1", data, count=1)


def block(new: bytes) -> Callable[[bytes], bytes]:
    """Replace the block of a record; its length and its date are right, its digest is left out."""

    def change(data: bytes) -> bytes:
        head = without("WARC-Block-Digest")(data).partition(b"\r\n\r\n")[0]
        head = header("Content-Length", str(len(new)))(head)
        return head + b"\r\n\r\n" + new + b"\r\n\r\n"

    return change


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace bytes in the block of a record."""
    return lambda data: block(edited(data.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n"), old, new))(data)


LOOK, REQUEST, RESPONSE, REVISIT, SIGHTED, LEDGER, IMAGES = (
    "urn:finarchive:look", "request", "response", "revisit", "urn:finarchive:sighted", "urn:finarchive:ledger",
    "urn:finarchive:images",
)  # fmt: skip
CASES = {
    "no length": (RESPONSE, without("Content-Length")),
    "a negative length": (RESPONSE, header("Content-Length", "-5")),
    "a huge length": (RESPONSE, header("Content-Length", "9" * 30)),
    "a length that is too large": (LOOK, header("Content-Length", "999999")),
    "a length that is too small": (LOOK, header("Content-Length", "7")),
    "a length in other digits": (LOOK, header("Content-Length", "\u0661\u0662")),
    "a length that is no number": (REQUEST, header("Content-Length", "many")),
    "two lengths": (RESPONSE, doubled("Content-Length")),
    "no date": (RESPONSE, without("WARC-Date")),
    "no date of an event": (LOOK, without("WARC-Date")),
    "a date without a zone": (LOOK, header("WARC-Date", "2026-09-29T00:00:00")),
    "a date that is none": (SIGHTED, header("WARC-Date", "yesterday")),
    "a date before all dates": (SIGHTED, header("WARC-Date", "0001-01-01T00:00:00+14:00")),
    "a date after all dates": (SIGHTED, header("WARC-Date", "9999-12-31T23:59:59-14:00")),
    "no target": (LOOK, without("WARC-Target-URI")),
    "no target of a response": (RESPONSE, without("WARC-Target-URI")),
    "no type": (RESPONSE, without("WARC-Type")),
    "an unknown type": (RESPONSE, header("WARC-Type", "respnse")),
    "an unknown type of an event": (SIGHTED, header("WARC-Type", "metadate")),
    "another type": (REQUEST, header("WARC-Type", "response")),
    "no identity": (REQUEST, without("WARC-Record-ID")),
    "no link to the response": (LOOK, without("WARC-Concurrent-To")),
    "a head in another charset": (SIGHTED, lambda data: edited(data, b"WARC-Type", b"\xd0\xc2: x\r\nWARC-Type")),
    "a head that does not end": (SIGHTED, lambda data: data.replace(b"\r\n\r\n", b"\r\n")),
    "a line without a colon": (REQUEST, lambda data: edited(data, b"\r\n", b"\r\nnews\r\n")),
    "another version": (REQUEST, lambda data: edited(data, b"WARC/1.1", b"WARC/9.9")),
    "no record at all": (REQUEST, lambda data: b"news"),
    "no request": (REQUEST, lambda data: b""),
    "no response": (RESPONSE, lambda data: b""),
    "a status that is no number": (RESPONSE, replaced(b"HTTP/1.1 200", b"HTTP/1.1 two")),
    "a response without a status": (RESPONSE, block(b"<html>\r\n\r\n")),
    "an empty response": (RESPONSE, block(b"")),
    "a revisit to nowhere": (REVISIT, header(REFERENCE, "finarchive-20260101-0001.warc.gz:7")),
    "a revisit to another record": (REVISIT, header(REFERENCE, "finarchive-20261130-0001.warc.gz:0")),
    "a revisit to another file": (REVISIT, header(REFERENCE, "../../index.db:0")),
    "a revisit to no number": (REVISIT, header(REFERENCE, "finarchive-20260929-0001.warc.gz:-1")),
    "a revisit without an original": (REVISIT, without(REFERENCE)),
    "a revisit without a digest": (REVISIT, without("WARC-Payload-Digest")),
    "no JSON": (LOOK, block(b"{")),
    "no JSON of other events": (SIGHTED, block(b"news")),
    "JSON in another charset": (SIGHTED, block(b'{"version": 1, "sighted": "\xd0\xc2"}')),
    "JSON that is no object": (SIGHTED, block(b"[]")),
    "JSON without a version": (SIGHTED, block(b'{"sighted": {}}')),
    "a version that is no number": (SIGHTED, replaced(b'"version": 1', b'"version": "1"')),
    "another kind": (SIGHTED, header("WARC-Target-URI", "urn:finarchive:sightet")),
    "the kind of a fetch": (SIGHTED, header("WARC-Target-URI", "urn:finarchive:look")),
    "a missing key": (LOOK, replaced(b'"pending"', b'"pendinG"')),
    "a value of another type": (SIGHTED, replaced(b'"hosts": {', b'"hosts": 7, "x": {')),
    "a time without a zone": (LOOK, replaced(b'Z", "pending"', b'", "pending"')),
    "half a character": (LOOK, replaced(b'"title": "', rb'"title": "\ud800')),
    "a number too large for the index": (LOOK, replaced(b'"attempts": 0', b'"attempts": ' + b"9" * 30)),
    "too many brackets": (SIGHTED, block(b'{"version": 1, "sighted": ' + b"[" * 200_000)),
    "a path out of the folder": (LOOK, replaced(b'"path": null', b'"path": "../../out.md"')),
    "a path into the inner folder": (LOOK, replaced(b'"path": null', b'"path": ".finarchive/index.db"')),
    "a state with rows of other lengths": (LEDGER, replaced(b'"sources": [[', b'"sources": [["x"], [')),
    "a state that is no number": (LEDGER, replaced(b'"feeds": [[', b'"feeds": [["feed"], [NaN]], "z": [[')),
    "an image out of its folder": (IMAGES, replaced(b'"sha256": "', b'"sha256": "../')),
    "an image of another type": (IMAGES, replaced(b'"media_type": "', b'"media_type": "text/')),
}  # fmt: skip


def number_of(packed: Path, name: str) -> int:
    """The number of the first record of a kind, or of a kind of event."""
    for number, (_, _, data) in enumerate(records_of(packed)):
        record = parse_record(data)
        if name in (record.kind, record.target) and (name != IMAGES or b"sha256" in data):
            return number
    raise AssertionError(name)


def group_of(packed: Path, number: int) -> list[int]:
    """The numbers of the records of a group."""
    kinds = [parse_record(data) for _, _, data in records_of(packed)]
    begin = number
    while kinds[begin].kind in ("response", "revisit") or "warc-concurrent-to" in kinds[begin].headers:
        begin -= 1
    end = begin + 1
    while end < len(kinds) and "warc-concurrent-to" in kinds[end].headers:
        end += 1
    return list(range(begin, end))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_damaged_record_is_named_at_its_offset_and_passed_over(
    packed: Path, tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, change = CASES[case]
    number = number_of(packed, name)
    damaged = Damaged(packed, tmp_path / "news", lambda each, data: change(data) if each == number else data)
    offsets = {damaged.offsets[each].offset for each in group_of(packed, number)}
    whole = list(events(packed / ".finarchive" / "warc"))

    found: list[JournalPosition] = []
    read = list(events(damaged.folder, on_damage=found.append))
    assert len(read) == len(whole) - 1
    assert {each.offset for each in found} <= offsets
    assert found
    assert {each.offset for each in found} <= {int(each.detail.split()[2].rstrip(":")) for each in damaged.named()}
    damaged.recovered()
    assert [record.getMessage() for record in caplog.records if "journal-damaged" in record.getMessage()] == [
        f"journal-damaged file={each.file} offset={each.offset}" for each in found
    ]


@pytest.mark.parametrize(
    "change",
    [
        replaced(b'"version": 1', b'"version": 2'),
        lambda data: header("WARC-Target-URI", "urn:finarchive:new")(replaced(b'"sighted"', b'"new"')(data)),
    ],
)
def test_a_record_of_a_newer_program_is_no_damage(
    packed: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    number = number_of(packed, SIGHTED)
    damaged = Damaged(packed, tmp_path / "news", lambda each, data: change(data) if each == number else data)
    with pytest.raises(ArchiveError, match="upgrade"):
        damaged.recovered()
    assert not damaged.named()


def test_the_state_of_lists_may_have_columns_that_are_not_known(packed: Path, tmp_path: Path) -> None:
    change = replaced(b'"sources": [["', b'"sources": [["x"], ["y"]], "z": [["')
    damaged = Damaged(packed, tmp_path / "news", lambda _, data: change(data) if LEDGER.encode() in data else data)
    assert damaged.recovered()


def test_articles_whose_list_is_lost_keep_all_their_versions(packed: Path, tmp_path: Path) -> None:
    def versions(root: Path, lost: int | None) -> list[tuple[str, int]]:
        damaged = Damaged(packed, root, lambda number, data: block(b"news")(data) if number == lost else data)
        assert damaged.recovered()
        database = Database(root / ".finarchive" / "index.db")
        try:
            return list(database.execute("SELECT docid, number FROM revisions ORDER BY 1, 2").fetchall())
        finally:
            database.close()

    whole = versions(tmp_path / "whole", None)
    polls = [at for at, (_, _, record) in enumerate(records_of(packed)) if parse_record(record).target == SIGHTED]
    assert len(polls) > 2
    for at in polls:
        assert versions(tmp_path / str(at), at) == whole


def test_nothing_is_named_in_a_whole_journal(packed: Path, tmp_path: Path) -> None:
    damaged = Damaged(packed, tmp_path / "news", lambda number, data: data)
    found: list[JournalPosition] = []
    assert len(list(events(damaged.folder, on_damage=found.append))) > 20
    assert not found
    assert not damaged.named()


def mutate(data: bytes, places: st.DataObject) -> bytes:
    """Drop, repeat, exchange or garble a few lines or values of a record."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if places.draw(st.booleans(), "the head"):
        lines = head.split(b"\r\n")
        index = places.draw(st.integers(0, len(lines) - 1))
        other = places.draw(st.integers(0, len(lines) - 1))
        name, colon, value = lines[index].partition(b": ")
        lines[index : index + 1] = places.draw(
            st.sampled_from(
                [
                    [], [lines[index]] * 2, [name], [name + colon], [name + colon + value[::-1]],
                    [value + colon + name],
                    [name + colon + lines[other].partition(b": ")[2]], [name + colon + b"-" + value], [lines[other]],
                    [name + colon + value + value], [name + colon + value[: len(value) // 2]],
                    [b"\xff" + lines[index]],
                    [name + colon + b"9" * 25], [name + colon + "二".encode()], [b""],
                ]
            )
        )  # fmt: skip
        return b"\r\n".join(lines) + separator + rest
    begin = places.draw(st.integers(0, len(rest)))
    end = min(len(rest), begin + places.draw(st.integers(0, 12)))
    new = places.draw(
        st.binary(max_size=6) | st.sampled_from([b'"', b"null", b"-1", b"[]", b"{}", b"9" * 25, b"\\ud800"])
    )
    changed = (rest[:begin] + new + rest[end:]).removesuffix(b"\r\n\r\n")
    whole = without("WARC-Block-Digest")(head)  # as if somebody had written it so
    return header("Content-Length", str(len(changed)))(whole) + separator + changed + b"\r\n\r\n"


@contextmanager
def only_newer_programs() -> Iterator[None]:
    """Suppress the one error that a journal may raise."""
    try:
        yield
    except ArchiveError as error:
        if "upgrade" not in str(error):
            raise


@pytest.mark.slow
@given(st.data())
def test_no_mutation_of_records_stops_a_start_or_is_passed_over_in_silence(
    packed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = len(list(events(packed / ".finarchive" / "warc")))
    records = records_of(packed)
    chosen = data.draw(st.sets(st.integers(0, len(records) - 1), min_size=1, max_size=3))
    mutated = {number: mutate(records[number][2], data) for number in sorted(chosen)}
    root = tmp_path_factory.mktemp("mutated") / "news"
    try:
        damaged = Damaged(packed, root, mutated.get)
        found: list[JournalPosition] = []
        with only_newer_programs():
            read = list(events(damaged.folder, on_damage=found.append))
            assert len(read) == whole or damaged.named()
            assert len(read) >= whole - len(found) - len(chosen)
            damaged.recovered()
    finally:
        shutil.rmtree(root.parent)
