"""Notices that an article is deleted, which sites show with status 200. Pure.

The tables have all the words of such notices. A text is a notice if it consists of them: of a statement of what
happened to the article, and of the phrases of courtesy and navigation that error pages have beside it. See D133.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import accumulate

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from crawler.extract.plain_text import lines, remove
from crawler.markup.parser import parse_html

# Longer texts are no notices. Those of error pages have less than half of this, with their navigation.
MAX_NOTICE_CHARS = 200
# A page with more text than this besides its links is no error page, whatever one of its lines says.
MAX_PAGE_CHARS = 600
# Shorter lines (a place, a date) may be in the notice too.
_MIN_LINE_CHARS = 8

# What a page calls itself, or what was there.
NOUNS = (
    "文章", "页面", "网页", "网址", "内容", "新闻", "信息", "帖子", "稿件", "文稿", "链接", "地址", "资源", "视频",
    "图片", "正文", "全文", "图集", "专题", "专栏", "博文", "博客", "微博", "文档", "资讯", "报道", "消息", "作品",
    "快讯", "日志", "文件", "文", "页", "帖", "贴子",
)  # fmt: skip
# What happened to it, after 已, 被 and the like.
REMOVALS = (
    "删除", "删掉", "删去", "删", "下线", "下架", "移除", "移走", "撤回", "撤下", "撤销", "撤除", "撤稿", "屏蔽",
    "失效", "过期", "到期", "关闭", "清除", "清理", "隐藏", "封禁", "取消", "停用", "作废", "去除",
)  # fmt: skip
# These alone say that the page has another address; beside a removal they are one more possibility.
MOVES = (
    "移动", "移到别处", "迁移", "转移", "更名", "改名", "更改", "修改", "重命名", "不可用", "无法访问",
    "正在审核中", "没有权限查看",
)  # fmt: skip
# Without 已 or 被 these say it too.
STATES = (
    "不存在", "不在了", "不见了", "没有找到", "没找到", "未找到", "未能找到", "找不到", "找不着", "无法找到",
    "没有了", "走丢了", "丢失", "飞走了", "失效", "过期", "无法查看", "无法显示", "不可见",
)  # fmt: skip
AGENTS = (
    "原作者", "作者", "发布者", "发布人", "发帖人", "投稿人", "用户", "管理员", "编辑", "小编", "系统", "楼主",
    "博主", "网友", "网站", "平台", "官方", "本站", "本网", "媒体", "来源", "版权方", "新浪",
)  # fmt: skip
REASONS = (
    "版权", "版权问题", "违规", "涉嫌违规", "内容违规", "法律法规", "相关法律法规", "有关规定", "相关规定",
    "相关政策", "相关法律法规和政策", "违反相关规定", "违反有关规定", "违反相关法律法规", "作者要求", "时间过长",
    "时间过久", "网站改版", "系统升级", "发布时间过长", "某种", "某些", "其他", "种种", "特殊",
)  # fmt: skip
ENGLISH = (
    "404notfound", "notfound", "pagenotfound", "articlenotfound", "filenotfound", "error404",
    "thispagedoesnotexist", "thisarticledoesnotexist", "thepagedoesnotexist", "thepageisnotavailable",
    "thisarticlehasbeendeleted", "thisarticlehasbeenremoved", "thispagehasbeendeleted", "thispagehasbeenremoved",
    "thisarticleisnolongeravailable", "thispageisnolongeravailable", "thepageyourequestedwasnotfound",
    "thepageyourequestedcouldnotbefound", "thepageyouarelookingforcouldnotbefound", "therequestedurlwasnotfound",
    "thepageyouarelookingfordoesnotexist", "thepageyourequesteddoesnotexist", "pagedoesnotexist",
)  # fmt: skip
_ERRANDS = "(?:返回|回到|进入|访问|前往|去|浏览|查看|看看|搜索|刷新|检查|核对|确认|跳转到?|转到|点击这里|联系|咨询)"
# What error pages say beside it: patterns of phrases.
COURTESIES = (
    r"(?:非常|很|十分|万分|真是|真)?(?:抱歉|遗憾|对不起|不好意思|sorry)(?:地|的)?(?:通知您|告诉您)?",
    r"(?:温馨|友情|系统|重要|错误|页面)?(?:提示|提醒|公告)(?:信息)?",
    r"您好|你好|哎呀|啊哦|哎哟|糟糕|oops|出错了|出错啦|错误(?:代码|码|信息)?|error|status|http|404|410|200",
    r"(?:尊敬的|亲爱的)?(?:用户|读者|网友|访客|亲)",
    r"\d{1,2}秒钟?(?:之?后)?(?:将|会|自动|为您|带您|页面){0,4}(?:跳转|返回|进入|转到|跳回)(?:到|至)?",
    rf"(?:请|您|你|还|可以|可|先|直接|尝试|点击|点此|点这里|按){{0,4}}{_ERRANDS}(?:新浪|财经|新闻|网站|一下|输入|您|的){{0,4}}",
    r"(?:新浪|财经|新闻|网站|本站|本网)?(?:首页|主页|上一?[页级]|上层|频道|导航|客服|管理员|我们|编辑部)",
    r"(?:其他|其它|更多|别的|最新|热门)(?:精彩|热门)?(?:内容|新闻|文章|页面|资讯|信息|报道|推荐|阅读)",
    r"(?:网址|地址|链接|拼写|输入)(?:是否)?(?:正确|有误|错误|无误)?",
    r"再试(?:一次|试)?|稍后再试|重试|重新输入|正在跳转|请稍候|谢谢|多谢|吧|或者?|并|和",
    r"(?:由此)?给?您?(?:带来|造成)(?:的|了)?不便(?:之处)?(?:我们)?",
    r"(?:深表|深感|表示|致以)?(?:诚挚的?)?(?:歉意|道歉)|(?:敬请|请您?|望|还望)?(?:谅解|原谅|见谅|理解)",
    r"感谢(?:您|的|对|新浪|财经|新闻|访问|关注|支持|理解|浏览|与|和){1,9}",
    r"如有(?:任何)?(?:疑问|问题|异议)(?:请|可|您|联系|致电|拨打|咨询|新浪|我们|客服|管理员|热线|电话|邮箱){0,6}\d{0,16}",
    r"(?:新浪|sina)(?:财经|新闻|科技|体育|娱乐|微博|首页|com|cn|网){0,6}|财经|新闻中心|手机",
    r"意见反馈|网站地图|联系我们|客服|热线|电话|关闭窗口|版权所有|copyright|allrightsreserved|corporation|\d{4,16}",
    # navigation of the site
    r"新闻|股票|基金|期货|外汇|科技|体育|娱乐|汽车|房产|教育|时尚|博客|微博|视频|论坛|更多|搜索|登录|注册|简介|客户服务|正文",
)


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"


_VISIT = r"(?:访问|查看|浏览|阅读|打开|请求|查找|查询|寻找|搜索|点击|找|看)?"
_VISITED = rf"(?:您|你)?(?:所|想|要|需要|正在|当前|刚才)?(?:要|想)?{_VISIT}(?:的|过的)?"
_NOUN = _any(NOUNS)
_WHICH = r"(?:该|此|本|这|当前|目标|对应|指定|原)?"
_SUBJECT = rf"{_VISITED}{_WHICH}(?:篇|条|个|则|一)?(?:新浪)?{_NOUN}(?:的?{_NOUN})?"
_CERTAINTY = r"(?:已经|已|可能|也许|或许|现在|目前|现|暂时|当前|均|都|并)?(?:可能)?"
_HOW = r"(?:自行|主动|手动|永久|暂时|从服务器|从网站|从本站)?"
_REMOVED = rf"(?:已经|已|早已|被|遭|由|经|予以){{1,3}}(?:于\w{{1,10}}?)?{_any(AGENTS)}?{_HOW}{_any(REMOVALS)}"
_HAPPENED = rf"(?:{_CERTAINTY}(?:{_REMOVED}|{_any(STATES)})(?:了|啦|掉)?)"
_OR = r"(?:或者|或是|或|和|及|以及|且|并)?"
_ALSO = rf"{_OR}(?:{_CERTAINTY}(?:已经|已|被|您){{0,2}}{_any((*REMOVALS, *MOVES))}|{_HAPPENED})(?:了|啦)?"
_STATEMENT = rf"(?:{_CERTAINTY}{_any(MOVES)}{_OR})?{_HAPPENED}(?:{_ALSO}){{0,4}}"
_REASON = rf"(?:由于|因为|因|根据|按照|应|鉴于)(?:{_any(REASONS)}(?:的|等)?)(?:原因|要求|问题|因素)?"
_NOT_FOUND = (
    rf"(?:(?:没有|没|未|未能|无法)找到|找不到)(?:相关)?{_SUBJECT}|(?:没有|查无|无)(?:该|此|这)(?:篇|条|个|则)?{_NOUN}"
)
_NOTICE = re.compile(rf"(?:{_REASON})?{_SUBJECT}(?:{_REASON})?{_STATEMENT}|{_NOT_FOUND}|{_any(ENGLISH)}")
_BARE_NOTICE = re.compile(_STATEMENT)  # without a subject, it must be the whole text
_COURTESY = re.compile("|".join(COURTESIES))
# Traditional characters of these words, and their simplified forms.
_SIMPLIFIED = str.maketrans(
    "該頁網內經刪訪問瀏覽閱讀過沒無發佈題鏈結見資訊圖視頻錄請為對諒遺際號碼錯誤尋幾戶條這則個線銷遷轉換閉屬於"
    "關載據規權導處動點擊進數後將會帶檢確試聯繫電話係開當並與現從專欄報貼檔誌給來損謝歡產標準編輯統臺臨詢時稱"
    "員買單機構實應隱達擇",
    "该页网内经删访问浏览阅读过没无发布题链结见资讯图视频录请为对谅遗际号码错误寻几户条这则个线销迁转换闭属于"
    "关载据规权导处动点击进数后将会带检确试联系电话系开当并与现从专栏报贴档志给来损谢欢产标准编辑统台临询时称"
    "员买单机构实应隐达择",
)
_NON_WORD = re.compile(r"[\W_]+")


class DeletionNotice(Struct, frozen=True):
    """A text that says that the article is deleted."""

    phrase: str  # the words that say it, as on the page
    is_whole: bool  # the text has nothing else, courtesy and navigation aside


def find_deletion_notice(text: str) -> DeletionNotice | None:
    """Return the notice that a short text begins with, courtesy aside; None if it begins otherwise or is long."""
    # With punctuation and spaces a notice may be longer; most articles are longer still.
    folded = _folded(text) if len(text) <= 2 * MAX_NOTICE_CHARS else ""
    if not folded or len(folded) > MAX_NOTICE_CHARS:
        return None
    if _BARE_NOTICE.fullmatch(folded):
        return DeletionNotice(" ".join(text.split()), is_whole=True)
    position = 0
    found: re.Match[str] | None = None
    while position < len(folded):
        if match := _NOTICE.match(folded, position):
            found = found or match
        elif not (match := _COURTESY.match(folded, position)):
            break
        position = match.end()
    return DeletionNotice(_excerpt(text, found), position == len(folded)) if found else None


def phrase_in_headings(tree: LexborHTMLParser) -> str:
    """Return the words of a notice that is the title or the main heading of a page; "" if none is."""
    return _whole_notice(node.text() or "" for node in tree.css("title, h1"))


def phrase_on_page(html: str) -> str:
    """Return the words of a notice on a page without an article; "" if it has none. Links do not count."""
    tree = parse_html(html)
    if tree.body is None or (phrase := phrase_in_headings(tree)):
        return phrase if tree.body is not None else ""
    remove(tree.body, "script, style, noscript, template, a")
    text = lines(tree.body)
    return _whole_notice((*text, "\n".join(text))) if sum(map(len, text)) <= MAX_PAGE_CHARS else ""


def phrase_instead_of(older: str | None, text: str) -> str:
    """Return the words of a notice that has replaced a longer text; "" if none has, or if some of it is still there.

    :param older: the text before; None if it is not known, which requires more of the notice
    """
    notice = find_deletion_notice(text)
    if older is None:
        return notice.phrase if notice and notice.is_whole else ""
    phrase = (
        notice.phrase if notice else _whole_notice(text.splitlines()) if len(text) <= 2 * MAX_NOTICE_CHARS else ""
    )
    if not phrase:
        return ""
    words, before = _folded(text), _folded(older)
    parts = [part for line in older.splitlines() if len(part := _folded(line)) >= _MIN_LINE_CHARS]
    is_gone = len(before) > len(words) and not any(part in words for part in parts or [before])
    return phrase if is_gone else ""


def _whole_notice(texts: Iterable[str]) -> str:
    notices = filter(None, map(find_deletion_notice, texts))
    return next((notice.phrase for notice in notices if notice.is_whole), "")


def _folded(text: str) -> str:
    """Return the letters and digits of a text in simplified forms."""
    return _NON_WORD.sub("", unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED))


def _excerpt(text: str, match: re.Match[str]) -> str:
    """Return the part of a text whose folded form matched, on one line."""
    counts = accumulate((len(_folded(character)) for character in text), initial=0)
    inside = [place for place, count in enumerate(counts) if match.start() <= count < match.end()]
    return " ".join(text[inside[0] : inside[-1] + 1].split()).strip(" ，。！,.!：:【】“”「」") if inside else match[0]
