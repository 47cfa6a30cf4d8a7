"""Which items of a feed are one article."""

from __future__ import annotations

from msgspec.structs import replace

from archive.model.feed import Entry
from archive.model.identity import Identities
from crawler.listings.identity import identify, query_of
from crawler.urls import address_digest, former_digest

LIVE = "https://news.example/live"


def item(guid: str | None, title: str, url: str = LIVE, text: str | None = None) -> Entry:
    return Entry(
        address_digest(url), url, title, None, None, None, None, None, guid=guid, listed_text=text, foreign=True
    )


def docids(*items: Entry, known: Identities | None = None) -> list[str]:
    return [entry.docid for entry in identify(items, known or Identities())]


def remembered(*items: Entry) -> Identities:
    """What the index knows after a poll that brought these items."""
    entries = identify(items, Identities())
    return Identities(
        {entry.guid: (entry.docid, entry.url) for entry in entries if entry.guid},
        frozenset(entry.link for entry in entries if entry.link),
        frozenset(entry.docid for entry in entries),
    )


def test_items_that_share_an_address_are_as_many_articles_as_guids() -> None:
    items = [item(f"g{n}", f"快讯第{n}条") for n in range(5)]
    assert len(set(docids(*items))) == 5
    assert len(set(docids(*(replace(each, title="快讯") for each in items)))) == 5


def test_items_that_share_an_address_keep_their_identity_as_the_feed_moves_on() -> None:
    first = [item(f"g{n}", f"快讯第{n}条") for n in range(1, 6)]
    then = [item(f"g{n}", f"快讯第{n}条") for n in range(4, 9)]
    before, after = docids(*first), docids(*then, known=remembered(*first))
    assert after[:2] == before[3:]
    assert len({*before, *after}) == 8


def test_the_only_item_left_of_a_shared_address_is_still_identified_by_its_guid() -> None:
    first = [item("g1", "甲"), item("g2", "乙")]
    known = remembered(*first)
    assert docids(item("g2", "乙"), known=known) == docids(*first)[1:]
    assert docids(item("g3", "丙"), known=known)[0] not in (*docids(*first), address_digest(LIVE))


def test_a_guid_whose_address_moves_is_one_article() -> None:
    first = item("g1", "一条", "https://a.example/p/1?session=1")
    known = remembered(first)
    for url in ("https://a.example/p/1?session=2", "https://www.b.example/new/1"):
        assert docids(item("g1", "一条", url), known=known) == [first.docid]


def test_the_address_of_an_item_with_its_whole_text_does_not_move_at_each_poll() -> None:
    first = replace(item("g1", "一条", "https://a.example/p/1?session=1"), content="<p>文</p>")
    [again] = identify([replace(first, docid="x", url="https://a.example/p/1?session=2")], remembered(first))
    assert (again.docid, again.url) == (first.docid, first.url)


def test_a_new_guid_at_each_poll_does_not_make_a_new_article() -> None:
    first = item("urn:1", "一条", "https://a.example/p/1")
    known = remembered(first)
    assert docids(item("urn:2", "一条", "https://a.example/p/1"), known=known) == [first.docid]


def test_a_guid_that_several_items_have_identifies_none() -> None:
    items = [item("N/A", "甲", "https://a.example/1"), item("N/A", "乙", "https://a.example/2")]
    assert docids(*items) == [each.docid for each in items]
    shared = [item("N/A", "甲"), item("N/A", "乙")]
    assert len(set(docids(*shared))) == 2


def test_items_without_a_guid_that_share_an_address_are_told_apart_by_their_words() -> None:
    assert len(set(docids(item(None, "甲"), item(None, "乙"), item(None, "甲")))) == 2
    untitled = [item(None, "", text=f"<p>第{n}条</p>") for n in range(3)]
    assert len(set(docids(*untitled))) == 3


def test_an_item_listed_twice_is_one_article() -> None:
    twice = [item("g1", "甲", "https://a.example/1"), item("g1", "甲", "https://a.example/1?utm_source=x")]
    assert len(set(docids(*twice))) == 1


def test_a_front_page_is_the_address_of_no_article() -> None:
    first, second = (docids(item(guid, guid, "https://a.example/"))[0] for guid in ("甲", "乙"))
    assert first != second


def test_items_that_share_an_address_take_their_text_from_the_feed() -> None:
    entries = identify([item("g1", "甲", text="<p>一</p>"), item("g2", "乙", text="<p>二</p>")], Identities())
    assert [entry.content for entry in entries] == ["<p>一</p>", "<p>二</p>"]
    assert {entry.link for entry in entries} == {address_digest(LIVE)}


def test_an_article_that_an_older_version_filed_keeps_its_identity() -> None:
    url = "https://a.example/p/1?utm_source=rss"
    known = Identities(docids=frozenset({former_digest(url)}))
    assert docids(item("g1", "一条", url), known=known) == [former_digest(url)]
    query = query_of([item("g1", "一条", url)])
    assert query is not None
    assert query.docids == (former_digest(url),)


def test_articles_of_sina_are_identified_by_their_docids_only() -> None:
    sina = replace(item("g1", "甲"), docid="nitmeav9622448", foreign=False)
    assert query_of([sina]) is None
    assert docids(sina, sina) == ["nitmeav9622448"] * 2
