"""Any bytes in the place of a feed: a listing or an error with its reason, and no item is lost silently."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from archive.journal.documents import dump_entry, load_entry
from archive.model.feed import Listing
from crawler.errors import ListingError
from tests.crawler.test_hostile_input import examples
from tests.crawler.test_listings import LISTS, read

SAMPLES = sorted(
    (path.stem.partition("-")[0], path.read_bytes())
    for path in LISTS.iterdir()
    if path.name.startswith(("rss", "sitemap")) and ".expected" not in path.suffixes
)
KINDS = ("rss", "sitemap")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.just("https://a.cn/1"),
    st.lists(st.one_of(st.integers(), st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.integers()))),
)  # fmt: skip
JSON_KEYS = (
    "id", "url", "external_url", "title", "content_html", "content_text", "summary", "date_published",
    "date_modified", "tags", "authors", "author", "image", "attachments",
)  # fmt: skip
ITEM_TAGS = (
    "title", "link", "guid", "description", "pubDate", "content:encoded", "dc:creator", "author", "category",
    "enclosure", "media:content", "source", "summary", "content", "id", "updated", "links", "authors", "tags",
    "summary_detail",
)  # fmt: skip


def assert_read(kind: str, body: bytes) -> Listing | None:
    """Read a body; each entry can be recorded, and read again."""
    try:
        listing = read(kind, body, "text/xml")
    except ListingError:
        return None
    for entry in listing.entries:
        assert load_entry(json.loads(json.dumps(dump_entry(entry)))) == entry
    return listing


@settings(max_examples=examples(200))
@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_any_bytes_are_a_listing_or_an_error(kind: str, body: bytes) -> None:
    assert_read(kind, body)


@settings(max_examples=examples(300))
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=8)), min_size=1, max_size=5),
)
def test_a_mutated_feed_is_a_listing_or_an_error(
    sample: tuple[str, bytes], changes: list[tuple[float, int, bytes]]
) -> None:
    kind, body = sample
    for place, removed, added in changes:
        start = int(place * len(body))
        body = body[:start] + added + body[start + removed :]
    assert_read(kind, body)


@settings(max_examples=examples(200))
@given(st.lists(st.lists(st.tuples(st.sampled_from(ITEM_TAGS), st.text(max_size=20)), max_size=6), max_size=5))
def test_each_item_of_a_feed_is_an_entry_or_a_failure(items: list[list[tuple[str, str]]]) -> None:
    written = "".join(
        "<item>" + "".join(f"<{tag}><![CDATA[{text.replace(']]>', '')}]]></{tag}>" for tag, text in item) + "</item>"
        for item in items
    )
    names = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:media="http://search.yahoo.com/mrss/"'
    )
    body = f'<rss version="2.0" {names}><channel><title>t</title>{written}</channel></rss>'
    listing = assert_read("rss", body.encode("utf-8", "replace"))
    assert listing is not None
    assert len(listing.entries) + len(listing.failures) == len(items)


@settings(max_examples=examples(200))
@given(st.lists(st.one_of(VALUES, st.dictionaries(st.sampled_from(JSON_KEYS), VALUES, max_size=8)), max_size=5))
def test_each_item_of_a_json_feed_is_an_entry_or_a_failure(items: list[object]) -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": items})
    listing = assert_read("rss", body.encode())
    assert listing is not None
    assert len(listing.entries) + len(listing.failures) == len(items)


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_each_item_of_a_sitemap_is_an_entry_or_a_failure(items: list[tuple[str, str]]) -> None:
    def cdata(text: str) -> str:
        return f"<![CDATA[{text.replace(']]>', '')}]]>"

    urls = "".join(f"<url><loc>{cdata(loc)}</loc><lastmod>{cdata(time)}</lastmod></url>" for loc, time in items)
    listing = assert_read("sitemap", f"<urlset>{urls}</urlset>".encode("utf-8", "replace"))
    assert listing is not None
    assert len(listing.entries) + len(listing.failures) == len(items)
