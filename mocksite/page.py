"""The HTML of an article page, modelled on Sina's pages of 2026, with metas and page furniture. Pure."""

from __future__ import annotations

from datetime import datetime
from html import escape
from zlib import crc32

from mocksite.story import CHINA, Story

_CHANNELS = (
    ("财经首页", "/"),
    ("股票", "/stock/"),
    ("新股", "/stock/newstock/"),
    ("港股", "/stock/hkstock/"),
    ("美股", "/stock/usstock/"),
    ("基金", "/money/fund/"),
    ("期货", "/money/future/"),
    ("外汇", "/money/forex/"),
    ("黄金", "/money/gold/"),
    ("债券", "/bond/"),
    ("银行", "/money/bank/"),
    ("保险", "/money/insurance/"),
    ("宏观", "/china/"),
    ("国际", "/world/"),
    ("产经", "/chanjing/"),
    ("科技", "/tech/"),
)

_SIDEBAR = (
    "早间必读：昨夜今晨的十件大事",
    "一图看懂：本周解禁市值与分布",
    "数据说话：两融余额连续三周回升",
    "深度：县域消费的新账本",
    "图解：季末资金面的三个变量",
    "专访：老字号如何做好一碗面",
    "观察：跨境电商的物流之争",
    "周末读书：周期里的耐心",
)

_NAVIGATION = "\n".join(
    f'<li class="nav-item"><a href="{path}" target="_blank" data-sudaclick="nav_{number}_p">{name}</a></li>'
    for number, (name, path) in enumerate(_CHANNELS)
)

_STYLE = """<style type="text/css">
.main-content{margin:0 auto;width:1240px;position:relative}
.main-title{font-size:38px;line-height:54px;color:#2a2a2a;margin:20px 0 14px;font-weight:bold}
.date-source{float:left;font-size:14px;color:#888;line-height:30px}.date-source .source{margin-left:12px}
.article p{font-size:18px;line-height:32px;margin:0 0 30px;text-align:justify;word-wrap:break-word}
.article .img_wrapper{text-align:center;margin:0 auto 26px}.img_wrapper img{max-width:100%}
.img_descr{display:block;font-size:14px;color:#666;line-height:22px;padding:6px 30px 0}
.article-editor{text-align:right;color:#888}.nav-item{float:left;padding:0 11px;line-height:40px}
.sidebar-list li{height:30px;line-height:30px;overflow:hidden;border-bottom:1px dotted #ddd}
@media screen and (max-width:1240px){.main-content{width:1000px}.main-title{font-size:32px}}
</style>"""

# Meant to trip a careless extractor: tags, ids and braces inside strings and comparisons.
_SCRIPTS = """<script type="text/javascript">
(function (win, doc) {
  var started = +new Date(), queue = win.__siteQueue = win.__siteQueue || [];
  function find(id) { return doc.getElementById(id); }
  function on(node, kind, call) { if (node && node.addEventListener) { node.addEventListener(kind, call, false); } }
  on(win, 'scroll', function () {
    var bar = find('top_bar'), top = doc.documentElement.scrollTop || doc.body.scrollTop;
    if (bar) { bar.className = top > 180 && top < 99999 ? 'top-bar fixed' : 'top-bar'; }
  });
  queue.push({kind: 'pv', at: started, html: '<div id="artibody"><p>not the article<\\/p><\\/div>'});
  for (var i = 0; i < queue.length; i++) { if (queue[i].kind === 'pv' && !queue[i].sent) { queue[i].sent = true; } }
})(window, document);
</script>
<script>
var siteWidgets = {"quotes": {"interval": 5000, "fields": ["price", "change", "percent"], "color": "red-up"},
  "comment": {"channel": "cj", "pageSize": 20, "anonymous": false}, "share": ["weibo", "wechat", "qzone"],
  "player": {"auto": false, "ratio": "16:9"}, "fontSizes": [16, 18, 20], "nightMode": false};
</script>"""

_QR_BLOCK = """
<!-- 正文下iframe -->

<!-- 总声明-->

<!-- 总声明-->

<!-- 文末二维码 start -->
<style>
.appendQr_wrap{border:1px solid #E8E8E8;padding:10px;}
.appendQr_normal{float:left;}
.appendQr_normal img{width:90px;}
.appendQr_normal_txt{float:left;font-size:18px;line-height:90px;padding-left:16px;color:#444;}
</style>
<div class="clearfix appendQr_wrap">
    <div class="appendQr_normal"><img src="//n.sinaimg.cn/replica/app/qr.png" /></div>
    <div class="appendQr_normal_txt">扫码下载客户端，行情资讯早知道</div>
</div>
<!-- 文末二维码 end -->
"""

_EDITORS = ("陈一鸣", "周晓岚", "李木子", "何思远", "吴桐")


