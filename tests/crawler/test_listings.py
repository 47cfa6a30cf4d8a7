"""Every kind of list: a handwritten page in the form of real ones, and the expected result."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from archive.journal.documents import dump_entry, dump_failure
from archive.model.feed import Listing
from config.model import Feed, FeedKind
from crawler.errors import CrawlerError, GoneError, ListingError
from crawler.listings.registry import READERS

AT = datetime(2026, 10, 1, tzinfo=UTC)

LISTS = Path(__file__).parents[1] / "lists"
PAGES = sorted(path for path in LISTS.iterdir() if ".expected" not in path.suffixes)
ENDPOINTS = {
    "roll": "https://feed.mix.sina.com.cn/api/roll/get",
    "live": "https://zhibo.sina.com.cn/api/zhibo/feed",
    "column": "https://finance.sina.com.cn/roll/c/56589.shtml",
    "usstock": "https://interface.sina.cn/pc_api/public_news_data.d.json",
    "rss": "https://news.example/feed.xml",
    "sitemap": "https://news.example/sitemap.xml",
}
ONE_PAGE = ("column", "usstock", "rss", "sitemap")


def feed_of(kind: str) -> Feed:
    return Feed(id="sample", kind=kind, categories=("金融",), endpoint=ENDPOINTS[kind], lid=1686)  # type: ignore[arg-type]


def read(kind: str, body: bytes, content_type: str = "") -> Listing:
    return READERS[kind].read(body, content_type, feed_of(kind), AT)


def without_defaults(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value not in (None, [], False)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_of_each_kind_gives_the_record_beside_it(page: Path) -> None:
    listing = read(page.stem.partition("-")[0], page.read_bytes())
    found = {
        "entries": [without_defaults(dump_entry(entry)) for entry in listing.entries],
        "failures": [dump_failure(failure) for failure in listing.failures],
    }
    assert found == json.loads((LISTS / f"{page.stem}.expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
@pytest.mark.parametrize("stated", ["gbk", "big5", "iso-8859-1"])
def test_a_list_in_utf_8_is_read_as_utf_8_whatever_its_header_states(page: Path, stated: str) -> None:
    kind, body = page.stem.partition("-")[0], page.read_bytes()
    assert read(kind, body, f"text/html; charset={stated}") == read(kind, body)


@pytest.mark.parametrize("stated", ["utf-8", "gbk"])
def test_one_broken_byte_breaks_one_character_of_a_feed(stated: str) -> None:
    items = [f"<item><title>央行降准{n}</title><link>https://a.cn/{n}</link></item>" for n in range(3)]
    feed = f'<?xml version="1.0" encoding="{stated}"?><rss version="2.0"><channel>{"".join(items)}</channel></rss>'
    body = feed.encode().replace("准1".encode(), b"\xe5\x87")
    titles = [entry.title for entry in read("rss", body, f"application/xml; charset={stated}").entries]
    assert titles == ["央行降准0", "央行降\ufffd", "央行降准2"]


def test_a_feed_in_another_charset_is_read_in_it() -> None:
    for charset, title in (("gbk", "央行降准"), ("iso-8859-1", "Nestlé refuse"), ("windows-1251", "Привет, мир")):
        item = f"<item><title>{title}</title><link>https://a.cn/1</link></item>"
        feed = f'<?xml version="1.0" encoding="{charset}"?><rss version="2.0"><channel>{item}</channel></rss>'
        [entry] = read("rss", feed.encode(charset)).entries
        assert entry.title == title


def test_every_kind_that_can_be_configured_has_a_reader_and_a_page() -> None:
    assert set(get_args(FeedKind)) == READERS.keys() == {page.stem.partition("-")[0] for page in PAGES}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("body", [b"", b"<html><title>502</title></html>", b'{"error": 1}', b"[]", b"\xff\xfe\x00"])
def test_what_is_no_list_says_so(kind: str, body: bytes) -> None:
    with pytest.raises(ListingError):
        read(kind, body)


@pytest.mark.parametrize("kind", READERS)
def test_a_page_truncated_anywhere_is_parsed_or_refused(kind: str) -> None:
    body = next(page for page in PAGES if page.stem == kind).read_bytes()
    for end in range(0, len(body), 41):
        try:
            read(kind, body[:end])
        except CrawlerError:
            continue


@pytest.mark.parametrize("kind", READERS)
def test_the_essence_of_a_list_changes_with_its_items_only(kind: str) -> None:
    body = next(page for page in PAGES if page.stem == kind).read_bytes()
    essence = READERS[kind].essence
    dated = body.replace(b":05:00", b":06:01").replace(b'"cache":0', b'"cache":1')
    assert essence(dated) == essence(body)
    title = json.loads((LISTS / f"{kind}.expected.json").read_text(encoding="utf-8"))["entries"][1]["title"]
    escaped = json.dumps(title)[1:-1].encode()
    assert essence(body.replace(title.encode(), b"X").replace(escaped, b"X")) != essence(body)


@pytest.mark.parametrize("kind", ONE_PAGE)
def test_a_list_of_one_page_has_one_url(kind: str) -> None:
    reader = READERS[kind]
    assert not reader.has_pages
    assert reader.page_url(feed_of(kind), 1) == reader.page_url(feed_of(kind), 2)


def test_a_telegraph_is_requested_by_page_and_keeps_the_channel_of_its_url() -> None:
    feed = feed_of("live").model_copy(update={"endpoint": f"{ENDPOINTS['live']}?zhibo_id=155&page=7"})
    assert READERS["live"].page_url(feed, 2, 20) == (
        f"{ENDPOINTS['live']}?zhibo_id=155&tag_id=0&page=2&page_size=20&dire=f&dpc=1"
    )


def test_the_us_stock_list_is_requested_as_its_own_page_requests_it() -> None:
    url = READERS["usstock"].page_url(feed_of("usstock"), 1)
    assert "cids=57045" in url
    assert url.endswith("pageSize=100")


def test_no_address_of_the_staff_is_kept() -> None:
    listing = read("live", (LISTS / "live.json").read_bytes())
    assert "staff" not in str(listing)


def test_a_column_with_an_error_page_is_gone() -> None:
    with pytest.raises(GoneError):
        read("column", '<html><meta charset="gbk"><body>页面没有找到</body></html>'.encode("gbk"))


def test_a_telegraph_without_a_headline_has_its_first_sentence_for_a_title() -> None:
    item = {"id": 1, "rich_text": "很长" * 60, "create_time": "2026-09-30 10:00:00"}
    body = {"result": {"status": {"code": 0}, "data": {"feed": {"list": [item]}}}}
    [entry] = read("live", json.dumps(body).encode()).entries
    assert entry.title == ("很长" * 60)[:79] + "…"


def test_a_feed_is_never_opened_as_a_path(tmp_path: Path) -> None:
    """feedparser opens a str that looks like a file name."""
    file = tmp_path / "feed.xml"
    file.write_bytes((LISTS / "rss.xml").read_bytes())
    with pytest.raises(ListingError):
        read("rss", str(file).encode())


def test_a_feed_with_an_external_entity_or_a_bomb_reads_nothing_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    for declared in (f'<!ENTITY x SYSTEM "file://{secret}">', f'<!ENTITY a0 "ha"><!ENTITY x "&a11;">{bomb}'):
        body = (
            f'<?xml version="1.0"?><!DOCTYPE rss [{declared}]><rss version="2.0"><channel><title>t</title>'
            "<item><title>&x;</title><link>https://a.example/1</link></item></channel></rss>"
        )
        try:
            listing = read("rss", body.encode())
        except ListingError:
            continue
        assert "hidden" not in str(listing)
        assert len(str(listing)) < 10_000


def test_the_real_telegraph_gives_its_items(shared: Path) -> None:
    body = (shared / "realdata" / "lists" / "live-2026-09-19.json").read_bytes()
    first, second = read("live", body).entries
    assert (first.docid, first.symbols, first.withdrawn) == ("live5103047", ("sb430542", "of002611"), False)
    assert first.url.endswith("/doc-inisinhh9981846.shtml")
    assert (second.title, second.keywords) == ("星海V6正式上市", ("其他",))
