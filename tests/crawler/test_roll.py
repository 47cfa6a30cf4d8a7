"""The roll list: every form of its responses, and invalid responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.feed import Entry, Listing, Span
from config.model import ROLL_ENDPOINT, Feed
from crawler.errors import ListingError
from crawler.listings.registry import READERS
from crawler.listings.roll import history_url, page_url, read
from tests.support.examples import examples

AT = datetime(2026, 9, 29, tzinfo=UTC)

FEED = Feed(id="china", kind="roll", categories=("金融", "新浪财经"), lid=1686, pageid=155)
URL = "https://finance.sina.com.cn/china/2026-09-30/doc-ikzxtest0000001.shtml"
ITEM: dict[str, Any] = {
    "docid": "comos:kzxtest0000001",
    "oid": "895754956",
    "url": URL,
    "urls": json.dumps([URL]),
    "wapurl": "https://finance.sina.cn/2026-09-30/detail-ikzxtest0000001.d.html",
    "title": "样例银行上调利率",
    "media_name": "样例晨报",
    "keywords": "存款,利率，银行",
    "lids": "295,1686,2509",
    "ctime": "1790733784",
    "mtime": "1790733790",
    "intime": "1790733800",
    "img": {"u": "//n.sinaimg.cn/img.png", "w": 550, "h": 315, "t": ""},
    "images": [{"u": "//n.sinaimg.cn/images.png", "w": "550", "h": "315", "t": ""}],
}
ENTRY = Entry(
    docid="kzxtest0000001",
    url=URL,
    title="样例银行上调利率",
    published=datetime(2026, 9, 30, 2, 3, 4, tzinfo=UTC),
    modified=datetime(2026, 9, 30, 2, 3, 10, tzinfo=UTC),
    entered=datetime(2026, 9, 30, 2, 3, 20, tzinfo=UTC),
    media="样例晨报",
    image="//n.sinaimg.cn/img.png",
    keywords=("存款", "利率", "银行"),
    lids=(295, 1686, 2509),
)


def response(*items: Any, **result: Any) -> str:
    status = {"status": {"code": 0, "msg": "succ"}, "total": 1, "data": list(items)}
    return json.dumps({"result": status | result})


def listing_of(*items: Any, **result: Any) -> Listing:
    return read(response(*items, **result).encode(), "application/json", FEED, AT)


def test_an_item_gives_its_entry() -> None:
    assert listing_of(ITEM) == Listing((ENTRY,), total=1)


def test_items_keep_their_order() -> None:
    items = [ITEM | {"docid": f"comos:kzxtest{number:07}"} for number in range(50)]
    assert [entry.docid for entry in listing_of(*items).entries] == [item["docid"][6:] for item in items]


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "try{{fn({});}}catch(e){{}};",
        "fn({});",
        "fn({})",
        "jQuery111_222({});",
        "window.cb.x({})",
        "\ufeff try {{ a.b$c( {} ) ; }} catch ( e ) {{ }} ; \n",
        "try{{fn({});}}catch(e){{console.log(e)}};",
        "/*<script>location.href='//sina.com';</script>*/\ncb({});",
        "/**/cb({});",
        "// guard\n/* and another */ cb({}) // end",
        "/**/ typeof cb === 'function' && cb({});",
        "typeof(cb)==='function'&&cb({});",
        "cb && cb({});",
        "window.cb && window.cb({});",
        "cb['a']({});",
        "var x = {};",
        "window.data={}",
        "({})",
        "for(;;);{}",
        ")]}}',\n{}",
        "{} /* 12 ms */",
    ],
)
def test_json_and_jsonp_are_read_alike(wrapped: str) -> None:
    assert read(wrapped.format(response(ITEM)).encode(), "text/javascript", FEED, AT).entries == (ENTRY,)


def test_a_title_with_the_marks_of_jsonp_is_no_jsonp() -> None:
    title = "fn({});}catch(e){};"
    assert (
        read(f"try{{f({response(ITEM | {'title': title})});}}catch(e){{}};".encode(), "", FEED, AT).entries[0].title
        == title
    )


def test_an_answer_in_gbk_is_read() -> None:
    body = json.dumps({"result": {"data": [ITEM]}}, ensure_ascii=False).encode("gbk")
    assert read(body, "application/json; charset=gbk", FEED, AT).entries == (ENTRY,)


def test_the_real_list_is_read_completely(shared: Path) -> None:
    body = (shared / "realdata/lists/roll-2026-09-29.json").read_bytes()
    items = json.loads(body)["result"]["data"]
    listing = read(body, "application/json", FEED, AT)
    assert listing.failures == ()
    assert [f"comos:{entry.docid}" for entry in listing.entries] == [item["docid"] for item in items]
    for entry, item in zip(listing.entries, items, strict=True):
        assert (entry.url, entry.title, entry.media) == (item["url"], item["title"], item["media_name"] or None)
        times = (entry.published, entry.modified, entry.entered)
        assert [str(int(t.timestamp())) for t in times if t] == [item["ctime"], item["mtime"], item["intime"]]
        assert ",".join(map(str, entry.lids)) == item["lids"]
        pictures = [*([item["img"]] if item["img"] else []), *item["images"]]
        assert entry.image == (pictures[0]["u"] if pictures else None)


# Answers


@pytest.mark.parametrize("data", [[], {}, None])
def test_a_list_without_items_is_empty(data: Any) -> None:
    assert listing_of(data=data) == Listing((), total=1)


def test_items_in_an_object_are_read_too() -> None:
    assert listing_of(data={"0": ITEM, "1": 5}).entries == (ENTRY,)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "^the answer is empty$"),
        (b" \n ", "^the answer is empty$"),
        (b"<html><title>403</title>", "^the answer is HTML, not JSON$"),
        ("\ufeff<!DOCTYPE html>".encode(), "^the answer is HTML"),
        (b"not json", "^the answer is not JSON: "),
        (b'{"result": {"data": [', "^the answer is not JSON: "),
        (b"fn({broken);", "^the answer is not JSON: "),
        (b'{"result": {}} {"result": {}}', "^the answer is not JSON: it goes on with "),
        (b'fn({"result": {}}, 1);', "^the answer is not JSON: it goes on with "),
        (b"/* only a comment */", "^the answer is empty$"),
        (b"/* unfinished", "^the answer is empty$"),
        (b"\x00\xff\xfe\x80", "^the answer "),
        (b"[]", "^the answer has no result$"),
        (b"null", "^the answer has no result$"),
        (b"{}", "^the answer has no result$"),
        (b'{"result": null}', "^the answer has no result$"),
        (b'{"result": []}', "^the answer has no result$"),
        (
            b'{"result": {"status": {"code": 11, "msg": "no\\n lid"}, "data": []}}',
            "^the answer reports error 11: no lid$",
        ),
        (b'{"result": {"status": {"code": "-1"}}}', "^the answer reports error -1: $"),
        (b'{"result": {"data": "text"}}', "^the answer's data is str, not a list$"),
        (b'{"result": {"data": 7}}', "^the answer's data is int, not a list$"),
        (b"[" * 100_000, "^the answer is JSON with too many levels$"),
        (b'{"result": {"data": [' + b"[" * 100_000, "^the answer is JSON with too many levels$"),
    ],
)
def test_what_is_no_list_is_reported_in_words(body: bytes, words: str) -> None:
    with pytest.raises(ListingError, match=words):
        read(body, "application/json", FEED, AT)


@pytest.mark.parametrize("code", [0, "0", None, ""])
def test_a_code_of_zero_is_no_error(code: Any) -> None:
    assert listing_of(ITEM, status={"code": code}).entries == (ENTRY,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ITEMS = JSON | st.dictionaries(st.sampled_from(sorted(ITEM)), JSON | st.sampled_from(list(ITEM.values())))


@settings(max_examples=examples(300), deadline=None)
@given(items=st.lists(ITEMS, max_size=3))
def test_any_item_is_an_entry_or_a_failure(items: list[Any]) -> None:
    listing = listing_of(*items)
    assert len(listing.entries) + len(listing.failures) == len(items)
    for entry in listing.entries:
        assert entry.docid.isalnum()
        entry.title.encode()
    for failure in listing.failures:
        assert failure.subject.isalnum()
        failure.reason.encode()


@settings(max_examples=examples(200), deadline=None)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps({"result": value}).encode()))
def test_any_answer_is_a_list_or_none(body: bytes) -> None:
    try:
        assert isinstance(read(body, "", FEED, AT), Listing)
    except ListingError as error:
        assert str(error).startswith("the answer")  # noqa: PT017 - a list is fine, too


# Addresses of pages


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def test_a_pages_address_names_list_size_and_page() -> None:
    url = page_url(FEED, 3)
    assert url.startswith(f"{ROLL_ENDPOINT}?")
    assert query_of(url) == {"pageid": "155", "lid": "1686", "num": "50", "page": "3"}
    assert READERS["roll"].page_url(FEED, 3) == url


def test_a_pages_address_keeps_the_endpoints_own_query() -> None:
    feed = Feed(id="a", kind="roll", categories=("a",), lid=5, endpoint="http://h:81/api?k=%E9%93%B6&empty=&page=9")
    url = page_url(feed, 1)
    assert url.startswith("http://h:81/api?")
    assert query_of(url) == {"k": "银", "empty": "", "lid": "5", "num": "50", "page": "1"}


def test_a_pages_address_keeps_a_name_that_the_endpoint_repeats() -> None:
    feed = Feed(id="a", kind="roll", categories=("a",), lid=5, endpoint="http://h/api?tag=1&tag=2")
    assert parse_qsl(urlsplit(page_url(feed, 1)).query)[:2] == [("tag", "1"), ("tag", "2")]


def test_a_page_can_be_requested_in_another_size() -> None:
    assert query_of(page_url(FEED, 3, 47)) == {"pageid": "155", "lid": "1686", "num": "47", "page": "3"}


def test_a_span_of_history_is_requested_with_swapped_parameter_names() -> None:
    start = datetime(2026, 9, 30, 2, 0, 0, 700_000, tzinfo=UTC)
    url = history_url(FEED, 2, Span(start, start.replace(minute=5)), 48)
    assert url.startswith(f"{ROLL_ENDPOINT}?")
    assert query_of(url) == {
        "pageid": "155",
        "lid": "1686",
        "etime": "1790733600",
        "stime": "1790733901",
        "ctime": "1790733901",
        "num": "48",
        "page": "2",
    }
    assert READERS["roll"].history_url is history_url
