"""The same story under two docids has one fingerprint, whatever its publishers add; different stories do not."""

from __future__ import annotations

import time

import pytest

from crawler.extract.fingerprint import story

TITLE = "前三季度社会消费品零售总额增长4.8%"
LEAD = "国家统计局发布的数据显示，前三季度，社会消费品零售总额同比增长4.8%，比上半年加快0.3个百分点。"
NEXT = "分地区看，城镇增长4.7%，乡村增长5.2%；其中餐饮收入39,000亿元，同比下降-0.6%。"
LAST = "有关负责人表示，下一阶段将继续实施提振消费的措施。"
TEXT = f"{LEAD}\n{NEXT}\n{LAST}"

SAME = {
    "paragraphs indented and joined": (TITLE, f"　　{LEAD}{NEXT}\n\n　　{LAST}"),
    "a dateline with a date": (TITLE, f"新华社北京9月28日电 {TEXT}"),
    "a dateline with its reporter": (TITLE, f"新华社北京9月28日电（记者 张三、李四）{TEXT}"),
    "a dateline in brackets": (TITLE, f"【财联社9月28日讯】{TEXT}"),
    "a dateline with an editor": (TITLE, f"财联社9月28日讯（编辑 王五），{TEXT}"),
    "a dateline of a paper in brackets": (TITLE, f"《科创板日报》28日讯（记者 赵六）{TEXT}"),
    "a dateline that ends in a bar": (TITLE, f"格隆汇9月28日丨{TEXT}"),
    "a dateline without a date": (TITLE, f"北京商报讯（记者 钱七）{TEXT}"),
    "learnt by an app": (TITLE, f"智通财经APP获悉，{TEXT}"),
    "news of a day": (TITLE, f"金融界9月28日消息 {TEXT}"),
    "a reporter and his place": (TITLE, f"21世纪经济报道记者 孙八 北京报道 {TEXT}"),
    "an editor's line": (TITLE, f"{TEXT}\n责任编辑：周九"),
    "an editor's line with another mark": (TITLE, f"{TEXT}\n编辑 | 周九\n校对丨吴十"),
    "an editor's line in brackets": (TITLE, f"{TEXT}\n（责任编辑：周九 HN001）"),
    "an editor without a mark": (TITLE, f"{TEXT}\n责任编辑 周九"),
    "who wrote it, first": (TITLE, f"文/郑一 编辑/王二\n{TEXT}"),
    "who wrote it, at the end of a paragraph": (TITLE, f"{TEXT}（记者张三）"),
    "the source, at the end of a paragraph": (TITLE, f"{TEXT}（文章来源：新华社）"),
    "the end, marked": (TITLE, f"{TEXT}（完）"),
    "the end, marked after the reporter": (TITLE, f"{TEXT}（本报记者 张三）（完）"),
    "where it comes from": (TITLE, f"来源：第一财经\n{TEXT}"),
    "where it comes from, with a bar": (TITLE, f"来源 | 第一财经\n{TEXT}"),
    "its first title": (TITLE, f"原标题：4.8%！社零数据出炉\n{TEXT}"),
    "its first title in brackets": (TITLE, f"（原标题：4.8%！社零数据出炉）\n{TEXT}"),
    "the site's declaration": (TITLE, f"{TEXT}\n新浪声明：此消息系转载自合作媒体，文章内容仅供参考。"),
    "a declaration in brackets": (TITLE, f"{TEXT}\n【免责声明】本文仅代表作者本人观点，与本网站无关。"),
    "a special declaration": (TITLE, f"特别声明：以上内容仅代表作者本人观点。\n{TEXT}"),
    "no advice": (TITLE, f"{TEXT}\n以上信息不构成任何投资建议，据此操作风险自担。"),
    "the app": (TITLE, f"{TEXT}\n海量资讯、精准解读，尽在新浪财经APP"),
    "a QR code": (TITLE, f"扫描下方二维码，关注我们\n{TEXT}"),
    "more to read": (TITLE, f"{TEXT}\n相关阅读：上半年数据回顾"),
    "full-width forms": (TITLE.replace("4.8%", "４．８％"), TEXT.replace("4.8%", "４．８％")),
    "other punctuation": (TITLE, TEXT.replace("，", ",").replace("；", ";")),
    "thousands without commas": (TITLE, TEXT.replace("39,000", "39000")),
    "another minus": (TITLE, TEXT.replace("-0.6", "\u22120.6")),
    "invisible characters": (f"{TITLE}\u200b", TEXT.replace("数据", "数\ufeff据")),
    "a label behind a bar": (f"{TITLE}|快讯", TEXT),
    "a label behind a wide bar": (f"{TITLE}丨数据", TEXT),
    "a label before a bar": (f"快讯 | {TITLE}", TEXT),
    "a label in brackets": (f"【宏观快讯】{TITLE}", TEXT),
    "a label with a colon": (f"快讯：{TITLE}", TEXT),
    "pictures announced": (f"{TITLE}（组图）", TEXT),
    "two labels": (f"【快讯】{TITLE}｜数据", TEXT),
    "a space in the title": (TITLE.replace("零售总额", "零售总额 "), TEXT),
}  # fmt: skip

