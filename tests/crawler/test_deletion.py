"""Notices of deletion: the words, the pages that show them, and texts that only talk about deletions."""

from __future__ import annotations

import time
from itertools import product

import pytest
from msgspec.structs import replace

from archive.model.feed import Entry
from crawler.errors import ExtractionError, GoneError
from crawler.extract.deletion import (
    AGENTS,
    ENGLISH,
    MOVES,
    NOUNS,
    REASONS,
    REMOVALS,
    STATES,
    find_deletion_notice,
    phrase_instead_of,
)
from crawler.extract.listed import extract_from_listing
from tests.crawler.test_extract import BARE, FETCHED, article_of

NOTICES = (
    "该文章已被删除", "您访问的页面不存在或已删除", "文章已下线", "内容已失效", "您要查看的网页已被删除",
    "页面没有找到", "抱歉，该文章已被删除。", "很抱歉，您访问的文章已经删除",
    "对不起，您要访问的页面不存在或已被删除！", "很抱歉，您要访问的页面可能已被删除、更名或暂时不可用",
    "该 文 章 已 被 删 除", "【该文章已被删除】", "\u3000\u3000该文章\n已被删除", "該文章已被刪除",
    "抱歉，您訪問的頁面不存在或已刪除", "此內容已被發佈者刪除", "您所查詢的頁面不存在", "找不到網頁",
    "本文已被作者删除", "此文已删除", "由于版权原因，该文章已下线", "该文章因版权原因已被删除",
    "因违反相关规定，该内容已被删除", "页面没有找到 5秒钟之后将会带您进入首页!",
    "404，您访问的页面不存在，返回首页", "页面不存在_新浪网", "404 Not Found",
    "抱歉！您要访问的文章不存在或已被删除。请检查您输入的网址是否正确，或返回新浪首页。",
    "该新闻已经删除，给您带来不便，敬请谅解！", "没有找到您访问的页面", "找不到该文章",
    "该页面已被移除或链接已失效", "温馨提示：该文章已被删除", "您浏览的文章已被作者自行删除，感谢您的关注",
    "啊哦，你所访问的页面不存在了", "您好，您所浏览的新闻已经下线，请浏览其他新闻。",
    "您要浏览的页面暂时无法访问或者已被删除", "已被删除", "此文章已于9月1日下线",
    "Sorry, the page you requested was not found.", "抱歉，此文章已删除或者您没有权限查看", "该文章暂时找不到了",
)  # fmt: skip
OTHERS = (
    "快讯：该文章已被删除，公司致歉。", "涉事公众号文章已被删除", "网传文章已被删除，平台回应", "相关内容已下架",
    "平台称该文章已被删除", "特斯拉官网已下架该车型", "因监管要求，某App已下架。", "公司已于今日撤回上市申请",
    "记者发现，该网页已无法打开，页面显示“页面没有找到”。", "微博关闭", "内容下架", "优惠已到期", "没有消息",
    "文章", "404万元", "服务器繁忙，请稍后再试", "请登录后查看", "抱歉", "返回首页", "", "。",
)  # fmt: skip
LONG = "央行今日宣布下调存款准备金率零点五个百分点。\n分析人士称，影响有限，后续仍有空间，市场预计年内还有一次。"


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_is_one_with_its_courtesies(text: str) -> None:
    notice = find_deletion_notice(text)
    assert notice is not None
    assert notice.is_whole
    assert notice.phrase
    assert notice.phrase in " ".join(text.split())


@pytest.mark.parametrize("text", OTHERS)
def test_other_short_texts_are_none(text: str) -> None:
    notice = find_deletion_notice(text)
    assert notice is None or not notice.is_whole


def test_each_word_of_the_tables_makes_a_notice() -> None:
    texts = [f"该{noun}已被{removal}" for noun, removal in product(NOUNS, REMOVALS)]
    texts += [f"您访问的{noun}{state}" for noun, state in product(NOUNS, STATES)]
    texts += [f"页面可能已被删除或{move}" for move in MOVES]
    texts += [f"文章已被{agent}删除" for agent in AGENTS]
    texts += [f"由于{reason}原因，文章已删除" for reason in REASONS]
    texts += ENGLISH
    assert [text for text in texts if not (notice := find_deletion_notice(text)) or not notice.is_whole] == []


