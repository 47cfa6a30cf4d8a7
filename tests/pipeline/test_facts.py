"""Titles and facts that change on the page: what makes a version, what is a change of facts, and what is neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archive.diff.revisions import compare_revisions
from archive.model.feed import Entry, Failure, Filing, Poll
from archive.model.fetch import Decision, Fetch, Outcome, RawResponse
from archive.query.parser import parse
from archive.store import Store
from crawler.extract.response import parse_fetch
from pipeline.commit import ParsedFetch, commit_batch
from pipeline.facts import MAX_FACTS_CHANGES
from tests.support.fetches import RULES

START = datetime(2026, 9, 29, 2, tzinfo=UTC)
EVER = datetime(2099, 1, 1, tzinfo=UTC)
DOCID = "nabcdef0000001"
URL = f"https://finance.sina.com.cn/stock/2026-09-29/doc-i{DOCID}.shtml"
FILING = Filing(("金融", "新浪财经"), "新浪财经")


def page(
    h1: str = "页题",
    text: str = "正文。",
    *,
    media: str = "甲社",
    stocks: str | None = "sh600519",
    words: str | None = "银行",
    updated: str = "2026-09-29 10:05:00",
    published: str = "2026-09-29 10:00:00",
) -> str:
    comment = "" if stocks is None else f"<!-- news_keyword_pub,stock,{stocks} -->"
    keywords = "" if words is None else f'<div id="keywords" data-wbkey="{words}"></div>'
    return (
        f'<html><head><meta charset="utf-8"><meta name="weibo: article:create_at" content="{published}">'
        f'<meta name="weibo: article:update_at" content="{updated}"></head><body>'
        + (f'<h1 class="main-title">{h1}</h1>' if h1 else "")
        + (f'<div class="date-source"><span class="source">{media}</span></div>' if media else "")
        + f'<div id="artibody"><p>{text}</p>{comment}</div>{keywords}</body></html>'
    )


class Article:
    """An article in a store, polled and fetched one minute after the other."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.title = "列题"

    def poll(self, title: str, *, media: str | None = None, modified: int = 0, feed: str = "china") -> None:
        self.now += timedelta(minutes=1)
        entry = Entry(DOCID, URL, title, START, START + timedelta(seconds=modified), None, media, None)
        poll = Poll(feed, self.now, 1, (entry,), (), caught_up=True)
        self.store.listings.commit_poll(poll, FILING, {DOCID: [feed]}, {DOCID: "finance.sina.com.cn"})

    def fetch(self, body: str = "", *, rule: int = 2, status: int = 200) -> Decision:
        self.now += timedelta(minutes=1)
        self.store.queues.release(self.now, parked=True)
        later = self.now + timedelta(days=400)
        host = "finance.sina.com.cn"
        pending = self.store.entries.due(host, 1, later, later, ())
        if not pending:
            self.store._db.execute(
                "UPDATE entries SET recheck = :then, due = :then, tried = :then",
                {"then": "2020-01-01T00:00:00.000+00:00"},
            )
            pending = self.store.articles.due_rechecks(host, 1, self.now, self.now, ())
        response = RawResponse(URL, status, (), (body or page()).encode())
        fetch = Fetch(self.now, pending[0], "china", FILING, RULES, response, rule=rule)
        parsed = parse_fetch(fetch, 1_000_000)
        assert status != 200 or not isinstance(parsed, Failure) or parsed.moved_to, parsed
        [decision] = commit_batch(self.store, [ParsedFetch(fetch, parsed, None, None)], lambda posts: None)
        return decision

    def titles(self) -> list[str]:
        return [revision.title for revision in self.store.articles.revisions(DOCID)]

    def known(self, time: datetime = EVER) -> dict[str, Any]:
        return self.store.history.as_of(DOCID, time) or {}

    def changes(self) -> list[dict[str, Any]]:
        return [each["changed"] for each in self.known()["facts_changes"]]

    def found(self, query: str, time: datetime | None = None) -> bool:
        return [hit.docid for hit in self.store.search.find(parse(query), 9, time)] == [DOCID]


