"""Values of roll items, in every form that occurs, and in some invalid ones."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from archive.model.feed import Entry, Failure, FailureKind
from tests.crawler.test_roll import ENTRY, ITEM, URL, listing_of

MISSING = object()
TIME = ENTRY.published
WAP = ITEM["wapurl"]


def entry_with(**changed: Any) -> Entry:
    """The entry of the item with some values changed or left out."""
    [entry] = listing_of({key: value for key, value in (ITEM | changed).items() if value is not MISSING}).entries
    return entry


def failure_with(**changed: Any) -> Failure:
    listing = listing_of({key: value for key, value in (ITEM | changed).items() if value is not MISSING})
    assert listing.entries == ()
    [failure] = listing.failures
    return failure


@pytest.mark.parametrize(
    ("ctime", "expected"),
    [
        ("1790733784", TIME), (1790733784, TIME), (1790733784.9, TIME), ("1790733784.5", TIME),
        (" 1790733784 ", TIME),
        (1790733784000, TIME), ("1790733784999", TIME), (MISSING, None), (None, None), ("", None), ("0", None),
        (0, None),
        (-1, None), ("garbage", None), ("2026-09-30", None), ([], None), ({}, None), (True, None), ("nan", None),
        ("inf", None), (float("inf"), None), (float("nan"), None), (10**30, None), (10**400, None),
        ("9" * 5000, None),
        (600_000_000, None),  # 1989: before there was a Sina
    ],
)  # fmt: skip
def test_a_time_comes_in_any_form_or_is_none(ctime: Any, expected: datetime | None) -> None:
    assert entry_with(ctime=ctime, mtime=ctime, intime=ctime).published == expected


@pytest.mark.parametrize(
    ("img", "images", "expected"),
    [
        ({"u": "//a.png"}, [{"u": "//b.png"}], "//a.png"),
        ([], [{"u": "//b.png"}], "//b.png"),
        ({}, [{"u": ""}, {"u": "//c.png"}], "//c.png"),
        (MISSING, MISSING, None),
        (None, None, None),
        ([], [], None),
        ("//a.png", "//b.png", None),
        ({"u": None}, [None, 1, "x", {}], None),
        ([{"u": "//a.png"}], {"u": "//b.png"}, None),
        ({"u": " //a.png\n"}, [], "//a.png"),
    ],
)
def test_a_picture_comes_in_any_form_or_is_none(img: Any, images: Any, expected: str | None) -> None:
    assert entry_with(img=img, images=images).image == expected


@pytest.mark.parametrize(
    ("lids", "expected"),
    [("1686", (1686,)), (1686, (1686,)), ("", ()), (MISSING, ()), (None, ()), (" 1686 , 2509,", (1686, 2509)),
     ([1686, "2509"], (1686, 2509)), ("abc", ()), (1686.0, (1686, 0))],
)  # fmt: skip
def test_lids_come_in_any_form(lids: Any, expected: tuple[int, ...]) -> None:
    assert entry_with(lids=lids).lids == expected


@pytest.mark.parametrize(
    ("docid", "expected"),
    [
        (MISSING, "kzxtest0000001"), (None, "kzxtest0000001"), ("", "kzxtest0000001"), (5, "kzxtest0000001"),
        ("slide:57_1_2", "kzxtest0000001"), ("comos:../../etc", "kzxtest0000001"),
        ("comos:a/b/c/d", "kzxtest0000001"),
        ("kzxother00000", "kzxother00000"), ("comos:kzxother00000", "kzxother00000"),
    ],
)  # fmt: skip
def test_an_invalid_docid_is_replaced_by_that_of_the_url(docid: Any, expected: str) -> None:
    assert entry_with(docid=docid).docid == expected


@pytest.mark.parametrize(
    ("url", "urls", "wapurl", "expected"),
    [
        (URL, "[]", WAP, URL),
        (MISSING, json.dumps(["x", WAP, URL]), "", WAP),
        ("", [URL], "", URL),
        ("javascript:x", "{broken", WAP, WAP),
        ("file:///etc/passwd", None, WAP, WAP),
        (None, {"a": URL}, WAP, WAP),
        ("", '"text"', WAP, WAP),
        (7, MISSING, WAP, WAP),
        (f" {URL}\n", MISSING, MISSING, URL),
    ],
)
def test_an_address_is_the_first_usable_one(url: Any, urls: Any, wapurl: Any, expected: str) -> None:
    assert entry_with(url=url, urls=urls, wapurl=wapurl).url == expected


@pytest.mark.parametrize(
    "url", [MISSING, None, "", 5, [], {}, "/relative", "ftp://a.cn/", "data:,", "http://", "x\ny"]
)
def test_an_item_without_a_usable_address_is_a_failure_of_its_docid(url: Any) -> None:
    failure = failure_with(url=url, urls=MISSING, wapurl=MISSING)
    assert (failure.subject, failure.kind) == ("kzxtest0000001", FailureKind.UNREADABLE)
    assert failure.reason.startswith("item 1 of list china: no usable address")
    assert "\n" not in failure.reason


def test_an_unreadable_item_without_a_docid_has_the_same_subject_in_every_poll() -> None:
    item = {"title": "无地址", "ctime": "1"}
    subjects = {listing_of(item).failures[0].subject, listing_of(ITEM, item).failures[0].subject}
    assert len(subjects) == 1
    assert subjects != {listing_of({"title": "另一条"}).failures[0].subject}


@pytest.mark.parametrize(
    ("title", "expected"),
    [("整 题：“全”?", "整 题：“全”?"), (None, ""), (MISSING, ""), (12, "12"), ("\ud83d", "\ufffd"),
     ("\ud83d\ude00", "😀"), ("a\ude00b", "a\ufffdb"), ("两\n行", "两\n行")],
)  # fmt: skip
def test_a_title_is_kept_whole_in_what_utf_8_can_hold(title: Any, expected: str) -> None:
    assert entry_with(title=title).title == expected


@pytest.mark.parametrize(
    ("media", "expected"), [("", None), (None, None), (MISSING, None), (" 样例\n社 ", "样例 社")]
)
def test_a_missing_medium_is_none(media: Any, expected: str | None) -> None:
    assert entry_with(media_name=media).media == expected


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [("", ()), (None, ()), (MISSING, ()), (",,a,", ("a",)), ("一，二,三", ("一", "二", "三"))],
)
def test_keywords_are_split_at_either_comma(keywords: Any, expected: tuple[str, ...]) -> None:
    assert entry_with(keywords=keywords).keywords == expected


def test_keywords_are_trimmed() -> None:
    assert entry_with(keywords="美股, 财经, ,AI").keywords == ("美股", "财经", "AI")


@pytest.mark.parametrize("broken", [None, 5, "text", [], [1], {}, {"url": {}}, True])
def test_one_broken_item_costs_none_of_the_other_forty_nine(broken: Any) -> None:
    items: list[Any] = [ITEM | {"docid": f"comos:kzxtest{number:07}"} for number in range(50)]
    items[17] = broken
    listing = listing_of(*items)
    assert len(listing.entries) == 49
    [failure] = listing.failures
    assert "item 18 " in failure.reason


def test_deeply_nested_addresses_fail_that_item_only() -> None:
    assert failure_with(url="", urls="[" * 5000, wapurl="").kind is FailureKind.UNREADABLE
