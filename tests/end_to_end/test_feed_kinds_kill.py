"""Other kinds of lists: after a kill at any moment, the index follows from the journal, and so does the coverage."""

from __future__ import annotations

import random
import signal
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from crawler.listings import rss as rss_list
from crawler.paging.backfill import begin_backfill
from crawler.paging.single_page import apply_single_page
from mocksite.server import MockSite
from tests.conftest import Home
from tests.end_to_end.test_feed_kinds import LIVE, RSS, TEXT, configure, crawl, item, rss, telegraph
from tests.end_to_end.test_feed_kinds_trouble import channel, feed_of, feeds_config
from tests.pipeline.test_rebuild import RECORD, index, lose, run, tree
from tests.support.daemon import Running

AT = datetime(2026, 9, 29, tzinfo=UTC)


def test_a_pinned_old_item_does_not_make_a_months_history_of_a_one_page_list_complete() -> None:
    now = datetime(2026, 9, 30, tzinfo=UTC)

    def one(n: int, at: datetime) -> str:
        when = f"<pubDate>{format_datetime(at)}</pubDate>"
        return f"<item><title>题{n}</title><link>https://n.example/{n}.html</link>{when}</item>"

    items = [one(n, now - timedelta(minutes=n)) for n in range(20)]
    pinned = one(99, now - timedelta(days=30))
    for order in ([pinned, *items], [*items, pinned]):
        listing = rss_list.read(channel(*order), "application/xml", feed_of("rss"), AT)
        backfill = begin_backfill(
            "it", now - timedelta(days=25), now, now, must_meet_known=False, history=False, max_pages=10
        )
        step = apply_single_page(backfill, listing)
        assert step.backfill.covered is None or step.backfill.covered.start > now - timedelta(days=1)


def test_a_feed_without_times_that_ran_over_does_not_pass_for_complete(home: Home, mocksite: MockSite) -> None:
    def feed(numbers: range) -> bytes:
        return channel(
            *(
                f"<item><title>题{n}</title><link>https://n.example/{n}.html</link>"
                f"<content:encoded>{n}{TEXT * 8}</content:encoded></item>"
                for n in numbers
            )
        )

    configure(home, mocksite, "rss", RSS)
    mocksite.site.pages[RSS] = feed(range(20))
    crawl(home)
    mocksite.site.pages[RSS] = feed(range(100, 120))  # 80 items came and went
    crawl(home)
    assert home.run("status", "--json").json["gaps"] != []


@pytest.mark.long
@pytest.mark.slow
def test_kills_at_any_moment_leave_what_the_journal_says(home: Home, mocksite: MockSite) -> None:
    rng = random.Random(7)
    stories = mocksite.site.stories
    feeds_config(
        home,
        mocksite,
        ("tele", "live", LIVE),
        ("site", "rss", RSS),
        ("two", "rss", "/b.xml"),
        more='min = "1s"\nevery = "1s"\nmax = "1s"\n[archive]\nimages = true',
    )
    for round_ in range(5):

        def change(n: int) -> None:
            picture = {"img_url": [f"{mocksite.url}/p{n % 5}.png"]}
            telegraph(
                mocksite,
                *(
                    item(
                        i,
                        f"【第{i}】{TEXT}{rng.randrange(3)}",
                        is_delete=int(rng.random() < 0.3),
                        multimedia=picture,
                        docurl=rng.choice(["", f"https://finance.sina.com.cn/a/doc-itest{i:05}.shtml"]),
                    )
                    for i in range(40, 0, -1)
                ),
            )
            mocksite.site.pages[RSS] = rss(stories, mocksite.url)
            mocksite.site.pages["/b.xml"] = rss(stories[:4], "https://news.example", TEXT * rng.randrange(8, 11))

        change(round_)
        with Running(home) as daemon:
            end = time.monotonic() + rng.uniform(1.0, 4.0)
            n = 0
            while time.monotonic() < end:
                time.sleep(0.3)
                n += 1
                change(n)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
    home.run("crawl", "--json")
    home.assert_whole()
    deep = home.run("verify", "--deep", "--json", timeout=200)
    files, rows = tree(home), index(home, RECORD)
    lose(home)
    run(home, "rebuild")
    assert tree(home) == files
    now = index(home, RECORD)
    for table in rows:
        assert now[table] == rows[table], (table, [r for r in rows[table] if r not in now[table]][:2])
    assert deep.json["problems"] == []
