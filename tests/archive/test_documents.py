"""Journal documents, version 1: every written document loads and is dumped byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.journal import confirmed, documents, event_documents, formatted, misses, tombstones
from archive.journal.event_documents import VERSION, EventKind, SightedDocument, decode, encode
from archive.model.feed import Entry, Failure, FailureKind, Filing, PendingEntry
from archive.model.feed_values import Enclosure, Precision
from archive.model.fetch import DECISION_RULE, ArchiveRules, Fetch
from archive.model.image import IMAGE_EXTENSIONS, FailedImage, StoredImage
from archive.store import Store

GOLDEN = Path(__file__).parents[1] / "fixtures" / "journal_v1"
FILES = sorted(GOLDEN.iterdir())

# How a document of each kind is loaded and dumped again.
AGAIN: dict[EventKind, Callable[[Any], Any]] = {
    EventKind.LOOK: lambda document: documents.dump_fetch(documents.load_fetch(document)),
    EventKind.CONFIRMED: lambda document: confirmed.dump_confirmed(
        (fetch := confirmed.load_confirmed(document)), fetch.confirmed
    ),
    EventKind.SIGHTED: lambda document: event_documents.dump_sighted(event_documents.load_sighted(document)),
    EventKind.SETTLED: lambda document: event_documents.dump_settled(*event_documents.load_settled(document)),
    EventKind.RELEASED: lambda document: event_documents.dump_released(
        parked=event_documents.load_released(document)
    ),
    EventKind.BROUGHT_TO_DATE: lambda document: event_documents.dump_brought_to_date(
        *event_documents.load_brought_to_date(document)
    ),
    EventKind.UNLISTED: lambda document: event_documents.dump_unlisted(*event_documents.load_unlisted(document)),
    EventKind.MISSED: lambda document: misses.dump_missed(misses.load_missed(document)),
    EventKind.IMAGES: lambda document: event_documents.dump_images(*event_documents.load_images(document)),
    EventKind.FORMATTED: lambda document: formatted.dump_formatted(formatted.load_formatted(document)),
    EventKind.REWRITTEN: lambda document: tombstones.dump_rewritten(tombstones.load_rewritten(document)),
    EventKind.FORGOTTEN: lambda document: tombstones.dump_forgotten(tombstones.load_forgotten(document)),
    EventKind.FORGETTING_DONE: lambda document: tombstones.dump_forgetting_done(
        tombstones.load_forgetting_done(document)
    ),
    EventKind.REMOVED: lambda document: tombstones.dump_removed(*tombstones.load_removed(document)),
    EventKind.LEDGER: lambda document: event_documents.dump_ledger(event_documents.load_ledger(document)),
}


def kind_of(data: bytes) -> EventKind:
    version, kind = json.loads(data)
    assert version == "version"
    return EventKind(kind)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_document_is_dumped_to_the_same_bytes(file: Path) -> None:
    data = file.read_bytes()
    kind = kind_of(data)
    assert encode(kind, AGAIN[kind](decode(kind, data))) == data


def test_every_kind_has_a_golden_document() -> None:
    assert {kind_of(file.read_bytes()) for file in FILES} == set(EventKind) == set(AGAIN)


def test_the_golden_fetches_cover_answers_failures_and_carried_texts() -> None:
    fetches = [
        documents.load_fetch(decode("look", file.read_bytes())) for file in FILES if file.stem.startswith("look")
    ]
    assert {(bool(fetch.failure), bool(fetch.pending.entry.content)) for fetch in fetches} == {
        (False, False), (True, False), (False, True),
    }  # fmt: skip
    assert {0, 3} <= {fetch.pending.revision for fetch in fetches}


def restored(document: Any, path: Path) -> dict[str, list[list[Any]]]:
    """The state of all lists after a snapshot was restored."""
    store = Store.open(path)
    try:
        with store.bulk_write():
            store.feeds.restore(event_documents.load_ledger(document))
        return store.feeds.snapshot()
    finally:
        store.close()


def test_a_golden_state_of_all_lists_is_restored(tmp_path: Path) -> None:
    document = decode("ledger", (GOLDEN / "ledger-contained.json").read_bytes())
    tables = restored(document, tmp_path / "index.db")
    assert all(len(rows) > 1 for rows in document.values()), "each table has a row"
    assert tables == document


def test_a_state_that_is_older_than_settled_spans_is_restored(tmp_path: Path) -> None:
    document = decode("ledger", (GOLDEN / "ledger.json").read_bytes())
    tables = restored(document, tmp_path / "index.db")
    for table, (columns, *rows) in document.items():
        names, *found = tables[table]
        assert [[row[names.index(column)] for column in columns] for row in found] == rows
    assert {table for table, rows in tables.items() if len(rows) == 1} == {
        "settled", "lateness", "containments", "unconfirmed",
    }  # fmt: skip


# Older documents, and bad ones


def test_keys_that_older_documents_lack_have_defaults() -> None:
    document = decode("look", (GOLDEN / "look-answered.json").read_bytes())
    whole = documents.load_fetch(document)
    for key in ("keywords", "lids", "content", "symbols", "withdrawn", "foreign"):
        del document["pending"]["entry"][key]
    for key in ("path", "revision"):
        del document["pending"][key]
    del document["rules"]["images"], document["answer"], document["failure"]
    older = documents.load_fetch(document)
    entry = older.pending.entry
    assert (entry.docid, entry.published) == (whole.pending.entry.docid, whole.pending.entry.published)
    assert (entry.keywords, entry.lids, entry.content, entry.symbols) == ((), (), None, ())
    assert (entry.withdrawn, entry.foreign, older.rules.images) == (False, False, False)
    assert (older.pending.path, older.pending.revision, older.failure) == (None, 0, None)


def test_a_fetch_that_is_older_than_rules_has_the_first_one() -> None:
    document = decode("look", (GOLDEN / "look-answered.json").read_bytes())
    older = documents.load_fetch(document)
    assert older.rule == 1
    assert "rule" not in documents.dump_fetch(older)
    newer = documents.dump_fetch(replace(older, rule=DECISION_RULE))
    assert documents.load_fetch(newer).rule == DECISION_RULE > 1


def test_a_clamp_that_is_older_than_kept_delays_keeps_none() -> None:
    document = decode("brought-to-date", next(GOLDEN.glob("brought*")).read_bytes())
    assert event_documents.keeps_delays(document) is False
    limits = event_documents.load_brought_to_date(document)
    newer = event_documents.dump_brought_to_date(*limits, keeps_delays=True)
    assert event_documents.keeps_delays(newer) is True
    assert event_documents.load_brought_to_date(newer) == limits


def test_an_observation_that_is_older_than_moves_says_nothing_of_them() -> None:
    document = decode("sighted", (GOLDEN / "sighted-stretch.json").read_bytes())
    assert event_documents.load_sighted(document).moved
    del document["moved"]
    entry_changes = event_documents.load_sighted(document)
    assert entry_changes.moved is None
    assert event_documents.dump_sighted(entry_changes) == document


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT3600S", timedelta(hours=1)),  # pydantic before 2.10 wrote hours so
        ("P1W", timedelta(days=7)),
        ("P1Y35DT2H0.5S", timedelta(days=400, hours=2, seconds=0.5)),
        ("-P1DT1S", -timedelta(days=1, seconds=1)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations_of_any_iso_form_load(text: str, length: timedelta) -> None:
    rules = {"profile": "sample", "clean": False, "recheck": [text], "least_retry": text}
    assert documents.load_rules(rules) == ArchiveRules(
        "sample", clean=False, recheck=(length,), min_retry_delay=length
    )


WRONG = (None, 5, "x", [], [5], {}, True, 1.5)


def spoilt(document: Any) -> Iterator[Any]:
    """The document with one value of another type, or without one of its keys, for each of them."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield {name: each for name, each in document.items() if name != key}
            yield from ({**document, key: each} for each in (*WRONG, *spoilt(value)))
    elif isinstance(document, list):
        yield from ([*document[:-1], each] for each in WRONG)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_document_raises_only_value_error(file: Path) -> None:
    kind = kind_of(file.read_bytes())
    refused = 0
    for bad in spoilt(decode(kind, file.read_bytes())):
        try:
            AGAIN[kind](bad)
        except ValueError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"version": 1}', b'{"version": 1, "look": null}'])