@pytest.fixture
def article(tmp_path: Path) -> Iterator[Article]:
    store = Store.open(tmp_path / "index.db")
    one = Article(store)
    one.poll("列题")
    yield one
    store.close()


# Titles


def test_titles_that_differ_for_good_make_no_version(article: Article) -> None:
    assert [article.fetch(page("页题")).outcome for _ in range(4)] == [Outcome.FIRST, *[Outcome.SAME] * 3]
    assert article.titles() == ["列题"]


def test_a_headline_that_changes_on_the_page_alone_makes_a_version_and_stays(article: Article) -> None:
    article.fetch(page("页题"))
    assert article.fetch(page("页题改")).outcome is Outcome.REVISED
    assert [article.fetch(page("页题改")).outcome for _ in range(3)] == [Outcome.SAME] * 3
    assert article.titles() == ["列题", "页题改"]
    assert article.fetch(page("页题")).outcome is Outcome.REVISED
    assert article.titles() == ["列题", "页题改", "页题"]


def test_the_source_that_changed_last_gives_the_title(article: Article) -> None:
    article.fetch(page("页题"))
    article.fetch(page("页题二"))
    article.poll("列题二")
    article.fetch(page("页题二"))
    article.fetch(page("页题三"))
    article.poll("列题四")
    article.fetch(page("页题四"))  # both have changed: the list's takes precedence
    assert article.titles() == ["列题", "页题二", "列题二", "页题三", "列题四"]
    assert article.fetch(page("页题四")).outcome is Outcome.SAME


def test_a_list_that_takes_over_the_headline_makes_no_second_version(article: Article) -> None:
    article.fetch(page("页题"))
    article.fetch(page("新题"))
    article.poll("新题")
    assert article.fetch(page("新题")).outcome is Outcome.SAME
    assert article.titles() == ["列题", "新题"]


def test_a_text_that_changes_keeps_the_title_that_prevails(article: Article) -> None:
    article.fetch(page("页题"))
    article.fetch(page("页题二"))
    article.fetch(page("页题二", "改文。"))
    assert article.titles() == ["列题", "页题二", "页题二"]


@pytest.mark.parametrize("same", ["页 题", "  页  题 ", "页\u200b 题"])
def test_white_space_in_a_headline_is_no_change(article: Article, same: str) -> None:
    article.fetch(page("页 题"))
    assert article.fetch(page(same)).outcome is Outcome.SAME


def test_a_headline_that_a_layout_lacks_is_no_change(article: Article) -> None:
    for body in (page("页题"), page(""), page("页题"), page("")):
        article.fetch(body)
    assert article.titles() == ["列题"]


def test_a_headline_that_was_not_recorded_makes_no_version(article: Article) -> None:
    """The first fetches are an older program's."""
    article.fetch(page("页题"), rule=1)
    article.fetch(page("页题二"), rule=1)
    assert article.fetch(page("页题三")).outcome is Outcome.SAME
    assert article.fetch(page("页题四")).outcome is Outcome.REVISED
    assert article.titles() == ["列题", "页题四"]
    assert article.changes() == []


def test_a_headline_after_a_deletion_is_compared_with_that_before(article: Article) -> None:
    article.fetch(page("页题"))
    article.fetch(status=404)
    assert article.fetch(page("页题二")).outcome is Outcome.REVISED


def retitled_due(article: Article) -> list[str]:
    due = article.store.articles.due_rechecks("finance.sina.com.cn", 9, article.now, article.now, ())
    return [pending.entry.title for pending in due]


def idle(article: Article) -> None:
    for _ in range(6):
        article.fetch()
    article.store._db.execute("UPDATE entries SET recheck = NULL")
    [row] = article.store._db.execute("SELECT due, tried FROM entries").fetchall()
    assert row["due"] > row["tried"], "it is idle"
    article.now += timedelta(seconds=1)