@pytest.mark.parametrize(
    "piece", ["您要访问的", "已被", "抱歉", "或", "页面不存在或", "无", "可能已", "如有", "感谢", "该文"]
)
def test_odd_texts_take_no_long_time(piece: str) -> None:
    began = time.process_time()
    for length in (200, 400, 200_000):
        find_deletion_notice(piece * (length // len(piece)))
    assert time.process_time() - began < 1  # less than a millisecond


# Pages

NAVIGATION = "<nav><a href=/>新浪首页</a> | <a href=/news>新闻</a></nav>"
FOOTER = "<footer>新浪简介 | 客户服务 | 联系我们 | Copyright © 1996-2026 SINA Corporation, 版权所有 新浪公司</footer>"


@pytest.mark.parametrize("text", [each for each in NOTICES if "\n" not in each])
@pytest.mark.parametrize(
    "page",
    [
        "<title>{}</title>",
        "<title>新浪网</title><body>{}</body>",
        "<title>新浪网</title><body><p>{}</p></body>",
        f"<title>新浪网</title><body>{NAVIGATION}<div>{{}}</div>{FOOTER}</body>",
        '<title>题</title><div id="artibody"><p>{}</p></div>',
        '<title>题</title><div id="artibody"><p>{}</p><p class="article-editor">责任编辑：甲</p></div>',
        f'<title>题</title>{NAVIGATION}<div class="article" id="article"><h2>{{}}</h2></div>{FOOTER}',
        f'<title>题</title>{NAVIGATION}<div id="artibody"></div><div>{{}}</div>{FOOTER}',
    ],
)
def test_a_page_with_a_notice_is_gone(page: str, text: str) -> None:
    with pytest.raises(GoneError, match=r"the page says .+, with status 200"):
        article_of(f"<html>{page.format(text)}</html>")


@pytest.mark.parametrize("text", NOTICES[:12])
def test_a_notice_among_the_words_of_the_navigation_is_one(text: str) -> None:
    with pytest.raises(GoneError):
        article_of(
            f"<title>新浪网</title><body><div>新浪首页 新闻 财经 股票 <span>{text}</span> 登录 注册</div></body>"
        )


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_the_evidence_has_the_words_of_the_page(encoding: str) -> None:
    with pytest.raises(GoneError, match=r"^the page says 您訪問的頁面已刪除, with status 200$"):
        article_of("<body>抱歉，您訪問的頁面已刪除！</body>".encode(encoding))


def test_an_article_about_deletions_is_an_article() -> None:
    for text in (*OTHERS[:9], f"该文章已被删除。{LONG}", f"{LONG}\n该文章已被删除。"):
        assert article_of(f'<title>题</title><div id="artibody"><p>{text}</p></div>').text


def test_a_page_of_another_layout_that_quotes_a_notice_is_unreadable_and_not_gone() -> None:
    paragraphs = "".join(f"<p>第{n}段。{LONG}</p>" for n in range(20))
    for page in (
        f"<title>某平台删除文章</title><body>{paragraphs}<p>该文章已被删除</p>{paragraphs}</body>",
        "<title>财经</title><body><ul><li><a href=/1>该文章已被删除</a></li></ul></body>",
        "<title>财经</title><body><script>show('该文章已被删除')</script></body>",
    ):
        with pytest.raises(ExtractionError, match="no article element") as caught:
            article_of(page)
        assert not isinstance(caught.value, GoneError)


def test_an_illustration_of_a_notice_is_no_article_and_a_series_of_images_is_one() -> None:
    one, two = (
        '<div id="artibody"><p>页面不存在</p>' + '<img src="/a.png">' * number + "</div>" for number in (1, 2)
    )
    with pytest.raises(GoneError):
        article_of(one)
    assert article_of(two).text == "页面不存在"


def test_an_image_without_a_text_is_an_article_whatever_is_around_it() -> None:
    page = '<title>题</title><div id="artibody"><img src="/a.png"></div><p>该视频已被删除</p>'
    assert len(article_of(page).pictures) == 1


def test_a_text_in_a_listing_is_never_a_notice() -> None:
    entry: Entry = replace(BARE, title="题", content="<p>该文章已被删除</p>")
    assert extract_from_listing(entry, FETCHED, note="").text == "该文章已被删除"


# Instead of a text


@pytest.mark.parametrize(
    "text",
    [
        "该文章已被删除，详情请拨打4000520066。",
        "抱歉，该内容已下线，编辑部正在核实有关情况",
        "央行下调准备金率\n该文章已被删除",
        "该文章已被删除",
    ],
)
def test_a_notice_with_other_words_replaces_a_longer_text(text: str) -> None:
    assert phrase_instead_of(LONG, text)


@pytest.mark.parametrize(
    ("older", "text"),
    [
        (LONG, "快讯：该文章已被删除，公司致歉。"),
        (LONG, f"该文章已被删除。{LONG.splitlines()[0]}"),
        (LONG, "该文章已被删除。" + "记者注意到，此前的报道引发关注。" * 30),
        ("公司否认传闻。", "该文章已被删除，公司否认传闻，并表示将追究责任。"),
        ("公司否认传闻。", "该文章已被删除，公司否认有关的传闻。"),
        (None, "该文章已被删除，公司致歉。"),
        (LONG, ""),
    ],
)
def test_a_text_that_is_still_there_or_was_short_is_not_replaced(older: str | None, text: str) -> None:
    assert phrase_instead_of(older, text) == ""
