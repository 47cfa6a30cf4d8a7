"""Which articles tell the same story, and who published it first, now and as it was known then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.model.article import Revision
from archive.model.feed import Entry, Filing, Poll
from archive.store import Store
from mocksite.server import MockSite
from tests.conftest import Home
from tests.support.fetches import commit_revisions

BEGAN = datetime(2026, 9, 29, 2, tzinfo=UTC)
EVER = datetime(2099, 1, 1, tzinfo=UTC)


def hours(number: float) -> datetime:
    return BEGAN + timedelta(hours=number)


def list_(store: Store, docid: str, seen: datetime) -> None:
    entry = Entry(docid, f"https://a.cn/{docid}", docid, BEGAN, None, None, None, None)
    poll = Poll("china", seen, 1, (entry,), (), caught_up=True)
    store.listings.commit_poll(poll, Filing(("金融",), "金融"), {docid: ["china"]}, {docid: "a.cn"})


def archive(store: Store, docid: str, at: datetime, story: str, **more: Any) -> None:
    path, medium = f"金融/{docid}.md", f"社{docid}"
    first = Revision(docid, 1, path, "0" * 64, f"题{docid}", BEGAN, at, media=medium, fingerprint="f", story=story)
    commit_revisions(store, [replace(first, **more)])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def docids(store: Store, docid: str, time: datetime = EVER) -> list[str]:
    return [each["docid"] for each in store.history.same_story(docid, time)]


def test_the_first_to_publish_comes_first_then_the_first_seen_then_by_docid(store: Store) -> None:
    for docid, seen, published in (
        ("late", 0, 3), ("seen2", 2, 1), ("seen1b", 1, 1), ("seen1a", 1, 1), ("early", 3, 0), ("other", 0, 0),
    ):  # fmt: skip
        list_(store, docid, hours(seen))
        archive(store, docid, hours(4), "another" if docid == "other" else "s", published=hours(published))
    expected = ["early", "seen1a", "seen1b", "seen2", "late"]
    assert all(docids(store, docid) == expected for docid in expected)
    assert docids(store, "other") == []
    first, second, *_ = store.history.same_story("late", EVER)
    assert first == {
        "docid": "early", "title": "题early", "path": "金融/early.md", "published": "2026-09-29T02:00:00.000+00:00",
        "media": "社early", "first": True, "first_seen": "2026-09-29T05:00:00.000+00:00", "seen_first": False,
    }  # fmt: skip
    assert second["first"] is False


def test_the_first_seen_is_named_beside_the_first_published(store: Store) -> None:
    for docid, seen, published in (("early", 3, 0), ("seen1a", 1, 1), ("seen1b", 1, 1), ("late", 2, 3)):
        list_(store, docid, hours(seen))
        archive(store, docid, hours(4), "s", published=hours(published))
    copies = {each["docid"]: each for each in store.history.same_story("late", EVER)}
    assert [docid for docid, each in copies.items() if each["first"]] == ["early"]
    assert [docid for docid, each in copies.items() if each["seen_first"]] == ["seen1a", "seen1b"], "in one poll"
    assert copies["early"]["first_seen"] == hours(3).isoformat(timespec="milliseconds")


def test_a_copy_that_is_seen_later_changes_nothing_of_what_was_known_before(store: Store) -> None:
    for docid, seen in (("a", 0), ("b", 1), ("c", 5)):
        list_(store, docid, hours(seen))
        archive(store, docid, hours(6 if docid == "c" else 2), "s", published=hours(-1 if docid == "c" else 0))
    then = {each["docid"]: (each["first"], each["seen_first"]) for each in store.history.same_story("a", hours(3))}
    now = {each["docid"]: (each["first"], each["seen_first"]) for each in store.history.same_story("a", EVER)}
    assert then == {"a": (True, True), "b": (False, False)}
    assert now == {"c": (True, False), "a": (False, True), "b": (False, False)}


def test_the_newest_version_counts_and_of_a_time_the_newest_of_then(store: Store) -> None:
    for docid in ("a", "b"):
        list_(store, docid, BEGAN)
    archive(store, "a", hours(1), "s")
    archive(store, "b", hours(2), "s")
    archive(store, "b", hours(3), "rewritten", number=2)
    assert docids(store, "a") == docids(store, "b") == []
    assert docids(store, "a", hours(1.5)) == [], "the other was not known yet"
    assert docids(store, "a", hours(2)) == docids(store, "b", hours(2.9)) == ["a", "b"]
    archive(store, "a", hours(4), "rewritten", number=2)
    assert docids(store, "b") == ["a", "b"]
    assert docids(store, "b", hours(3.5)) == []


def test_texts_that_are_too_short_are_no_story(store: Store) -> None:
    for docid in ("a", "b"):
        list_(store, docid, BEGAN)
        archive(store, docid, hours(1), "")
    assert docids(store, "a") == []
    assert docids(store, "unknown") == []


def test_the_query_needs_no_scan(store: Store) -> None:
    from archive.search import history

    plan = store._db.execute(
        f"EXPLAIN QUERY PLAN {history._SELECT_SAME_STORY}", {"story": "a", "now": "x"}
    ).fetchall()
    assert [row["detail"] for row in plan if row["detail"].startswith("SCAN")] == []
    assert any("revisions_story" in row["detail"] for row in plan)


def test_show_reports_it(home: Home) -> None:
    with Archive(home.root, "test", BEGAN) as opened:
        for docid in ("aaaa", "bbbb", "cccc"):
            list_(opened.store, docid, BEGAN)
        archive(opened.store, "aaaa", hours(1), "s", published=hours(0.5))
        archive(opened.store, "bbbb", hours(2), "s")
    line = "same story  2 docids, first 社bbbb bbbb at 2026-09-29 10:00:00+08:00\n"
    assert line in home.run("show", "aaaa").out
    assert line in home.run("show", "bbbb").out
    found = home.run("show", "aaaa", "--json").json["same_story"]
    assert [(each["docid"], each["first"]) for each in found] == [("bbbb", True), ("aaaa", False)]
    then = hours(1.5).isoformat()
    assert home.run("show", "aaaa", "--json", "--as-of", then).json["same_story"] == []
    assert "same story" not in home.run("show", "aaaa", "--as-of", then).out
    assert home.run("show", "cccc", "--json").json["same_story"] == []


@pytest.mark.slow
def test_a_republished_story_is_found(home: Home, mocksite: MockSite) -> None:
    """By the whole way from a page to `show`."""
    home.configure(mocksite.endpoint)
    one, other = mocksite.site.stories[0].docid, mocksite.site.stories[1].docid
    text = "".join(f"<p>　　第{n}段，讲的是同一件事，增长{n}.{n}%。</p>" for n in range(9))
    mocksite.site.edit(one, mocksite.clock - 9, title="各地报道的同一件事|快讯", body=f"{text}<p>责任编辑：甲</p>")
    mocksite.site.edit(
        other, mocksite.clock - 9, title="各地报道的同一件事", body=f"<p>某某社9月28日电 {text[5:]}<p>（完）</p>"
    )
    assert home.run("crawl").status == 0
    found = home.run("show", one, "--json").json["same_story"]
    assert {each["docid"] for each in found} == {one, other}
    assert [each["docid"] for each in found if each["first"]] == [other], (
        "the mock site's stories are in descending order of time"
    )