OTHER = {
    "another title": ("前三季度社会消费品零售总额下降4.8%", TEXT),
    "another number": (TITLE, TEXT.replace("4.7%", "4.6%")),
    "a point moved": (TITLE, TEXT.replace("5.2%", "52%")),
    "a minus gone": (TITLE, TEXT.replace("-0.6", "0.6")),
    "a paragraph more": (TITLE, f"{TEXT}\n分析人士认为，第四季度有望延续回升态势。"),
    "a paragraph less": (TITLE, f"{LEAD}\n{NEXT}"),
    "the same title, another text": (TITLE, TEXT.replace("国家统计局", "地方统计局")),
    "what a reporter learnt": (TITLE, f"记者从有关部门获悉，数据还将修订。\n{TEXT}"),
    "what an editor does": (TITLE, f"{TEXT}\n编辑部认为应当关注餐饮业的恢复情况。"),
    "what an author thinks": (TITLE, f"{TEXT}\n作者认为，这一数字被高估。"),
    "what comes from abroad": (TITLE, f"{TEXT}\n来源于境外的消费增长更快。"),
    "payments by code": (TITLE, f"{TEXT}\n扫码支付的笔数增长一成。"),
    "a number beside a notice": (TITLE, f"{TEXT}\n餐饮收入另增3%。以上不构成投资建议。"),
    "numbers that stand apart": (TITLE, f"{TEXT}\n一月 4 8 二月"),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(SAME))
def test_what_editors_append_to_a_story_makes_no_other(how: str) -> None:
    title, variant = SAME[how]
    assert story(title, variant) == story(TITLE, TEXT) != ""


@pytest.mark.parametrize("how", sorted(OTHER))
def test_another_word_or_number_makes_another_story(how: str) -> None:
    title, variant = OTHER[how]
    assert story(title, variant) != story(TITLE, TEXT)


def test_a_long_text_is_the_same_story_under_another_title_and_a_short_one_is_not() -> None:
    """Republished texts get other titles; short notices differ only in their titles."""
    long = "\n".join(f"{TEXT}这是第{n}组数据。" for n in range(4))
    assert story("社零数据出炉：消费回暖", long) == story(TITLE, long) != ""
    assert story(TITLE, long) != story(TITLE, long.replace("第3组", "第4组"))
    assert story("社零数据出炉：消费回暖", TEXT) != story(TITLE, TEXT)


def test_of_a_short_title_the_label_is_the_shorter_part() -> None:
    short = "茅台三季报出炉"
    labelled = (f"{short}|快讯", f"快讯|{short}", f"【快讯】{short}", f"{short}（附股）")
    assert {story(title, TEXT) for title in labelled} == {story(short, TEXT)}


def test_a_title_that_is_only_a_label_is_preserved() -> None:
    assert story("快讯|收盘", TEXT) != story("快讯|开盘", TEXT)


def test_notices_that_differ_in_a_number_are_two_stories() -> None:
    notice = (
        "某公司将于{}月28日举行董事会会议，以审议及批准本公司及其附属公司截至年底止年度之全年业绩，"
        "并考虑派发末期股息（如有）以及处理任何其他事项。本公告由董事会秘书发布。"
    )
    assert story("某公司(01234.HK)将举行董事会会议", notice.format(3)) != ""
    assert len({story("某公司(01234.HK)将举行董事会会议", notice.format(month)) for month in (3, 4, 13)}) == 3


ODD = ("，", "（", "1,", "来源 ", "a", " -", "点击", "【a】", "a|", "记者 ")


@pytest.mark.parametrize("piece", ODD)
def test_odd_texts_take_no_longer_than_their_length(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    story(text, text)
    assert time.process_time() - began < 5  # a tenth of a second; what grows with the square takes a minute
