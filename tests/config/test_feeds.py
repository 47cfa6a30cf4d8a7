import pytest

from config.load import builtin_feeds

FEEDS = builtin_feeds()
ON = [feed for feed in FEEDS if feed.enabled]
ROLL = [feed for feed in FEEDS if feed.kind == "roll"]

# pageid, lid and Sina's name of every roll list that is known.
KNOWN_LISTS = {
    (155, 1686, "新浪财经－国內"), (155, 1687, "宏观经济"), (155, 1688, "地方经济"), (155, 1689, "部委动态"),
    (155, 1690, "金融新闻"), (155, 3231, "今日财经TOP10"),
    (384, 2519, "财经"), (384, 2671, "股市"), (384, 2672, "美股"), (384, 2673, "中国概念股"), (384, 2674, "港股"),
    (384, 2675, "研究报告"), (384, 2676, "全球市场"), (384, 2487, "外汇"),
    (153, 2509, "全部"), (153, 2510, "国内"), (153, 2511, "国际"), (153, 2514, "军事"), (153, 2515, "科技"),
    (153, 2516, "财经"), (153, 2517, "股市"), (153, 2518, "美股"), (153, 2669, "社会"),
}  # fmt: skip
# cid and name of every column that public code calls alive in 2026.
KNOWN_COLUMNS = {
    (56589, "大盘评述"), (56598, "宏观研究"), (56605, "市场研究"), (56978, "机构观点"), (56592, "上市公司"),
    (56615, "主力动向"), (57027, "港股市场快讯"), (57028, "港股大行研报"), (57038, "港股公司新闻"),
    (56907, "基金市场"), (56982, "外汇"), (56988, "期货"), (56995, "期市要闻"), (57085, "黄金分析"),
    (56683, "银行要闻"), (56689, "央行动态"), (56757, "保险要闻"),
}  # fmt: skip


def filed_under(lids: str) -> str | None:
    named = {int(lid) for lid in lids.split(",")}
    return next((feed.id for feed in ON if feed.lid in named), None)


def test_every_known_list_is_there_once() -> None:
    assert {(feed.pageid, feed.lid, feed.categories[2]) for feed in ROLL} == KNOWN_LISTS
    assert len(ROLL) == len(KNOWN_LISTS)


def test_every_known_column_is_there_once() -> None:
    columns = [feed for feed in FEEDS if feed.kind == "column"]
    assert {(int(feed.endpoint.split("/")[-1].removesuffix(".shtml")), feed.categories[2]) for feed in columns} == (
        KNOWN_COLUMNS
    )
    assert len(columns) == len(KNOWN_COLUMNS)


def test_ids_are_unique() -> None:
    assert len({feed.id for feed in FEEDS}) == len(FEEDS)


def test_all_are_filed_beside_each_other() -> None:
    assert {feed.kind for feed in FEEDS} == {"roll", "live", "column", "usstock"}
    assert {feed.categories[:2] for feed in FEEDS} == {("金融", "新浪财经")}
    assert {feed.author_name for feed in FEEDS} == {"新浪财经"}


def test_live_financial_lists_are_on_and_the_others_off() -> None:
    assert {feed.lid for feed in ROLL if feed.enabled} == {
        1686, 1687, 1688, 1689, 1690, 3231, 2516, 2671, 2672, 2673, 2674, 2675, 2676, 2487,
    }  # fmt: skip
    assert [feed.id for feed in ON if feed not in ROLL] == ["telegraph"]  # what no roll list carries


def test_lists_that_are_on_go_to_folders_of_their_own() -> None:
    assert len({feed.categories for feed in ON}) == len(ON)


@pytest.mark.parametrize(
    ("narrow", "broad"),
    [
        ("chinaconcept", "usstock"),
        ("usstock", "global"),
        ("global", "stocks"),
        ("hkstock", "stocks"),
        ("stocks", "finance"),
        ("forex", "finance"),
        ("research", "finance"),
        ("macro", "china"),
        ("regional", "china"),
        ("ministries", "china"),
        ("banking", "china"),
        ("china", "finance"),
        ("finance", "top10"),  # a ranking is about no subject: it files what is left
        ("finance", "all"),
        ("tech", "all"),
    ],
)
def test_narrow_lists_come_before_broad_ones(narrow: str, broad: str) -> None:
    order = [feed.id for feed in FEEDS]
    assert order.index(narrow) < order.index(broad)


@pytest.mark.parametrize(
    ("lids", "feed"),
    [
        ("1686", "china"),
        ("1686,1687", "macro"),
        ("295,747,2509,2516,2517,2518,2519,2672", "usstock"),
        ("1083,2509,2516,2517,2518,2519,2671,2672,2673,2676", "chinaconcept"),
        ("2509,2516,2519,3231", "finance"),
        ("3231", "top10"),
        ("2509,2515", None),
    ],
)
def test_articles_are_filed_by_what_they_are_about(lids: str, feed: str | None) -> None:
    assert filed_under(lids) == feed
