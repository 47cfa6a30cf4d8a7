"""Changes of articles: what counts as one, in which order they come, and which of them a query finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.diff.changes import MAX_COMPARED, change_document, short_diff
from archive.model.errors import QueryError
from archive.model.feed import Failure, FailureKind, Unlisting
from archive.model.fetch import FactsChange, Outcome
from archive.model.results import ArticleChange, ChangeKind
from archive.query.parser import And, parse
from archive.search import changes as changes_module
from archive.store import Store
from tests.support.fetches import again, failed, version
from tests.support.search_data import NOW, Story, put, revision_of

HOUR = timedelta(hours=1)
ALL = And(())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def edit(store: Store, number: int, title: str, text: str, docid: str = "aaaa") -> None:
    put(store, [Story(docid, title, text, "样例社", ("sh600519",))], NOW + number * HOUR, number)


def observe(store: Store, outcome: Outcome, hours: float, target: str | None = None, docid: str = "aaaa") -> None:
    """Record that a fetch of an archived article found it like this."""
    failure = Failure(docid, FailureKind.GONE, "status 404")
    decision = again(failed(failure, NOW + hours * HOUR, None))
    if outcome is Outcome.SAME:
        decision = again(version(revision_of(Story(docid, "题", "文"), NOW + hours * HOUR)))
        decision = replace(decision, revision=None)
    store.articles.commit([replace(decision, outcome=outcome, moved_to=target)], [None])


def kinds(changes: Sequence[ArticleChange]) -> list[str]:
    return [str(change.kind) for change in changes]


def found(store: Store, query: str = "", **options: object) -> list[ArticleChange]:
    page = store.changes.find(parse(query) if query else ALL, 100, **options)  # type: ignore[arg-type]
    return list(page.changes)


def test_an_edit_a_retitling_and_both_are_told_apart(store: Store) -> None:
    edit(store, 1, "营收增长", "前三季度增长4.8%。")
    edit(store, 2, "营收增长", "前三季度增长4.9%。")
    edit(store, 3, "营收大增", "前三季度  增长4.9%。")  # white space is no edit
    edit(store, 4, "营收骤降", "前三季度下降4.9%。")

    assert [(str(each.kind), each.before, each.after) for each in found(store)] == [
        ("retitled", "营收大增", "营收骤降"),
        ("revised", 3, 4),
        ("retitled", "营收增长", "营收大增"),
        ("revised", 1, 2),
    ]
    document = change_document(store, found(store)[-1])
    assert document == {
        "docid": "aaaa", "title": "营收增长", "path": "a/aaaa.md", "at": "2026-09-30T04:00:00.000+00:00",
        "kind": "revised", "from": 1, "to": 2, "evidence": "前三季度增长[-4.8%-]{+4.9%+}。",
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_changes_of_one_kind_are_those_among_all(store: Store, kind: ChangeKind) -> None:
    edit(store, 1, "营收增长", "前三季度增长4.8%。")
    observe(store, Outcome.GONE, 1.5)
    edit(store, 2, "营收大增", "前三季度增长4.9%。")  # it is back, with another title and text
    observe(store, Outcome.GONE, 4)
    observe(store, Outcome.SAME, 5)
    observe(store, Outcome.MOVED, 6, "bbbb")
    everything = found(store)
    assert {"gone", "returned", "revised", "retitled", "moved"} <= set(kinds(everything))
    assert found(store, kinds=[kind]) == [each for each in everything if each.kind is kind]


def test_only_the_first_of_several_fetches_that_find_it_gone_is_a_change(store: Store) -> None:
    edit(store, 1, "题", "文")
    for hours, outcome in (
        (2, Outcome.GONE),
        (3, Outcome.FAILED),
        (4, Outcome.GONE),
        (5, Outcome.SAME),
        (6, Outcome.GONE),
    ):
        observe(store, outcome, hours)

    changes = found(store)
    assert kinds(changes) == ["gone", "returned", "gone"]
    assert [each.at for each in changes] == [NOW + 6 * HOUR, NOW + 5 * HOUR, NOW + 2 * HOUR]
    assert (changes[0].before, changes[0].evidence, changes[1].after) == (1, "status 404", 1)


def test_only_the_first_fetch_that_finds_it_moved_to_an_article_is_a_change(store: Store) -> None:
    edit(store, 1, "题", "文")
    for hours, target in ((2, "x"), (3, "x"), (4, "y"), (5, "y")):
        observe(store, Outcome.MOVED, hours, target)
    observe(store, Outcome.SAME, 6)
    observe(store, Outcome.MOVED, 7, "y")

    assert [(str(each.kind), each.after) for each in found(store)] == [("moved", "y"), ("moved", "y"), ("moved", "x")]


def test_an_article_that_never_was_archived_does_not_change(store: Store) -> None:
    store.articles.commit([failed(Failure("none", FailureKind.GONE, "status 404"), NOW, None)], [None])

    assert found(store) == []


def test_changes_of_facts_and_of_lists_are_changes(store: Store) -> None:
    edit(store, 1, "题", "文")
    facts = FactsChange(1, {"media": ("样例社", "新社")}, None, "新社", (), ("sh600519",))
    at = NOW + 2 * HOUR
    fetch = replace(
        version(revision_of(Story("aaaa", "题", "文"), at)), outcome=Outcome.SAME, revision=None, facts=facts
    )
    store.articles.commit([again(fetch)], [None])
    store.unlisted.record("china", [Unlisting("aaaa", "n", "o")], [], NOW + 3 * HOUR)
    store.unlisted.record("china", [], ["aaaa"], NOW + 5 * HOUR)

    unlisted, changed = found(store)
    assert (unlisted.kind, unlisted.before, unlisted.evidence) == (
        "unlisted", "china", "back in the list at 2026-09-30T07:00:00.000+00:00",
    )  # fmt: skip
    assert (changed.kind, changed.before, changed.after, changed.media) == (
        "facts", {"media": "样例社"}, {"media": "新社"}, "新社",
    )  # fmt: skip
    [unlisted, _] = found(store, time=NOW + 4 * HOUR)
    assert unlisted.evidence is None  # it was not back yet


def test_a_query_matches_the_version_before_or_after_a_change(store: Store) -> None:
    edit(store, 1, "题一", "传闻称将分红。")
    edit(store, 2, "题一", "此文已更正。")
    edit(store, 1, "别的", "别的文字。", "bbbb")
    edit(store, 3, "别的", "别的文字改了。", "bbbb")

    assert [each.docid for each in found(store)] == ["bbbb", "aaaa"]
    for query, docids in (
        ("分红", ["aaaa"]), ("更正", ["aaaa"]), ("文字", ["bbbb"]), ("文", ["bbbb", "aaaa"]), ("NOT 文字", ["aaaa"]),
        ("symbol:sh600519", ["bbbb", "aaaa"]), ("feed:china", ["bbbb", "aaaa"]), ("feed:stock", []),
        ("since:2026-09-30 until:2026-09-30", ["bbbb", "aaaa"]), ("until:2026-09-29", []),
        ("分红 OR 文字", ["bbbb", "aaaa"]),
        ("feed:china OR 文字", ["bbbb", "aaaa"]), ("media:样例社 更正", ["aaaa"]),
    ):  # fmt: skip
        assert [each.docid for each in found(store, query)] == docids, query


def test_a_span_of_time_and_kinds_restrict_the_changes(store: Store) -> None:
    for number in range(1, 5):
        edit(store, number, f"题{number}", f"文{number}")
    observe(store, Outcome.GONE, 5)

    assert kinds(found(store, since=NOW + 4 * HOUR)) == ["gone", "retitled", "revised"]
    assert kinds(found(store, since=NOW + 3 * HOUR, time=NOW + 4 * HOUR - timedelta(milliseconds=1))) == [
        "retitled", "revised",
    ]  # fmt: skip
    assert kinds(found(store, kinds=[ChangeKind.GONE])) == ["gone"]


def test_cursors_lead_through_all_changes_once_however_many_have_one_time(store: Store) -> None:
    docids = [f"doc{number}" for number in range(7)]
    stories = [Story(docid, "题", "文") for docid in docids]
    put(store, stories, NOW)
    put(store, [replace(each, text="改了") for each in stories], NOW + HOUR, 2)
    store.unlisted.record("china", [Unlisting(docid, "n", "o") for docid in docids], [], NOW + HOUR)
    everything = found(store)
    assert len(everything) == 14

    seen: list[ArticleChange] = []
    cursor = None
    for _ in range(20):
        page = store.changes.find(ALL, 1, cursor=cursor)
        seen += page.changes
        cursor = page.next
        if cursor is None:
            break
    assert seen == everything
    assert store.changes.find(ALL, 100, cursor=everything[4].cursor).changes == tuple(everything[5:])


@pytest.mark.parametrize("cursor", ["", "x", "2026-09-30_0_1_2", "2026-09-30T00:00:00Z_0_-1", "9" * 5000, "0_0_0"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    if cursor:
        with pytest.raises(QueryError):
            store.changes.find(ALL, 1, cursor=cursor)
    else:
        assert store.changes.find(ALL, 1, cursor=cursor).changes == ()


def test_a_page_reads_a_limited_number_of_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "MAX_SCANNED", 4)
    monkeypatch.setattr(changes_module, "_BATCH", 2)
    edit(store, 1, "题", "要找的")
    edit(store, 2, "题", "要找的词")
    stories = [Story(f"doc{number}", "题", "文") for number in range(6)]
    put(store, stories, NOW)
    put(store, [replace(each, text="改了") for each in stories], NOW + 3 * HOUR, 2)

    first = store.changes.find(parse("要找的"), 10)
    assert (first.changes, first.next is None) == ((), False)
    assert kinds(store.changes.find(parse("要找的"), 10, cursor=first.next).changes) == ["revised"]


def test_changes_are_read_by_their_indexes(store: Store, tmp_path: Path) -> None:
    """A page of changes must not read the million fetches that found nothing new."""
    with sqlite3.connect(tmp_path / "index.db") as connection:
        place = {"at": "9", "source": 3, "id": 0, "since": "", "limit": 9, "number": 0}
        for statement, index in zip(
            changes_module.SOURCES, ("observations_changes", "facts_at", "unlisted_at"), strict=True
        ):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", place)]
            assert any(f"USING INDEX {index} " in line for line in plan), plan
            assert not any("SCAN" in line or "TEMP B-TREE" in line for line in plan if " p " not in line), plan
    connection.close()


def test_a_long_text_and_an_image_have_no_short_diff(store: Store) -> None:
    edit(store, 1, "题", "长" * (MAX_COMPARED // 2))
    edit(store, 2, "题", "长" * (MAX_COMPARED // 2) + "了")
    store.articles.commit(
        [version(replace(revision_of(Story("aaaa", "题", ""), NOW + 3 * HOUR), number=3), "长" * 9)], [None]
    )
    store.articles.commit(
        [version(replace(revision_of(Story("aaaa", "题", ""), NOW + 4 * HOUR), number=4), "长" * 9)], [None]
    )

    image, _, long = found(store)
    assert short_diff(store, image) == short_diff(store, long) == ()
    assert change_document(store, image)["evidence"] is None


def test_a_short_diff_is_short(store: Store) -> None:
    old = "".join(f"第{number}句没有变，数字是{number}。" for number in range(400))
    edit(store, 1, "题", old)
    edit(store, 2, "题", old.replace("没有变", "变了"))

    evidence = change_document(store, found(store)[0])["evidence"]
    assert evidence.startswith("第0句[-没有变-]{+变了+}，数字是0。")
    assert evidence.endswith("…")
    assert len(evidence) < 600