def test_bytes_without_a_document_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that it is no other error is the point
        decode("look", data)


def test_a_newer_version_is_distinguished_from_a_bad_document() -> None:
    assert decode("look", json.dumps({"version": VERSION + 1, "fetch": {}}).encode()) is None


# Any record

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=3, minutes=30))])
# Of the range that is loaded; test_damaged_records tries others.
TIMES = st.datetimes(datetime(1900, 1, 2), datetime(8999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - ZONES follow
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
LENGTHS = st.timedeltas(timedelta(days=-365_000), timedelta(days=365_000)) | st.integers(0, 10**7).map(
    lambda seconds: timedelta(seconds=seconds)
)
MAYBE = st.none() | TEXTS
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)
PATHS = st.none() | TEXTS.map(lambda text: f"a/{text.replace('/', '_')}.md".replace("\0", ""))


def tuples(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=3).map(tuple)


ENTRIES = st.builds(
    Entry, docid=TEXTS, url=TEXTS, title=TEXTS, published=st.none() | TIMES, modified=st.none() | TIMES,
    entered=st.none() | TIMES, media=MAYBE, image=MAYBE, keywords=tuples(TEXTS), lids=tuples(st.integers()),
    content=MAYBE, symbols=tuples(TEXTS), withdrawn=st.booleans(), foreign=st.booleans(),
    listed_text=MAYBE, is_excerpt=st.booleans(), authors=tuples(TEXTS),
    enclosures=tuples(st.builds(Enclosure, TEXTS, MAYBE)), guid=MAYBE, link=MAYBE, published_text=MAYBE,
    precision=st.sampled_from(Precision), published_note=MAYBE, stock_names=tuples(st.tuples(TEXTS, TEXTS)),
)  # fmt: skip
FAILURES = st.builds(Failure, TEXTS, st.sampled_from(FailureKind), TEXTS)
RULES = st.builds(ArchiveRules, TEXTS, st.booleans(), tuples(LENGTHS), LENGTHS, st.booleans())
PENDING = st.builds(PendingEntry, ENTRIES, TEXTS, tuples(TEXTS), NUMBERS, TIMES, path=PATHS, revision=NUMBERS)
FETCHES = st.builds(
    Fetch, TIMES, PENDING, TEXTS, st.builds(Filing, tuples(TEXTS), TEXTS), RULES, st.none(), st.none() | FAILURES
)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
KEPT = st.builds(StoredImage, TEXTS, TIMES, HASHES, st.sampled_from([*IMAGE_EXTENSIONS]), NUMBERS)
MISSED = st.builds(FailedImage, FAILURES, TIMES, st.none() | TIMES)
SIGHTED = st.builds(
    SightedDocument, TEXTS, st.lists(ENTRIES, max_size=2), st.lists(FAILURES, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2), st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 1)), max_size=2),
    st.none() | tuples(TEXTS),
)  # fmt: skip


@given(
    st.one_of(
        st.tuples(st.just(documents.dump_fetch), st.just(documents.load_fetch), FETCHES),
        st.tuples(st.just(documents.dump_entry), st.just(documents.load_entry), ENTRIES),
        st.tuples(st.just(documents.dump_failure), st.just(documents.load_failure), FAILURES),
        st.tuples(st.just(documents.dump_rules), st.just(documents.load_rules), RULES),
        st.tuples(st.just(documents.dump_stored_image), st.just(documents.load_stored_image), KEPT),
        st.tuples(st.just(documents.dump_failed_image), st.just(documents.load_failed_image), MISSED),
        st.tuples(st.just(event_documents.dump_sighted), st.just(event_documents.load_sighted), SIGHTED),
    )
)
def test_any_record_comes_back_from_its_document(
    case: tuple[Callable[[Any], Any], Callable[[Any], Any], Any],
) -> None:
    dump, load, record = case
    assert load(json.loads(json.dumps(dump(record)))) == record
