"""Forty feeds of different makes, polled for a day: no article twice, none lost, no time ahead of its poll.

Each feed publishes an article every half hour and shows the newest twenty. The makes differ in format, charset, form
of the times, addresses, ids and texts, as the feeds of real sites do. The rules of the program read the answers into
a real index, on a clock of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from msgspec import Struct

from archive.model.feed import Filing, Listing, Poll
from archive.store import Store
from config.model import Feed
from crawler.listings.identity import identify, query_of
from crawler.listings.registry import READERS

pytestmark = pytest.mark.slow  # two thousand polls

CHINA = timezone(timedelta(hours=8))
MIDNIGHT = datetime(2026, 9, 28, 16, tzinfo=UTC)  # the 29th in China
EVERY = timedelta(minutes=30)
POLLS = 48
SHOWN = 20
SITE = "https://news{feed}.example"


class Item(Struct, frozen=True):
    """An article of the simulated site."""

    feed: int
    number: int
    at: datetime

    @property
    def title(self) -> str:
        return f"快讯：第{self.feed}家第{self.number}条 AT&T"

    @property
    def text(self) -> str:
        return f"第{self.number}条消息说，央行今日开展公开市场操作，流动性保持合理充裕。" * 6


Times = Callable[[Item, datetime], str | None]
Addresses = Callable[[Item, int], tuple[str, str | None]]  # item and number of the poll -> address and guid


def plain(item: Item, poll: int) -> tuple[str, str | None]:
    return f"{SITE.format(feed=item.feed)}/{item.number}.html", None


def with_guid(item: Item, poll: int) -> tuple[str, str | None]:
    return plain(item, poll)[0], f"tag:{item.number}"


def tracked(item: Item, poll: int) -> tuple[str, str | None]:
    return f"{plain(item, poll)[0]}?utm_source=rss&utm_content={poll}#comments", None


def new_session(item: Item, poll: int) -> tuple[str, str | None]:
    return f"{SITE.format(feed=item.feed)}/p?id={item.number}&k={poll}", f"p{item.number}"


def live_page(item: Item, poll: int) -> tuple[str, str | None]:
    return f"{SITE.format(feed=item.feed)}/live", f"live-{item.number}"


def anchor(item: Item, poll: int) -> tuple[str, str | None]:
    return f"{SITE.format(feed=item.feed)}/live#{item.number}", None


def useless_guid(item: Item, poll: int) -> tuple[str, str | None]:
    return plain(item, poll)[0], "N/A"


def unstable_guid(item: Item, poll: int) -> tuple[str, str | None]:
    return plain(item, poll)[0], f"{poll}-{item.number}"


ADDRESSES = (plain, with_guid, tracked, new_session, live_page, anchor, useless_guid, unstable_guid)


def local(item: Item) -> datetime:
    return item.at.astimezone(CHINA)


TIMES: dict[str, Times] = {
    "rfc822": lambda item, now: f"{local(item):%a, %d %b %Y %H:%M:%S} +0800",
    "no zone": lambda item, now: f"{local(item):%Y-%m-%d %H:%M:%S}",
    "slashes": lambda item, now: f"{local(item):%Y/%m/%d %H:%M}",
    "chinese": lambda item, now: f"{local(item):%Y年%m月%d日 %H:%M}",
    "today": lambda item, now: (
        f"今天 {local(item):%H:%M}" if local(item).date() == now.astimezone(CHINA).date() else None
    ),
    "day": lambda item, now: f"{local(item):%Y-%m-%d}",
    "scheduled": lambda item, now: f"{local(item) + timedelta(hours=5):%a, %d %b %Y %H:%M:%S} +0800",
    "cst": lambda item, now: f"{local(item):%a, %d %b %Y %H:%M:%S} CST",
    "none": lambda item, now: None,
}
Write = Callable[[list[tuple[Item, str, str | None, str | None]]], str]


def rss(items: list[tuple[Item, str, str | None, str | None]]) -> str:
    """RSS 2.0. The titles of even feeds have bare ampersands, as many feeds do."""
    text = "".join(
        f"<item><title>{item.title if item.feed % 2 else escape(item.title)}</title><link>{escape(url)}</link>"
        + (f'<guid isPermaLink="false">{escape(guid)}</guid>' if guid else "")
        + (f"<pubDate>{when}</pubDate>" if when else "")
        + f"<description><![CDATA[<p>{item.text}</p>]]></description></item>"
        for item, url, guid, when in items
    )
    return f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>样例网</title>{text}</channel></rss>'


def atom(items: list[tuple[Item, str, str | None, str | None]]) -> str:
    text = "".join(
        f'<entry><title>{escape(item.title)}</title><link href="{escape(url)}"/>'
        + (f"<id>{escape(guid)}</id>" if guid else "")
        + (f"<published>{when}</published>" if when else "")
        + f"<summary>{item.text}</summary></entry>"
        for item, url, guid, when in items
    )
    return f'<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>样例网</title>{text}</feed>'


def rdf(items: list[tuple[Item, str, str | None, str | None]]) -> str:
    text = "".join(
        f'<item rdf:about="{escape(guid or url)}"><title>{escape(item.title)}</title><link>{escape(url)}</link>'
        + (f"<dc:date>{when}</dc:date>" if when else "")
        + f"<description>{item.text}</description></item>"
        for item, url, guid, when in items
    )
    return (
        '<?xml version="1.0"?>\n<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="x"><title>样例网</title></channel>{text}</rdf:RDF>'
    )


def json_feed(items: list[tuple[Item, str, str | None, str | None]]) -> str:
    found = [
        {"id": guid or url, "url": url, "title": item.title, "content_text": item.text}
        | ({"date_published": when} if when else {})
        for item, url, guid, when in items
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "样例网", "items": found})


FORMATS: tuple[Write, ...] = (rss, atom, rdf, json_feed)
CHARSETS = (("utf-8", ""), ("gbk", "text/xml; charset=gbk"), ("gbk", ""), ("utf-8", "text/xml; charset=gbk"))
# Each make once, and forty of them: neighbours differ in everything.
MAKES = [
    (FORMATS[(n + n // 8) % 4], CHARSETS[n // 2 % 4], list(TIMES)[n % 9], ADDRESSES[n % 8]) for n in range(40)
]  # fmt: skip


def test_the_makes_cover_each_address_in_each_format_and_all_times() -> None:
    assert len({(write, address) for write, _, _, address in MAKES}) == len(FORMATS) * len(ADDRESSES)
    assert {time for _, _, time, _ in MAKES} == set(TIMES)


@pytest.mark.parametrize("number", range(40))
def test_a_day_of_a_feed_of_any_make_is_recorded_once_whole_and_not_ahead(number: int, tmp_path: Path) -> None:
    write, (charset, content_type), form, address = MAKES[number]
    feed = Feed(id="it", kind="rss", categories=("a", "b"), endpoint=f"{SITE.format(feed=number)}/feed")
    store = Store.open(tmp_path / "index.db")
    published: list[Item] = []
    for poll in range(POLLS):
        at = MIDNIGHT + poll * EVERY + timedelta(seconds=number)
        published += [Item(number, poll, MIDNIGHT + poll * EVERY)]
        shown = [(item, *address(item, poll), TIMES[form](item, at)) for item in published[::-1][:SHOWN]]
        body = write(shown).encode(charset, "replace")
        listing = READERS["rss"].read(body, "" if write is json_feed else content_type, feed, at)
        record(store, listing, at)

    rows = store._db.execute("SELECT title, published, first_seen FROM entries ORDER BY first_seen").fetchall()
    assert sorted(row["title"] for row in rows) == sorted(item.title for item in published), "once, and none is lost"
    seen = {
        item.title: (item.at + timedelta(seconds=number)).isoformat(timespec="milliseconds") for item in published
    }
    assert [row["title"] for row in rows if row["first_seen"] != seen[row["title"]]] == [], "seen when it was new"
    ahead = [(row["title"], row["published"]) for row in rows if (row["published"] or "") > row["first_seen"]]
    assert ahead == [], "no time is ahead of its poll"
    truth = {item.title: item.at.isoformat(timespec="milliseconds") for item in published}
    early = [(row["title"], row["published"]) for row in rows if (row["published"] or "9") < truth[row["title"]]]
    assert early == [], "no time is before the truth"
    store.close()


def record(store: Store, listing: Listing, at: datetime) -> None:
    """Record a poll, as the spider and the scheduler do."""
    assert listing.failures == ()
    query = query_of(listing.entries)
    entries = identify(listing.entries, store.listings.identities("it", query)) if query else listing.entries
    poll = Poll("it", at, 1, entries, (), caught_up=True)
    docids = [entry.docid for entry in entries]
    store.listings.commit_poll(
        poll, Filing(("a", "b"), "b"), {docid: ["it"] for docid in docids}, dict.fromkeys(docids, "")
    )