def render_page(story: Story, base_url: str) -> bytes:
    """The page of `story` in UTF-8. Its edits are not applied here."""
    return "".join(
        (
            f"<!DOCTYPE html>\n<!-- [ published at {_china(story.mtime):%Y-%m-%d %H:%M:%S} ] -->\n<html>\n<head>\n",
            _head(story, base_url),
            "\n</head>\n<body><!-- body code begin -->\n",
            _SCRIPTS,
            f'\n<div class="top-nav" id="top_nav"><ul class="clearfix">\n{_NAVIGATION}\n</ul></div>\n',
            '<div class="main-content w1240">\n',
            _title_bar(story),
            '<div class="article-content clearfix" id="article_content">\n<div class="article-content-left">\n',
            '<div class="ad top-ad"><ins class="sinaads" data-ad-pdps="PDPS000000000001"></ins>\n',
            "<script>(sinaads = window.sinaads || []).push({})</script></div>\n",
            _article(story),
            _below(story),
            "</div>\n",
            _sidebar(story),
            "</div>\n</div>\n</body>\n</html>\n",
        )
    ).encode()


def _china(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, CHINA)


def _head(story: Story, base_url: str) -> str:
    address = base_url + story.path
    title, media, keywords = escape(story.title), escape(story.media), escape(",".join(story.keywords))
    created, updated = _china(story.ctime), _china(story.mtime)
    image = escape(story.image or "//n.sinaimg.cn/replica/app/logo.png")
    return f"""    <meta charset="utf-8"/>
    <meta http-equiv="X-UA-Compatible" content="IE=edge"/>
    <meta content="always" name="referrer">
<meta property="bytedance:published_time" content="{created.isoformat()}" />
<meta property="bytedance:updated_time" content="{updated.isoformat()}" />
<meta name="sudameta" content="urlpath:{escape(story.section)}/; allCIDs:57045,257,51894" />
<title>{escape(story.title, quote=False)}_新浪财经_新浪网</title>
<meta name="keywords" content="{keywords}" />
<meta name="tags" content="" />
<meta name="description" content="{title}(AI生成)" />
<meta property="og:type" content="news" />
<meta property="og:title" content="{title}" />
<meta property="og:description" content="{title}" />
<meta property="og:url" content="{address}" />
<meta property="og:image" content="{image}" />
<meta name="weibo: article:create_at" content="{created:%Y-%m-%d %H:%M:%S}" />
<meta name="weibo: article:update_at" content="{updated:%Y-%m-%d %H:%M:%S}" />
<!--news_web_article_v2017_meta -->
<meta name="stencil" content="PGLS000526" />
<meta name="publishid" content="{story.docid}" />
<meta name="comment" content="cj:comos-{story.docid}" />
<meta name="mediaid" content="{media}">
<meta property="article:published_time" content="{created.isoformat()}" />
<meta property="article:author" content="{media}" />
<script type="text/javascript">var __docConfig = {{__channel: 'cj', __docId: 'comos-{story.docid}'}};</script>
{_STYLE}
<meta name="sudameta" content="dataid:comos:{story.docid}" />"""


def _title_bar(story: Story) -> str:
    title, media = escape(story.title, quote=False), escape(story.media, quote=False)
    source = f'<span class="source ent-source">{media}</span>'
    if story.page_layout == "news":
        source = f'<a href="/media/" target="_blank" class="source" rel="nofollow">{media}</a>'
    return f"""<div class="path-search"><div class="channel-path" data-sudaclick="cnav_breadcrumbs_p">
<a href='/'>财经</a> <span class="spliter">></span> <span>正文</span></div></div>
<h1 class="main-title">{title}</h1>
<div class="top-bar-wrap" id="top_bar_wrap"><div class="top-bar ani" id="top_bar"><div class="top-bar-inner clearfix">
<div class="second-title">{title}</div>
<div class="date-source" data-sudaclick="content_media_p">
    <span class="date">{_china(story.ctime):%Y年%m月%d日 %H:%M}</span>
    {source}</div>
</div></div></div>
"""


def _article(story: Story) -> str:
    element = "article" if story.page_layout == "news" else "artibody"
    editor = _EDITORS[crc32(story.docid.encode()) % len(_EDITORS)]
    return f"""<!-- 原始正文begin -->
<div class="article" id="{element}">
\t<!-- 相关专题top start-->

\t<!-- 视频播放器start -->

\t<!-- 行情图end -->

{story.body}
{_QR_BLOCK}
<!-- 编辑姓名及工作代码 -->
<p class="article-editor">责任编辑：{editor} </p>
<!-- 编辑姓名及工作代码-->
</div>
<!-- 原始正文end -->
"""


def _below(story: Story) -> str:
    words = "".join(f'<a href="/k/" target="_blank">{escape(word, quote=False)}</a>' for word in story.keywords)
    joined = escape(",".join(story.keywords))
    return f"""<div class="article-bottom clearfix" id='article-bottom'>
<div id="keywords" class="keywords" data-wbkey="{joined}" data-sudaclick="content_keywords_p">\
<label>文章关键词：</label>{words}</div>
<div class="blk-comment" id="bottom_sina_comment"></div></div>
"""


def _sidebar(story: Story) -> str:
    # The page furniture varies in size, as on real pages. It follows from the docid alone.
    length = 8 + crc32(story.docid.encode()) % 40
    rows = "\n".join(
        f'<li><a href="/roll/{number}.shtml" data-sudaclick="side_{number}_p">'
        f"{_SIDEBAR[number % len(_SIDEBAR)]}</a><span>{number % 12 + 1:02d}月{number % 28 + 1:02d}日</span></li>"
        for number in range(length)
    )
    return f"""<div class="article-content-right"><h2>滚动播报</h2>
<ul class="sidebar-list">
{rows}
</ul></div>
"""