def test_a_title_that_a_list_changed_does_not_wait_for_the_idle_delay(article: Article) -> None:
    idle(article)
    article.poll("列题", modified=60)
    article.now += timedelta(seconds=1)
    assert retitled_due(article) == [], "another mtime waits"
    article.poll("列题二", modified=120)
    article.now += timedelta(seconds=1)
    assert retitled_due(article) == ["列题二"]
    assert article.store.articles.recheck_hosts(article.now, article.now) == {"finance.sina.com.cn": 1}


def test_a_title_that_is_changed_while_the_page_is_fetched_does_not_wait_either(article: Article) -> None:
    """The poll began before the fetch ended, and the fetch had the old title."""
    idle(article)
    before = article.now
    article.poll("列题二")
    article.store._db.execute(
        "UPDATE entries SET tried = ?", [(before + timedelta(minutes=3)).isoformat(timespec="milliseconds")]
    )
    article.now = before + timedelta(minutes=4)
    assert retitled_due(article) == ["列题二"]


def test_a_recheck_of_a_new_title_that_fails_is_retried_after_its_delay(article: Article) -> None:
    idle(article)
    article.poll("列题二")
    article.now += timedelta(seconds=1)
    [pending] = article.store.articles.due_rechecks("finance.sina.com.cn", 9, article.now, article.now, ())
    fetch = Fetch(article.now, pending, "china", FILING, RULES, RawResponse(URL, 503, (), b""))
    parsed = ParsedFetch(fetch, parse_fetch(fetch, 1000), None, None)
    [decision] = commit_batch(article.store, [parsed], lambda posts: None)
    assert decision.due
    article.now += timedelta(seconds=1)
    assert retitled_due(article) == []
    article.now = decision.due
    assert retitled_due(article) == ["列题二"]


# Facts

