"""Later changes by the site: every version is stored, and differences in markup only make none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mocksite.server import MockSite
from tests.conftest import Home, Outcome

HISTORY = ".finarchive/history"

pytestmark = pytest.mark.slow  # each test crawls a few times


def crawled(home: Home) -> Outcome:
    done = home.run("crawl", "--json")
    assert done.status == 0, done.err
    return done


def history(home: Home) -> list[Path]:
    return sorted((home.root / HISTORY).rglob("*.md"))


def path_of(home: Home, docid: str) -> Path:
    return home.root / str(home.rows(f"SELECT path FROM entries WHERE docid = '{docid}'")[0][0])


def outcomes(home: Home, docid: str) -> list[tuple[str, int]]:
    rows = home.rows(f"SELECT outcome, revision FROM observations WHERE docid = '{docid}' ORDER BY id")
    return [(outcome, number) for outcome, number in rows]


@pytest.fixture
def archived(home: Home, mocksite: MockSite) -> Home:
    home.configure(mocksite.endpoint)
    crawled(home)
    mocksite.clock += 60
    return home


def test_an_edited_text_is_another_version_and_the_first_one_is_kept(archived: Home, mocksite: MockSite) -> None:
    docid = mocksite.site.stories[0].docid
    path = path_of(archived, docid)
    before = path.read_bytes()
    mocksite.site.edit(docid, mocksite.clock, body="<p>　　更正：前一版本的数字有误，应为4.9%。</p>")

    assert crawled(archived).json["revised"] == 1
    assert "更正" in path.read_text(encoding="utf-8")
    [old] = history(archived)
    assert old.relative_to(archived.root / HISTORY) == path.relative_to(archived.root).with_suffix(".1.md")
    assert old.read_bytes() == before
    rows = archived.rows(
        f"SELECT number, sha256, modified, fetched_at FROM revisions WHERE docid = '{docid}' ORDER BY number"
    )
    assert [row[0] for row in rows] == [1, 2]
    assert [row[1] for row in rows] == [hashlib.sha256(data).hexdigest() for data in (before, path.read_bytes())]
    assert rows[0][2] < rows[1][2], "the source's own time of change, of each version"
    assert rows[0][3] < rows[1][3]
    assert outcomes(archived, docid) == [("first", 1), ("revised", 2)]


def test_a_title_that_a_list_changes_is_another_version_at_the_same_path(archived: Home, mocksite: MockSite) -> None:
    docid = mocksite.site.stories[1].docid
    path = path_of(archived, docid)
    mocksite.site.edit(docid, mocksite.clock, title="换了一个标题")

    assert crawled(archived).json["revised"] == 1
    assert path_of(archived, docid) == path
    assert "title: '换了一个标题'" in path.read_text(encoding="utf-8")
    assert archived.run("show", docid, "--json").json["title"] == "换了一个标题"


def test_an_article_fetched_while_the_clock_was_ahead_is_rechecked(archived: Home, mocksite: MockSite) -> None:
    docid = mocksite.site.stories[0].docid
    archived.execute(
        "UPDATE entries SET tried = '2099-01-01T00:00:00.000+00:00', due = '2099-01-02T00:00:00.000+00:00'"
    )
    mocksite.site.edit(docid, mocksite.clock, title="换了一个标题")
    assert crawled(archived).json["revised"] == 1
    mocksite.clock += 60
    assert crawled(archived).json["revised"] == 0
    assert len(outcomes(archived, docid)) == 2, "once"


def test_a_changed_mtime_with_nothing_new_behind_it_is_no_version(archived: Home, mocksite: MockSite) -> None:
    docid = mocksite.site.stories[2].docid
    files = {path: path.read_bytes() for path in archived.files()}
    mocksite.site.edit(docid, mocksite.clock)  # only the time of change moves

    assert crawled(archived).json["revised"] == 0
    assert outcomes(archived, docid) == [("first", 1), ("same", 1)]
    assert {path: path.read_bytes() for path in archived.files()} == files
    assert history(archived) == []


FURNITURE = (
    '<div class="appendQr_wrap"><img src="//n.sinaimg.cn/qr.png?t={n}"><p>扫码{n}</p></div>',
    '<p>　　贵州茅台<span id="quote_sh600519">(1{n}.00, {n}.10, 0.5%)</span>今日上涨。</p>',
    '<div class="otherContent_01">推荐阅读：<a href="/x/{n}">第{n}条</a></div>',
    '<ins class="sinaads" data-ad-pdps="PDPS{n}"></ins><div id="ad_{n}">广告{n}</div>',
    "<!-- 模板 {n} -->",
    "<!-- 期货推广begin --><p>期货推广第{n}条。</p><!-- 期货推广end -->",
    "<p>新浪声明：此消息系转载自合作媒体{n}，文章内容仅供参考。</p>",
    '<div class="ct_hqimg"><img src="//image.sinajs.cn/newchart/{n}.gif"></div>',
    "<p>　　正文　不变 。</p>{n_blanks}",
)


def test_what_changes_at_every_load_is_no_version(archived: Home, mocksite: MockSite) -> None:
    """Each article has another piece of furniture."""
    docids = [story.docid for story in mocksite.site.stories[: len(FURNITURE)]]
    for number in (1, 2, 3):
        for docid, furniture in zip(docids, FURNITURE, strict=True):
            dress = furniture.replace("{n_blanks}", "\n \u3000 " * number).replace("{n}", str(number))
            mocksite.site.edit(docid, mocksite.clock, body=f"<p>　　正文。</p>{dress}")
        crawled(archived)
        mocksite.clock += 60
    expected = [("first", 1), ("revised", 2), ("same", 2), ("same", 2)]
    seen = {furniture: outcomes(archived, docid) for docid, furniture in zip(docids, FURNITURE, strict=True)}
    assert {furniture: found for furniture, found in seen.items() if found != expected} == {}


def test_an_article_that_reaches_a_recheck_age_is_rechecked(home: Home, mocksite: MockSite) -> None:
    """Without a word of the list: a silent edit."""
    home.configure(mocksite.endpoint, more='[schedule]\nrecheck = ["1s"]')
    crawled(home)
    docid = mocksite.site.stories[0].docid
    silent = mocksite.site.address(docid).removeprefix(mocksite.url)
    page = mocksite.site.article(silent)
    assert page is not None
    mocksite.site.pages[silent] = page.replace(b"</h1>", b"</h1>").replace(
        b'<p class="article-editor">', '<p>悄悄加的一段。</p><p class="article-editor">'.encode()
    )
    # Its age has come by another clock than ours: that of the index.
    home.execute("UPDATE entries SET recheck = '2020-01-01T00:00:00.000+00:00'")

    assert crawled(home).json["revised"] == 1
    assert outcomes(home, docid) == [("first", 1), ("revised", 2)]


def test_rechecks_stay_within_their_budget(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more='[schedule]\nrecheck = ["1s"]\nrechecks = 5')
    crawled(home)
    home.execute("UPDATE entries SET recheck = '2020-01-01T00:00:00.000+00:00'")
    mocksite.clear_hits()
    for _ in range(2):
        crawled(home)
    assert home.rows("SELECT count(*) FROM observations WHERE again = 1") == [(5,)]
    assert sum("/doc-i" in hit.path for hit in mocksite.hits) == 5


def test_a_limit_is_of_new_articles_and_nothing_is_rechecked(archived: Home, mocksite: MockSite) -> None:
    mocksite.site.edit(mocksite.site.stories[0].docid, mocksite.clock, title="新")
    done = archived.run("crawl", "--json", "--limit", "1")
    assert (done.status, done.json["revised"]) == (0, 0)
    assert crawled(archived).json["revised"] == 1


def test_a_fingerprint_by_an_older_rule_makes_no_version_and_gives_way_to_todays(
    archived: Home, mocksite: MockSite
) -> None:
    """Otherwise the first recheck after an update would make a version of every article."""
    docid = mocksite.site.stories[0].docid
    [(today,)] = archived.rows(f"SELECT fingerprint FROM revisions WHERE docid = '{docid}'")
    archived.execute("UPDATE revisions SET fingerprint = '0:ab', story = 'x'")
    mocksite.site.edit(docid, mocksite.clock)  # only its mtime

    assert crawled(archived).json["revised"] == 0
    assert outcomes(archived, docid) == [("first", 1), ("same", 1)]
    assert archived.rows(f"SELECT fingerprint FROM revisions WHERE docid = '{docid}'") == [(today,)]
    mocksite.clock += 60
    mocksite.site.edit(docid, mocksite.clock, body="<p>　　另一个正文，与前面的不同。</p>")
    assert crawled(archived).json["revised"] == 1
