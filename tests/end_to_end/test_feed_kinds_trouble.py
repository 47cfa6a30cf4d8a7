"""Lists of other kinds that are odd, or change under us: nothing is lost, doubled, archived empty or left hanging."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from config.model import Feed
from crawler.listings import column
from crawler.listings import rss as rss_list
from mocksite.server import MockSite
from tests.conftest import NEWEST, Home
from tests.end_to_end.test_feed_kinds import LIVE, RSS, TEXT, USSTOCK, configure, crawl, facts, item, rss, telegraph
from tests.pipeline.test_rebuild import index, lose, run, tree

pytestmark = pytest.mark.slow

AT = datetime(2026, 9, 29, tzinfo=UTC)


def feed_of(kind: str, endpoint: str = "https://x.example/f") -> Feed:
    return Feed(id="it", kind=kind, endpoint=endpoint, categories=("a", "b", "c"))


def feeds_config(home: Home, mocksite: MockSite, *feeds: tuple[str, str, str], more: str = "") -> None:
    body = f"[network]\ndelay = 0\nallow_private = true\n[schedule]\nrecheck = []\n{more}\n"
    for id_, kind, path in feeds:
        body += (
            f'[[feeds]]\nid = "{id_}"\nkind = "{kind}"\nendpoint = "{mocksite.url}{path}"\n'
            f'categories = ["金融", "样例", "{id_}"]\n'
        )
    home.config.write_text(body, encoding="utf-8")


def test_an_entry_that_waits_is_not_archived_empty_when_its_feed_begins_to_carry_text(
    home: Home, mocksite: MockSite
) -> None:
    story = mocksite.site.stories[0]
    mocksite.site.pages[RSS] = rss([story], mocksite.url)
    mocksite.fault("status", match=story.path, status=503)
    configure(home, mocksite, "rss", RSS)
    assert home.run("crawl").status == 1
    mocksite.clear_faults()
    # the same article (identity leaves the fragment out), now with its text in the feed
    body = rss([story], mocksite.url, TEXT * 10).decode().replace(f"{story.path}</link>", f"{story.path}#top</link>")
    mocksite.site.pages[RSS] = body.encode()
    out = home.run("crawl", "--json")
    assert [text for (text,) in home.rows("SELECT text FROM texts")] != [""], out.out


def test_crawl_with_no_rechecks_ends_when_a_telegraph_item_is_edited(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE, "rechecks = 0")
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    crawl(home)
    telegraph(mocksite, item(1, f"【降准】{TEXT}更正。"))
    done = home.run("crawl", "--json", timeout=15)
    assert done.status == 0
    assert done.json["revised"] == 1


def test_crawl_limit_ends_when_a_telegraph_item_is_edited(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    crawl(home)
    telegraph(mocksite, item(1, f"【降准】{TEXT}更正。"))
    done = home.run("crawl", "--json", "--limit", "5", timeout=15)
    assert done.status == 0


def test_a_column_whose_style_names_the_list_is_read_again() -> None:
    def page(n: int) -> bytes:
        return (
            '<html><head><style>#listcontent li{color:red}</style></head><body><ul class="nav"><li>首页</li></ul>'
            f'<ul id="listcontent"><li><a href="https://finance.sina.com.cn/a/2026-09-28/doc-itest000000{n}.shtml">题{n}'
            "</a><span>(09月28日 22:15)</span></li></ul></body></html>"
        ).encode()

    feed = feed_of("column")
    assert column.read(page(1), "text/html", feed, AT).entries != column.read(page(2), "text/html", feed, AT).entries
    assert column.essence(page(1)) != column.essence(page(2))


def test_a_column_with_a_list_within_its_list_is_read_again() -> None:
    def page(n: int) -> bytes:
        link = '<a href="https://finance.sina.com.cn/a/2026-09-28/doc-itest00000{}.shtml">题</a>'
        return (
            f'<ul id="listcontent"><li>{link.format("01")}<ul><li>x</li></ul></li><li>{link.format(10 + n)}</li></ul>'
        ).encode()

    assert column.essence(page(1)) != column.essence(page(2))


def channel(*items: str) -> bytes:
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>样例网</title>{''.join(items)}</channel></rss>"
    ).encode()


GOOD = "<item><title>好</title><link>https://news.example/good.html</link></item>"
ODD = "<link>https://news.example/odd.html</link>"


@pytest.mark.parametrize(
    "odd",
    [
        "<tags>财经</tags>",
        "<tags>财经</tags><category>股市</category>",
        "<enclosures>x</enclosures>",
        "<media_content>x</media_content>",
        "<media_thumbnail>x</media_thumbnail>",
        "<published_parsed>x</published_parsed>",
        "<updated_parsed>x</updated_parsed>",
        "<source>样例</source>",
        "<source url='https://a.example'/>",
        "<title_detail>x</title_detail>",
        "<links>x</links>",
        "<content>x</content>",
        "<summary>x</summary>",
        "<description/>",
        "<title>&lt;b&gt;</title><title_detail>y</title_detail>",
        "<pubDate>Tue, 31 Feb 2026 99:99:99 GMT</pubDate>",
        "<pubDate>0000-00-00 00:00:00</pubDate>",
        "<pubDate>9999-99-99T00:00:00Z</pubDate>",
        "<title>&#xD800;x</title>",
        "<title>&#55296;x</title><broken>",
        "<title>&#x110000;x</title>",
        "<guid isPermaLink='false'>tag:x</guid>",
        "<enclosure/>",
        "<enclosure url='x' type=''/>",
        "<category/>",
        "<dc:source xmlns:dc='http://purl.org/dc/elements/1.1/'>x</dc:source>",
        "<media:thumbnail xmlns:media='http://search.yahoo.com/mrss/'/>",
        "<media:content xmlns:media='http://search.yahoo.com/mrss/' medium='video'/>",
        "<media:group xmlns:media='http://search.yahoo.com/mrss/'><media:content url='a'/></media:group>",
    ],
)
def test_one_odd_item_does_not_take_the_others_with_it(odd: str) -> None:
    listing = rss_list.read(channel(f"<item>{ODD}{odd}</item>", GOOD), "application/xml", feed_of("rss"), AT)
    assert "https://news.example/good.html" in [entry.url for entry in listing.entries]


def test_items_that_differ_in_their_fragment_are_not_one_article() -> None:
    items = [
        f"<item><title>第{n}条</title><link>https://news.example/app#/detail/{n}</link>"
        f"<guid isPermaLink='false'>{n}</guid>"
        f"<content:encoded>第{n}条。{TEXT * 8}</content:encoded></item>"
        for n in range(3)
    ]
    listing = rss_list.read(channel(*items), "application/xml", feed_of("rss"), AT)
    assert len({entry.docid for entry in listing.entries}) == 3


def test_an_item_without_a_link_that_carries_its_text_is_not_lost() -> None:
    text = f"<content:encoded>{TEXT * 8}</content:encoded>"
    one = f"<item><title>题</title><guid isPermaLink='false'>7</guid>{text}</item>"
    listing = rss_list.read(channel(one), "application/xml", feed_of("rss"), AT)
    assert len(listing.entries) == 1


def test_a_telegraph_item_with_a_very_long_id_does_not_stop_the_others(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(2, "样例甲。"), {**item(1, "样例乙。"), "id": "9" * 300})
    done = home.run("crawl", "--json")
    assert done.status in (0, 1), done.err
    assert "live2" in [row[0] for row in home.rows("SELECT docid FROM entries WHERE status = 'archived'")], done.err


def test_an_item_without_text_is_one_unreadable_item_however_often(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    for likes in range(3):
        telegraph(mocksite, item(2, "样例甲。"), {**item(1, ""), "like_nums": likes})
        home.run("crawl", "--json")
    assert home.rows("SELECT count(*) FROM entries WHERE status = 'parked'") == [(1,)]


def test_an_unreadable_telegraph_item_puts_no_other_article_into_its_feed(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    mocksite.site.pages[RSS] = rss([story], mocksite.url)
    feeds_config(home, mocksite, ("tele", "live", LIVE), ("site", "rss", RSS))
    url = f"{mocksite.url}{story.path}"
    telegraph(mocksite, item(2, "样例甲。"), item(1, "", docurl=url))
    home.run("crawl", "--json")
    assert set(home.rows("SELECT feed, docid FROM listings WHERE feed = 'tele'")) == {
        ("tele", "live1"),
        ("tele", "live2"),
    }


def test_an_item_first_seen_deleted_and_restored_later_is_archived(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}", is_delete=1))
    for _ in range(3):
        home.run("crawl", "--json")
        home.execute("UPDATE entries SET due = first_seen, first_seen = '2026-01-01T00:00:00.000+00:00'")
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    home.run("crawl", "--json")
    assert home.rows("SELECT status FROM entries") == [("archived",)]


def test_two_feeds_that_carry_one_item_do_not_take_turns(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    feeds_config(home, mocksite, ("a", "rss", "/a.xml"), ("b", "rss", "/b.xml"))
    mocksite.site.pages["/a.xml"] = rss([story], "https://news.example", TEXT * 10 + "甲频道出品。")
    mocksite.site.pages["/b.xml"] = rss([story], "https://news.example", TEXT * 10 + "乙频道出品。")
    results = [home.run("crawl", "--json").json["revised"] for _ in range(4)]
    assert results[1:] == [0, 0, 0]


def test_two_feeds_that_carry_one_item_under_two_addresses_do_not_take_turns(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    feeds_config(home, mocksite, ("a", "rss", "/a.xml"), ("b", "rss", "/b.xml"))
    mocksite.site.pages["/a.xml"] = rss([story], "https://news.example", TEXT * 10)
    mocksite.site.pages["/b.xml"] = rss([story], "http://news.example", TEXT * 10)
    for _ in range(4):
        home.run("crawl", "--json")
    assert home.rows("SELECT count(*) FROM addresses")[0][0] <= 1


def test_as_of_shows_nothing_of_an_item_that_could_not_be_read_then(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    configure(home, mocksite, "usstock", USSTOCK)
    bad = {"docid": f"comos:{story.docid}", "title": "", "url": "", "ctime": "1"}
    mocksite.site.pages[USSTOCK] = json.dumps({"data": [bad]}).encode()
    home.run("crawl")
    before = datetime.now(UTC).isoformat()
    good = bad | {
        "title": story.title,
        "url": mocksite.url + story.path,
        "ctime": str(story.ctime),
        "media": "后来社",
    }
    mocksite.site.pages[USSTOCK] = json.dumps({"data": [good]}).encode()
    crawl(home)
    known = facts(home, story.docid, "--as-of", before)
    assert (known["url"], known["title"], known["published"], known["media"]) == (None, None, None, None), known


def test_stocks_that_are_named_later_can_be_searched_for(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    crawl(home)
    stocks = [{"market": "cn", "symbol": "sh600999", "key": "样例"}]
    telegraph(mocksite, item(1, f"【降准】{TEXT}", stocks=stocks))
    crawl(home)
    assert [hit["docid"] for hit in home.run("search", "symbol:sh600999", "--json").json] == ["live1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "since:0001-01-01"),
        ("search", "until:9999-12-31"),
        ("search", "until:9999-12-31T23:59:59-08:00"),
        ("search", "茅台", "--as-of", "9999-12-31T23:59:59-08:00"),
        ("search", "茅台", "--as-of", "0001-01-01T00:00+08:00"),
        ("search", "茅台", "--limit", "99999999999999999999"),
        ("search", "feed:x", "--limit", "99999999999999999999"),
        ("search", "feed:\udcff"),
        ("search", "\udcff茅台"),
        ("search", "symbol:\udcff1"),
        ("search", "media:*"),
        ("search", "*"),
        ("search", '"'),
        ("search", "茅" * 30000),
        ("search", "a1" * 20000),
        ("search", "NOT " * 60 + "茅台"),
        ("search", "(" * 20 + "茅台" + ")" * 20),
        ("search", "茅台 " + " ".join(f"NOT a{n}" for n in range(49))),
        ("search", " OR ".join(f"feed:a{n}" for n in range(50))),
        ("search", " OR ".join(f"(feed:a{n} NOT x{n})" for n in range(20))),
        ("search", "茅台", "--limit", "100000"),
        ("export", "jsonl", "--since", "0001-01-01"),
        ("export", "jsonl", "--until", "9999-12-31"),
        ("export", "jsonl", "--feed", "\udcff"),
        ("export", "csv", "--symbol", "\udcff"),
        ("export", "csv", "--as-of", "0001-01-01T00:00+08:00"),
        ("show", "\udcff"),
        ("show", "live1", "--as-of", "0001-01-01T00:00+08:00"),
        ("show", "x" * 5000),
        ("diff", "\udcff"),
        ("diff", "live1", "99999999999999999999", "1"),
        ("diff", "live1", "-1", "0"),
        ("backfill", "it", "--from", "0001-01-01", "--to", "9999-12-31"),
    ],
    ids=lambda a: repr(a)[:60],
)
def test_no_traceback(grown: Home, arguments: tuple[str, ...]) -> None:
    done = grown.run(*arguments, timeout=60)
    assert "Traceback" not in done.err, done.err[-600:]
    assert done.status in (0, 2, 3), (done.status, done.err[-300:])


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Home:
    from mocksite.story import make_stories

    home = Home(tmp_path_factory.mktemp("grown"))
    with MockSite(make_stories(3, newest=NEWEST)) as mocksite:
        configure(home, mocksite, "live", LIVE)
        telegraph(mocksite, item(1, f"【茅台】{TEXT}", stocks=[{"market": "cn", "symbol": "sh600519"}]))
        crawl(home)
    return home


def test_an_item_parked_as_deleted_and_restored_later_is_archived(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}", is_delete=1))
    home.run("crawl", "--json")
    home.execute("UPDATE entries SET status = 'parked', attempts = 4")  # as after three tries over a day
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    home.run("crawl", "--json")
    assert home.rows("SELECT status FROM entries") == [("archived",)]


def test_two_feeds_that_carry_one_item_do_not_take_turns_when_polled_one_after_the_other(
    home: Home, mocksite: MockSite
) -> None:
    story = mocksite.site.stories[0]
    feeds_config(home, mocksite, ("a", "rss", "/a.xml"), ("b", "rss", "/b.xml"))
    mocksite.site.pages["/a.xml"] = rss([story], "https://news.example", TEXT * 10 + "甲频道出品。")
    mocksite.site.pages["/b.xml"] = rss([story], "https://news.example", TEXT * 10 + "乙频道出品。")
    results = [home.run("crawl", feed, "--json").json["revised"] for feed in ("a", "b", "a", "b", "a")]
    assert results[2:] == [0, 0, 0], results


@pytest.mark.slow
def test_mixed_history_comes_back_from_the_journal(home: Home, mocksite: MockSite) -> None:
    story, other = mocksite.site.stories[:2]
    feeds_config(
        home,
        mocksite,
        ("tele", "live", LIVE),
        ("site", "rss", RSS),
        ("two", "rss", "/b.xml"),
        more="[archive]\nimages = true",
    )
    # page-fetched and carried, by two feeds
    mocksite.site.pages[RSS] = rss([story], mocksite.url)
    mocksite.site.pages["/b.xml"] = rss([story, other], mocksite.url.replace("127.0.0.1", "localhost"), TEXT * 10)
    telegraph(
        mocksite, item(2, f"【甲】{TEXT}", is_delete=1), item(1, f"【乙】{TEXT}"), item(1, "重复的一条"), item(3, "")
    )
    for round_ in range(5):
        home.run("crawl", "--json")
        picture = {"img_url": [f"{mocksite.url}/p{round_}.png", "data:image/png;base64,AAAA", "file:///etc/passwd"]}
        telegraph(
            mocksite,
            item(2, f"【甲】{TEXT}", is_delete=round_ % 2, multimedia=picture),
            item(1, f"【乙{round_}】{TEXT}", docurl=f"https://finance.sina.com.cn/doc-itest000{round_}.shtml"),
            item(3, "三" if round_ > 2 else ""),
        )
        text = None if round_ % 2 else TEXT * (9 + round_)
        mocksite.site.pages[RSS] = rss([story, other], mocksite.url, text)
    files, rows = tree(home), index(home)
    deep = home.run("verify", "--deep", "--json", timeout=200)
    assert deep.json["problems"] == []
    lose(home)
    run(home, "rebuild")
    now = index(home)
    assert tree(home) == files
    for table in rows:
        assert now[table] == rows[table], table


def test_an_export_and_a_search_show_no_control_characters_on_a_terminal(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    evil = "【\x1b]0;x\x07\x9b31m\u202e[red]茅台[/red]】茅台\x1b[2J\u2066\u2028\x85\x00正文 [bold]x[/bold] =1+1"
    telegraph(mocksite, item(1, evil))
    crawl(home)
    out = home.run("search", "茅台").out + home.run("show", "live1").out + home.run("status").out
    assert not [
        hex(ord(c)) for c in out if (c < " " and c != "\n") or "\x7f" <= c < "\xa0" or c in "\u202e\u2066\u2028"
    ]
