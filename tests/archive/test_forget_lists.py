"""Articles are forgotten in lists whose entries have equal values: each rewritten record fits into its place."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zopfli.gzip
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.archive import Archive
from archive.files.layout import journal_path
from archive.integrity.removals import find_removals
from archive.integrity.takedown import forget_articles
from archive.journal.documents import identity_of
from archive.journal.event_documents import EventKind, SightedDocument, dump_sighted, encode, load_sighted
from archive.journal.gzip_members import members
from archive.journal.journal import events
from archive.journal.record import parse_record
from archive.journal.warc import warc_files
from archive.journal.warc_records import Group, encode_group
from archive.model.feed import Entry, Filing, Poll
from config.model import Settings
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.support.examples import examples
from tests.support.parsers import PARSERS

DAY = datetime(2026, 9, 28, 4, tzinfo=UTC)
NOW = DAY + timedelta(days=2)
MAX_BODY = 1 << 20
TITLE, TEXT = "琥珀璀璨的标题", "翡翠玲珑的正文"


def similar(number: int, title: str = TITLE, docid: str = "mcwiwss{:07}") -> Entry:
    """An entry that has a value for everything, equal to those of other entries."""
    name = docid.format(number)
    return Entry(
        name, f"https://a.cn/{name}", title, DAY, DAY, DAY, "新华社", "https://a.cn/i.png", ("股市",), (1, 2),
        TEXT * 3, ("sh600519",), withdrawn=True, foreign=True,
    )  # fmt: skip


def bare(number: int, title: str = TITLE) -> Entry:
    return Entry(f"a{number}", f"https://a.cn/{number}", title, None, None, None, None, None)


def record(root: Path, *lists: Sequence[Entry]) -> None:
    """Make an archive of lists that are polled one after another."""
    with Archive(root, "test", DAY) as archive:
        recover(archive, Settings(), DAY, PARSERS)
        for number, entries in enumerate(lists):
            poll = Poll("china", DAY + timedelta(minutes=number), 1, tuple(entries), (), caught_up=True)
            docids = [each.docid for each in entries]
            archive.store.listings.commit_poll(
                poll, Filing(("a",), "b"), {docid: ["china"] for docid in docids}, dict.fromkeys(docids, "a.cn")
            )


def forget(root: Path, *docids: str) -> None:
    with Archive(root, "forget", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        if plan := archive.store.forgotten.plan(docids, "court order", NOW):
            forget_articles(archive, plan, NOW)


def rows(root: Path) -> dict[str, tuple[object, ...]]:
    """The rows of entries, by docid."""
    with closing(sqlite3.connect(root / ".finarchive" / "index.db")) as database:
        database.row_factory = sqlite3.Row
        return {row["docid"]: tuple(row) for row in database.execute("SELECT * FROM entries")}


def has(root: Path, text: str) -> bool:
    """Return whether a text is in a file, as it is or decompressed."""
    raw = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    records = b"".join(data for path in warc_files(root / ".finarchive" / "warc") for _, _, data in members(path))
    return text.encode() in raw + records or ascii(text)[1:-1].encode() in raw + records


def assert_forgotten(root: Path, kept: dict[str, tuple[object, ...]]) -> None:
    """All is forgotten, the archive verifies, and the rows of the others are as before, also after a rebuild."""
    with Archive(root, "test", NOW) as archive:
        assert archive.store.forgotten.unfinished() == []
    report, unproven = verify_deep(root, MAX_BODY, NOW)
    assert (report.problems, unproven) == ((), 0)
    index = rows(root)
    assert {docid: row for docid, row in index.items() if docid in kept} == kept
    dry = rebuild(root, MAX_BODY, NOW, dry_run=True)
    assert (dry.made, dry.changed, dry.rows, dry.damaged) == ([], [], {}, [])
    (root / ".finarchive" / "index.db").unlink()
    assert rebuild(root, MAX_BODY, NOW).damaged == []
    assert rows(root) == index


@pytest.mark.slow  # it verifies and rebuilds
@pytest.mark.parametrize("size", [1, 2, 3, 10, 60])
@pytest.mark.parametrize("entry", [similar, bare])
def test_an_article_leaves_a_list_of_equal_titles(tmp_path: Path, size: int, entry: Callable[[int], Entry]) -> None:
    record(tmp_path, [entry(number) for number in range(size)])
    before = rows(tmp_path)
    for number in {0, size // 2, size - 1}:
        forget(tmp_path, entry(number).docid)
        del before[entry(number).docid]
    assert_forgotten(tmp_path, before)
    assert has(tmp_path, TITLE) == bool(before)


ENTRIES = st.builds(
    Entry,
    st.integers(0, 12).map("mcwiwss{:02}".format),
    st.sampled_from(["https://a.cn/{}", "https://finance.sina.com.cn/roll/2026-09-28/doc-{}.shtml"]),
    st.sampled_from(["", TITLE, f"{TITLE}二"]),
    *[st.sampled_from([None, DAY])] * 3,
    st.sampled_from([None, "新华社"]),
    st.sampled_from([None, "https://a.cn/i.png"]),
    st.sampled_from([(), ("股市", "央行")]),
    st.sampled_from([(), (1, 2)]),
    st.sampled_from([None, TEXT * 3]),
    guid=st.sampled_from([None, "a guid"]),
)
LISTS = st.lists(ENTRIES, min_size=1, max_size=12, unique_by=lambda entry: entry.docid)


@pytest.mark.slow
@settings(max_examples=examples(40))
@given(st.lists(LISTS, min_size=1, max_size=3), st.data())
def test_any_articles_leave_any_lists_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[Entry]], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("archive")
    lists = [[_addressed(entry) for entry in entries] for entries in lists]
    record(root, *lists)
    before = rows(root)
    docids = data.draw(st.permutations(sorted(before)))
    gone = docids[: data.draw(st.integers(1, len(docids)))]
    while gone:
        together = data.draw(st.integers(1, len(gone)))
        forget(root, *gone[:together])
        for docid in gone[:together]:
            del before[docid]
        gone = gone[together:]
    assert_forgotten(root, before)
    left = [entry for entries in lists for entry in entries if entry.docid in before]
    for text in (TITLE, f"{TITLE}二", TEXT, "央行"):
        known = any(text in (entry.title + (entry.content or "") + "".join(entry.keywords)) for entry in left)
        assert has(root, text) == known


def _addressed(entry: Entry) -> Entry:
    return replace(entry, url=entry.url.format(entry.docid))


@settings(max_examples=examples(80))
@given(st.integers(1, 40), st.sampled_from(["{}", "mcwiwss{:07}"]), st.booleans(), st.data())
def test_no_record_of_equal_entries_is_too_long_for_its_place(
    size: int, docid: str, is_bare: bool, data: st.DataObject
) -> None:
    entries = [bare(number) if is_bare else similar(number, docid=docid) for number in range(size)]
    wanted = data.draw(st.sets(st.sampled_from([each.docid for each in entries]), min_size=1))
    assert_fits(entries, wanted)


@pytest.mark.parametrize("every", [1, 2, 10, 400])
def test_nor_is_one_of_a_long_list(every: int) -> None:
    """There zlib finds a longer encoding for the shorter text."""
    entries = [similar(number) for number in range(400)]
    assert_fits(entries, [each.docid for each in entries[::every]])


def test_a_record_whose_new_digest_takes_more_room_loses_headers(tmp_path: Path) -> None:
    document = sighted([bare(1)])
    document["entries"] = [identity_of(each) | {"title": "T"} for each in document["entries"]]
    data = zlib.decompress(record_of(document), zlib.MAX_WBITS | 16)
    digest = parse_record(data).headers["warc-block-digest"]
    place = zopfli.gzip.compress(data.replace(digest.encode(), b"sha1:" + b"A" * 32))
    left, headers = without_entries(tmp_path, place, ["a1"])
    assert [(each.docid, each.title) for each in left.entries] == [("a1", "")]
    assert headers.keys().isdisjoint({"content-type", "warc-block-digest", "warc-payload-digest"})
    assert headers["warc-target-uri"] == "urn:finarchive:sighted"


def assert_fits(entries: Sequence[Entry], docids: Collection[str]) -> None:
    """The record of a list without the values of some entries fits, and has the other entries as they were."""
    with TemporaryDirectory() as folder:
        left, _ = without_entries(Path(folder), record_of(sighted(entries)), docids)
    blank = {each.docid: Entry(each.docid, each.url, "", None, None, None, None, None) for each in entries}
    assert left.entries == [blank[each.docid] if each.docid in docids else each for each in entries]
    assert list(left.listings) == [("china", each.docid, 1) for each in entries]


def sighted(entries: Sequence[Entry]) -> dict[str, Any]:
    listings = [("china", each.docid, 1) for each in entries]
    return dump_sighted(SightedDocument("china", entries, (), {}, listings))


def record_of(document: dict[str, Any]) -> bytes:
    return encode_group(Group(EventKind.SIGHTED, DAY, encode(EventKind.SIGHTED, document)), None)


def without_entries(root: Path, place: bytes, docids: Collection[str]) -> tuple[SightedDocument, Mapping[str, str]]:
    """Remove entries from the record of a list in its place; return what it has then, and its headers."""
    path = journal_path(root) / "finarchive-20260928-0001.warc.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(place)
    [removals] = find_removals(root, docids)
    assert removals.stuck == []
    assert len(removals.members[0]) == len(place)
    path.write_bytes(removals.members[0])
    [event] = events(path.parent)
    [(_, _, data)] = members(path)
    assert list(find_removals(root, docids)) == [], "there is nothing left"
    return load_sighted(event.document), parse_record(data).headers