CHANGES: dict[str, tuple[str, str, Any, Any]] = {
    "stocks": ("symbols", page(stocks="sh600519&sz000001"), ["sh600519"], ["sh600519", "sz000001"]),
    "another stock": ("symbols", page(stocks="MSFT"), ["sh600519"], ["MSFT"]),
    "no stock": ("symbols", page(stocks=""), ["sh600519"], []),
    "medium": ("media", page(media="乙社"), "甲社", "乙社"),
    "keywords": ("keywords", page(words="银行,利率"), ["银行"], ["银行", "利率"]),
    "no keywords": ("keywords", page(words=""), ["银行"], []),
    "updated": (
        "updated", page(updated="2026-09-29 11:00:00"), "2026-09-29T02:05:00.000+00:00",
        "2026-09-29T03:00:00.000+00:00",
    ),
    "published": (
        "published", page(published="2026-09-29 09:00:00"), "2026-09-29T02:00:00.000+00:00",
        "2026-09-29T01:00:00.000+00:00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_fact_that_changes_is_recorded_with_its_time_and_makes_no_version(article: Article, what: str) -> None:
    name, changed, before, after = CHANGES[what]
    article.fetch()
    decision = article.fetch(changed)
    assert (decision.outcome, decision.post, decision.revision) == (Outcome.SAME, None, None)
    assert article.changes() == [{name: {"from": before, "to": after}}]
    [change] = article.known()["facts_changes"]
    assert (change["at"], change["revision"]) == (article.now.isoformat(timespec="milliseconds"), 1)
    assert article.fetch(changed).facts is None, "once"
    if name != "published":
        assert article.known()["facts"][name] == after
        assert article.known(article.now - timedelta(minutes=2))["facts"][name] == before
    assert article.known(START + timedelta(minutes=2))["facts_changes"] == []


NO_CHANGES: dict[str, Callable[[], str]] = {
    "no place for stocks": lambda: page(stocks=None),
    "no place for keywords": lambda: page(words=None),
    "no medium": lambda: page(media=""),
    "no times": lambda: page(updated="", published=""),
    "an impossible time": lambda: page(updated="0000-00-00 00:00:00"),
    "a stock named twice": lambda: page(stocks="sh600519&sh600519"),
    "keywords in another order": lambda: page(words="利率,银行"),
}


@pytest.mark.parametrize("what", NO_CHANGES)
def test_what_a_page_does_not_state_has_not_changed(article: Article, what: str) -> None:
    article.fetch(page(words="银行,利率") if "order" in what else page())
    for _ in range(2):
        assert article.fetch(NO_CHANGES[what]()).outcome is Outcome.SAME
        article.fetch(page(words="银行,利率") if "order" in what else page())
    assert article.changes() == []


def test_a_list_that_names_another_medium_than_the_page_changes_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "index.db")
    article = Article(store)
    article.poll("列题", media="列社")
    for _ in range(3):
        article.fetch()
    assert article.changes() == []
    assert article.known()["facts"]["media"] == "列社"
    article.fetch(page(media="乙社"))
    assert article.changes() == [{"media": {"from": "列社", "to": "乙社"}}]
    article.fetch(page(media="乙社", text="改文。"))
    assert article.store.articles.revisions(DOCID)[-1].media == "乙社", "the next version has it too"
    store.close()


def test_search_uses_the_facts_as_of_its_time(article: Article) -> None:
    article.fetch()
    before = article.now
    article.fetch(page(stocks="MSFT", media="乙社"))
    after = article.now
    for time, old, new in ((before, True, False), (after, False, True), (None, False, True)):
        assert article.found("symbol:sh600519", time) is old
        assert article.found("symbol:MSFT", time) is new
        assert article.found("media:甲社", time) is old
        assert article.found("media:乙社", time) is new
        assert article.found("正文", time)
        assert article.found("symbol:MSFT OR symbol:sh600519", time)
        assert article.found("正文 NOT symbol:MSFT", time) is old
    [hit] = article.store.search.find(parse("正文"), 9)
    assert (hit.symbols, hit.media) == (("MSFT",), "乙社")
    [hit] = article.store.search.find(parse("正文"), 9, before)
    assert (hit.symbols, hit.media) == (("sh600519",), "甲社")


def test_counts_exports_and_pages_of_stocks_use_the_facts_as_of_their_time(article: Article) -> None:
    article.fetch()
    before = article.now
    article.fetch(page(stocks="MSFT", words="利率", updated="2026-09-29 11:00:00"))
    stats = article.store.stats
    for time, symbol, other in ((before, "sh600519", "MSFT"), (EVER, "MSFT", "sh600519")):
        assert [hit.docid for hit in stats.of_symbol(symbol, 9, 0, time)] == [DOCID]
        assert stats.of_symbol(other, 9, 0, time) == []
        assert stats.facets(parse("正文"), time).symbols == ((symbol, 1),)
        assert stats.top_symbols(START - timedelta(days=1), EVER, time, 5) == [(symbol, 1)]
        [record] = article.store.search.each(parse("正文"), time)
        assert record.symbols == (symbol,)
    assert (record.keywords, record.updated) == (("利率",), datetime(2026, 9, 29, 3, tzinfo=UTC))


def test_followers_and_alerts_hear_of_no_change_of_facts(article: Article) -> None:
    article.fetch()
    changefeed = article.store.changefeed
    position = changefeed.last_position()
    article.fetch(page(stocks="MSFT"))
    newest = changefeed.last_position()
    assert changefeed.between(parse("正文"), position, newest, 9, every=True) == []
    assert changefeed.count(parse("symbol:MSFT"), position, newest) == 0
    assert len(list(changefeed.keys())) == 1


def test_changes_go_on_after_a_version(article: Article) -> None:
    article.fetch()
    article.fetch(page(stocks="MSFT"))
    article.fetch(page(stocks="AMZN", text="改文。"))
    assert len(article.changes()) == 1
    article.fetch(page(stocks="MSFT", text="改文。"))
    assert article.changes()[1:] == [{"symbols": {"from": ["AMZN"], "to": ["MSFT"]}}]
    assert [article.found(f"symbol:{each}") for each in ("sh600519", "AMZN", "MSFT")] == [False, False, True]
    assert article.store.articles.contradictions() == []


def test_facts_that_flap_become_rare_and_are_bounded(article: Article) -> None:
    article.fetch()
    decisions = [article.fetch(page(stocks=("MSFT", "AMZN")[n % 2])) for n in range(6)]
    assert [each.facts is not None for each in decisions] == [True] * 6
    assert decisions[-1].idle == 6
    assert decisions[-1].idle_until is not None
    assert decisions[-1].idle_until - article.now > timedelta(minutes=3)
    article.store._db.execute("UPDATE facts SET step = ? WHERE step = 6", [MAX_FACTS_CHANGES])
    article.store._db.execute("DELETE FROM facts WHERE step < 6")
    assert article.fetch(page(stocks="MSFT")).facts is None


def test_stocks_that_the_telegraph_names_later_are_a_change_of_facts(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "index.db")
    article = Article(store)
    for minute, (symbols, rule) in enumerate([((), 2), (("sh600519",), 2), ((), 2), (("MSFT",), 1)]):
        at = START + timedelta(minutes=minute)
        entry = Entry(
            "live1", "https://a.cn/1", "题", START, None, None, None, None, content="<p>文</p>", symbols=symbols
        )
        poll = Poll("live", at, 1, (entry,), (), caught_up=True)
        store.listings.commit_poll(poll, FILING, {"live1": ["live"]}, {"live1": ""})
        due = store.entries.due("", 1, at, at, ()) or store.articles.due_rechecks("", 1, at, at, ())
        fetch = Fetch(at, replace(due[0], entry=entry), "live", FILING, RULES, rule=rule)
        commit_batch(store, [ParsedFetch(fetch, parse_fetch(fetch, 1000), None, None)], lambda posts: None)
    revisions = store.articles.revisions("live1")
    assert [revision.symbols for revision in revisions] == [(), ("MSFT",)], "an older fetch made a version"
    changes = [each["changed"] for each in store.history.as_of("live1", EVER)["facts_changes"]]  # type: ignore[index]
    assert changes == [{"symbols": {"from": [], "to": ["sh600519"]}}, {"symbols": {"from": ["sh600519"], "to": []}}]
    assert article.store is store
    store.close()


# Moves

MOVED = page().replace("<head>", '<head><meta name="publishid" content="nuvwxyz0000002">')


def test_an_article_that_moves_is_neither_gone_nor_back(article: Article, tmp_path: Path) -> None:
    article.fetch()
    article.fetch(status=404)
    gone = article.known()["gone"]
    assert article.fetch(MOVED).outcome is Outcome.MOVED
    since = article.now.isoformat(timespec="milliseconds")
    article.fetch(MOVED)
    assert article.known()["gone"] == gone
    assert (article.known()["moved"]["docid"], article.known()["moved"]["at"]) == ("nuvwxyz0000002", since)
    article.fetch(MOVED.replace("nuvwxyz0000002", "nthirdd0000003"))
    assert article.known()["moved"]["docid"] == "nthirdd0000003"
    assert article.fetch(page(text="改文。")).outcome is Outcome.REVISED
    assert (article.known()["gone"], article.known()["moved"]) == (None, None)
    old, new = article.store.articles.revisions(DOCID)
    [absence] = compare_revisions(article.store, tmp_path, old, new, str).absences
    assert (absence.gone, absence.back) == (gone, article.now.isoformat(timespec="milliseconds"))


def test_another_articles_page_does_not_change_what_the_own_page_stated(article: Article) -> None:
    article.fetch()
    article.fetch(MOVED.replace("页题", "别题").replace("sh600519", "MSFT"))
    assert article.fetch().outcome is Outcome.SAME
    assert (article.titles(), article.changes()) == (["列题"], [])


def test_a_moved_article_that_lists_go_on_changing_becomes_idle(article: Article) -> None:
    article.fetch()
    decisions = [article.fetch(MOVED) for _ in range(5)]
    assert [each.idle for each in decisions] == [1, 2, 3, 4, 5]
    assert decisions[-1].idle_until
    assert article.store.articles.contradictions() == []
