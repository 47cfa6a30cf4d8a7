"""Sites whose article pages are known: which element contains the article, and what in it does not belong to it.

A site is a declaration. The selectors are facts about the sites, as several readers of their pages state them; where
they are from is stated with each. Elements that pages of all sites have (share bars, comments, advertisements) are in
furniture.py. See D192.
"""

from __future__ import annotations

from msgspec import Struct


class Site(Struct, frozen=True):
    """A site's article pages. Fields other than name and hosts are selectors; the first that matches counts."""

    name: str  # its page is tests/pages/sites/NAME.html
    hosts: tuple[str, ...]  # and their subdomains
    body: tuple[str, ...]  # article elements, newest layout first
    title: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    medium: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()  # in the article element, beside what is removed on every site


# GNE: the test pages of GeneralNewsExtractor. RSSHub: its routes for the site.
SITES = (
    Site(  # GNE; RSSHub 163
        "163", ("163.com", "netease.com"), ("#endText", "#content .post_body", ".post_body", ".post_text"),
        ("h1.post_title", "#epContentLeft h1", ".post_content_main h1"), (".post_info", ".post_time_source"),
        ("#ne_article_source", ".post_info a"), remove=(".ep-source", ".gg200x300", ".special_tag_wrap",
        ".nph_gallery"),
    ),
    Site(  # GNE
        "hexun", ("hexun.com",), (".art_contextBox", ".art_context"), (".articleName h1",), (".pr20",),
        (".tip a",), remove=(".showAll", "#shareBottom"),
    ),
    Site(  # GNE; RSSHub guancha
        "guancha", ("guancha.cn",), (".content.all-txt", ".article-txt-content"), (".left-main > h3",
        ".article-content h1"), (".time span", ".time"), (".time span:nth-of-type(3)",),
    ),
    Site(  # GNE; RSSHub wechat
        "wechat", ("mp.weixin.qq.com",), ("#js_content",), ("#activity-name", "h1.rich_media_title"),
        ("#publish_time",), ("#js_name",), ("#js_author_name",), (".mp_profile_iframe_wrp", "mpvoice",
        ".js_uneditable", "qqmusic"),
    ),
    Site(  # GNE; RSSHub stcn
        "stcn", ("stcn.com",), (".txt_con", ".detail-content"), (".intal_tit h2", ".detail-title"), (".info",
        ".detail-info"), (".info span:first-of-type",), remove=(".txt_zhu", ".om", ".adv", ".social-share"),
    ),
    Site(  # GNE; RSSHub people
        "people", ("people.com.cn", "people.cn"), ("#rwb_zw", ".rm_txt_con", ".box_con", "#p_content"),
        (".text_title h1", ".rm_txt h1"), (".box01 .fl", ".channel .col-1-1"), (".box01 .fl a", ".channel a"),
        remove=(".edit", ".zdfy", "#paper_num", ".bdPara", ".box_pic + .clear"),
    ),
    Site(  # GNE; RSSHub news
        "xinhuanet", ("xinhuanet.com", "news.cn"), ("#detailContent", "#detail", "#p-detail", ".p-detail",
        "#article"), (".h-title", ".head-line h1", ".title"), (".h-time", ".header-time", ".info"), ("#source",
        ".source"), remove=(".p-tags", "#p-jc", ".zan-wap", ".tiyi1", ".relation_article", ".video-frame",
        ".bcr_info"),
    ),
    Site(  # RSSHub eastmoney
        "eastmoney", ("eastmoney.com", "1234567.com.cn"), ("#ContentBody", ".txtinfos", "#newsContent",
        ".newsContent"), (".newsContent h1", "#topbox .title", ".title"), ("#topbox .item", ".time-source .time",
        ".time"), (".source .data-source", "#topbox .item:nth-child(2)"), remove=(".em_media", ".res-edit",
        ".emContext", ".em-media", ".reading", ".abstract .tit"),
    ),
    Site(  # RSSHub cls
        "cls", ("cls.cn",), (".detail-content", ".telegraph-content-box", ".article-content"),
        (".detail-title-content", ".detail-title", ".detail-telegraph-content strong"), (".detail-time",
        ".f-l.m-r-10"), (".source",),
    ),
    Site(  # RSSHub caixin
        "caixin", ("caixin.com",), ("#Main_Content_Val", "#the_content .text", "#the_content"), ("#conTit h1",),
        ("#artInfo",), ("#artInfo a",), remove=("#subhead", ".pip", ".moreReport", "#chargeWall",
        ".media_pic dd + dd"),
    ),
    Site(  # RSSHub yicai
        "yicai", ("yicai.com",), ("#multi-text", ".m-txt", ".article-content"), (".title h1",), (".title em",
        ".title p"), (".title span",), remove=(".m-edit", ".m-line", ".f-mgt20"),
    ),
    Site(  # RSSHub 21caijing
        "21jingji", ("21jingji.com", "21cbh.com"), (".detailCont", ".txtContent", ".main_content"), ("h1.titl",
        "h1"), (".newsDate", ".author .date"), (".newsFrom", ".author"),
    ),
    Site(  # RSSHub cnstock
        "cnstock", ("cnstock.com",), ("#qmt_content_div", ".content #qmt_content_div", ".article-content",
        ".content"), ("h1.title", "h1"), (".timer",), (".source",), (".author",), ("#contenttext .tit",),
    ),
    Site(  # RSSHub jiemian
        "jiemian", ("jiemian.com",), (".article-content",), (".article-header h1",), (".article-info .date",
        ".article-info span[data-article-publish-time]"), (".article-info .article-source",),
        (".article-info .author",), (".article-source", ".jiemian-download"),
    ),
    Site(  # GNE; RSSHub thepaper. Names of classes have a suffix that changes with each release.
        "thepaper", ("thepaper.cn",), (".news_txt", "[class*=index_cententWrap]", ".news_part"), ("h1.news_title",
        "h1[class*=index_title]", "h1"), (".news_about", "[class*=index_left] .ant-space"),
        (), (".news_about p:first-child",),
    ),
    Site(  # RSSHub 36kr
        "36kr", ("36kr.com",), (".articleDetailContent", ".article-content", ".item-desc"), ("h1.article-title",),
        (".title-icon-item.item-time", ".item-time"), (), (".title-icon-item.item-a",),
    ),
    Site(  # RSSHub wallstreetcn
        "wallstreetcn", ("wallstreetcn.com",), (".article-content .rich-text", ".rich-text",
        "article .node-article-content"), (".article-header .title", "h1"), ("time.meta-item.time", "time"), (),
        (".meta-item.author",),
    ),
    Site(  # GNE; RSSHub ifeng
        "ifeng", ("ifeng.com",), ("#artical_real #main_content", "#main_content", "[class*=main_content-]",
        "[class*=index_main_content]", "[class*=index_text]"), ("#artical_topic", "h1[class*=topic-]",
        "h1[class*=index_topic]"), (".ss01", "[class*=time-]", "[class*=index_time]"), (".ss03", "[class*=source-]",
        "[class*=index_source]"), remove=("[class*=end_page]", "[class*=contentBottomAd]"),
    ),
    Site(  # RSSHub sohu
        "sohu", ("sohu.com",), ("#mp-editor", "article.article", ".article-page article", "#contentText"),
        (".text-title h1", "h1"), ("#news-time", ".time"), (".original-link a", ".article-info .name"),
        remove=("#backsohucom", ".original-title", ".lookall-box", "[data-role=editor-name]"),
    ),
    Site(  # GNE; RSSHub tencent
        "qq", ("qq.com",), ("#Cnt-Main-Article-QQ", ".content-article", "#article-content .rich_media_content",
        ".rich_media_content", "#article-content"), (".qq_article h1", ".LEFT h1", "h1"), (".a_time",
        ".media-meta .time", ".article-time"), (".a_source", ".media-name"), remove=("#Status", ".article-status",
        ".rv-root-v2", ".videoPlayer", "[classname=article-logo]", ".qq_editor"),
    ),
    Site(  # GNE
        "toutiao", ("toutiao.com",), (".article-content article", ".syl-article-base", ".article-content",
        ".gallery-sub"), (".article-content h1", "h1.article-title", "h1"), (".article-meta", ".article-sub"), (),
        (".article-meta .name", ".article-sub span:first-child"),
    ),
    Site(  # GNE; the page's own names changed with each release
        "baijiahao", ("baijiahao.baidu.com", "mbd.baidu.com"), ("[data-testid=article]", ".article-content",
        "#left-container [class*=index-module_articleWrap]"), (".article-title h2", ".article-title h1",
        "[class*=index-module_headerWrap] h1", "#header h1"), (".article-source",
        "[class*=index-module_articleSource]", "[data-testid=updatetime]"), (), (".author-name",
        "[data-testid=author-name]"),
    ),
)  # fmt: skip

# Selectors that no other site uses for something else: they are tried on each page, as some sites publish articles
# under other names, and others copy a page with its markup.
ANYWHERE = (
    "#endText", ".art_contextBox", ".content.all-txt", "#js_content.rich_media_content", "#ctrlfscont.txt_con",
    ".txt_con", "#rwb_zw", ".rm_txt_con", "#p-detail", "#ContentBody", "#Main_Content_Val", "#multi-text",
    "#qmt_content_div", ".news_txt", ".articleDetailContent", "#main_content.js_selection_area",
    "[class*=main_content-]", "#mp-editor", "#Cnt-Main-Article-QQ", ".content-article", ".post_body", ".post_text",
    ".syl-article-base", ".TRS_Editor", ".trs_editor_view", "#UCAP-CONTENT", ".Custom_UnionStyle", "#artibody",
)  # fmt: skip


def site_of(host: str) -> Site | None:
    """Return the declaration of the site that a host belongs to.

    :param host: in lower case
    """
    found = [(len(name), site) for site in SITES for name in site.hosts if host == name or host.endswith(f".{name}")]
    return max(found, key=lambda pair: pair[0])[1] if found else None  # mp.weixin.qq.com before qq.com
