"""Lines and paragraphs of an extracted article that do not belong to it. Pure.

They have no markup by which they could be told on every site: a line with time and source above the text, the editor,
a declaration of the site, a promotion, a link to another article. See D193.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from msgspec import Struct, field
from selectolax.lexbor import LexborNode

_WHITE_SPACE = re.compile(r"\s+")
_NON_WORD = re.compile(r"[\W_]+")
# Complete lines, anywhere.
_FURNITURE = re.compile(
    r"\W{0,3}(?:"
    r"(?:责任编辑|责编|编辑|本文编辑|值班编辑|网络编辑|见习编辑|实习编辑|校对|审核|审校|监制|主编|排版|编审|初审|终审)\s?[:：丨|/].{0,60}"
    r"|(?:编辑|责编|校对|审核)\s\S{2,4}(?:\s(?:编辑|责编|校对|审核)\s\S{2,4}){0,3}"
    r"|(?:图集|视频|暂无评论|本文完|完|全文完|the end|摘要|正文)|阅读下一篇.{0,60}"
    r"|您的浏览器(?:暂时|暂)?(?:无法|不支持)播放.{0,20}"
    r"|(?:分享到|分享至|扫码分享|收藏|举报|投诉|点赞|打赏|赞|顶|踩|评论|跟贴|打印|关闭|复制链接|返回顶部|返回首页|返回列表|回到顶部|关闭窗口|打印本页|微信|微博|QQ空间|朋友圈)(?:\W{0,3}\d{0,8})"
    r"|(?:字号|字体)\W{0,3}(?:[大中小特]\W{0,3}){0,4}"
    r"|(?:点击|查看|阅读|展开|加载|显示|更多)(?:查看)?(?:更多|全文|原文|详情|全部|剩余\d{0,3}%?)\S{0,8}"
    r"|(?:上一篇|下一篇|上一条|下一条|上一页|下一页)\W{0,3}.{0,60}"
    r"|(?:当前位置|您的位置|您所在的位置|您现在的位置|现在位置|位置)\s?[:：].{0,80}"
    r"|(?:标签|关键词|关键字|Tags?|Topics?|主题词)\s?[:：].{0,80}"
    r"|(?:阅读|浏览|点击|浏览量|阅读量|点击数|浏览次数|阅读数|访问次数)\W{0,3}\d{0,9}\W{0,2}次?"
    r"|(?:更多|精彩).{0,20}(?:请关注|敬请关注|尽在|请点击|请下载).{0,40}"
    r"|.{0,40}(?:扫描|扫一扫|扫码|长按|识别)[^。]{0,14}(?:二维码|关注|下载|阅读|客户端).{0,40}"
    r"|(?:欢迎|请|敬请)?(?:点击)?(?:下载|打开|安装).{0,16}(?:APP|客户端).{0,24}"
    r"|(?:Advertisement|Advertising|Anzeige|Publicité|Publicidad|Pubblicità|Reklama|Annonse|Реклама|広告|광고|REKLAM)\W{0,2}"
    r"|(?:Share|Tweet|Print|Email|Comments?|Copy link|Subscribe|Sign up|Log in|Follow us)\W{0,2}"
    r"|(?:京|沪|粤|浙|苏|湘|鄂|川|津|渝|冀|鲁|豫|闽|皖|赣|辽|吉|黑|晋|陕|甘|云|贵|桂|琼|蒙|宁|青|新|藏)?(?:ICP|公网安备)\W{0,2}.{0,40}"
    r")\W{0,3}",
    re.IGNORECASE,
)
# How a link to another article begins that stands between paragraphs.
_ANOTHER = re.compile(
    r"\W{0,3}(?:相关(?:阅读|报道|新闻|链接|文章)|延伸阅读|推荐阅读|更多阅读|另见|参见|阅读更多|相关专题|热门推荐|精彩推荐|猜你喜欢"
    r"|read (?:more|also|next|the)|also read|see also|more on|related|les også|læs også|läs (?:också|mer|även)"
    r"|lesen sie|lees (?:ook|meer)|mehr zum thema"
    r"|lire aussi|à lire|leggi anche|leer más|lee también|ver también|leia (?:mais|também)"
    r"|czytaj|zobacz|přečtěte|číst|çok okunan|ayrıca)\b",
    re.IGNORECASE,
)
# How a declaration of the site begins, and words of it. The declaration of a company speaks of other things.
_DECLARATION = re.compile(
    r"\W{0,4}(?:(?:风险提示及)?免责|特别|版权|转载|郑重|重要)?[声申]明\s?[:：】\])）]|\W{0,4}免责(?:[声申]明|条款)"
    r"|\W{0,4}(?:notice|disclaimer|copyright|all rights reserved|©)\b|\W{0,4}版权所有"
    r"|\W{0,4}凡(?:本网|本站|注明)"
    r"|\W{0,4}(?:网友评论仅供|以上内容仅|本文仅代表|本文系.{0,40}(?:稿件|原创|授权)|本文(?:内容|观点)?(?:仅供|不构成|来源|来自|由)|文章(?:内容|来源)?仅|本(?:网|站|平台|号)(?:转载|发布|所有|刊登))"
    r"|\W{0,4}(?:未经\S{0,12}授权|转载请|如需转载|图片来[自源]网络|如有侵权|侵权(?:必究|请联系))",
    re.IGNORECASE,
)
_SITE_WORDS = re.compile(
    r"作者|本文|此文|文章|作品|稿件|转载|版权|自媒体|本网|本站|立场|仅供参考|以上内容|上述内容|仅代表|投资建议|侵权|平台"
    r"|自行承担|风险自担|据此(?:操作|入市|投资)|证实其描述|rights|reserved|platform|reproduc|©",
    re.IGNORECASE,
)
_MAX_DECLARATION_CHARS = 600
_MAX_LABEL_CHARS = 8  # 免责声明 and the like, above the paragraph with the declaration
_MAX_FURNITURE_CHARS = 140
# Above the text: lines with time, source, author, position.
_HEAD = re.compile(
    r"(?:.{0,30}?(?:来源|作者|记者|时间|日期|发布|编辑|更新|浏览|阅读|字号|责编|来源于|信息来源)\s?[:：]?.{0,60})"
    r"|[\s【\[]{0,3}\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}.{0,50}|.{0,40}?\b(?:\d{1,2}[:.]\d{2}|(?:19|20)\d\d)\b.{0,30}"
    r"|(?:by|von|por|par|di|av|door|text|author|updated|published|veröffentlicht)\b.{0,60}",
    re.IGNORECASE,
)
_MAX_HEAD_CHARS = 90
_MAX_REPEATED = 2  # times the title: with its overline or the site's name
_HEAD_LINES = 8  # a header has at most some lines
ENDS_OF_SENTENCES = tuple('。！？；…!?.;”」»"’।۔')
_BLOCK_TAGS = frozenset(
    {"p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "dd", "dt", "blockquote", "section", "article"}
    | {"center", "figcaption", "pre", "ul", "ol", "dl", "table", "figure"}
)
_MAX_LINKED_SHARE = 0.4  # of a text; one that has more of it in paragraphs of links consists of links
_BREAK_TAGS = frozenset({"br", "hr", "img"})
_MIN_SENTENCE_CHARS = 40  # a longer line is text, however it ends


class _Line(Struct):
    """A line as a browser shows it: texts between two breaks."""

    nodes: list[LexborNode] = field(default_factory=list)
    text: str = ""
    linked: int = 0  # characters in links

    @property
    def is_link(self) -> bool:
        return bool(self.linked) and self.linked >= len(_NON_WORD.sub("", self.text))

    @property
    def is_sentence(self) -> bool:
        return len(self.text) >= _MIN_SENTENCE_CHARS or self.text.endswith(ENDS_OF_SENTENCES)


def text_lines(root: LexborNode) -> list[str]:
    """Return the lines of the text below ``root``, as a browser shows them."""
    return [line.text for line in _lines(root)]


def remove_lines(root: LexborNode, titles: Collection[str]) -> None:
    """Remove the lines below ``root`` that do not belong to the article. Modifies the tree.

    :param titles: of the article, one of which a line above the text repeats
    """
    lines = _lines(root)
    keep_links = sum(line.linked for line in lines if line.is_link) > _MAX_LINKED_SHARE * sum(
        len(line.text) for line in lines
    )
    head = _head(lines, {folded for title in titles if (folded := _folded(title))})
    follows = ""  # what the line before announces: a declaration, or links to other articles
    for place, line in enumerate(lines):
        wanted, follows = _judged(line, follows, keep_links=keep_links)
        if place < head or not wanted:
            for node in line.nodes:
                node.decompose()


def _head(lines: Sequence[_Line], titles: Collection[str]) -> int:
    """Return how many lines above the text are its title, its time and the like."""
    count = 0
    for place, line in enumerate(lines[:_HEAD_LINES]):
        folded = _folded(line.text)
        repeats = any(title in folded and len(folded) <= _MAX_REPEATED * len(title) for title in titles)
        is_short = len(line.text) <= _MAX_HEAD_CHARS and not line.text.endswith(ENDS_OF_SENTENCES)
        if repeats or (is_short and _HEAD.fullmatch(line.text)):
            count = place + 1
        elif line.is_sentence:
            break
    return count


def _judged(line: _Line, follows: str, *, keep_links: bool) -> tuple[bool, str]:
    """Return whether a line belongs to the article, and what it announces."""
    text = line.text
    if len(text) <= _MAX_DECLARATION_CHARS and (follows == "declaration" or _DECLARATION.match(text)):
        label_only = len(_NON_WORD.sub("", text)) <= _MAX_LABEL_CHARS
        if label_only or _SITE_WORDS.search(text):
            return False, "declaration" if label_only else ""
    if len(text) <= _MAX_FURNITURE_CHARS and _FURNITURE.fullmatch(text):
        return False, follows
    if another := _ANOTHER.match(text):
        rest = len(_NON_WORD.sub("", text[another.end() :]))
        if rest <= _MAX_LABEL_CHARS or line.linked * 2 >= rest:
            return False, "links"
    if follows == "links" and (line.is_link or not line.is_sentence):
        return False, "links"
    return keep_links or not line.is_link, ""


def _lines(root: LexborNode) -> list[_Line]:
    lines: list[_Line] = []
    blocks = {root.mem_id: root.mem_id}  # the nearest block of each element
    links: set[int] = set()  # elements in links
    current: int | None = None
    for node in root.traverse(include_text=True):
        parent = node.parent
        if parent is None or node.mem_id == root.mem_id:
            continue
        if not node.is_text_node:
            is_block = node.tag in _BLOCK_TAGS
            blocks[node.mem_id] = node.mem_id if is_block else blocks.get(parent.mem_id, root.mem_id)
            if node.tag == "a" or parent.mem_id in links:
                links.add(node.mem_id)
            if is_block or node.tag in _BREAK_TAGS:
                current = None
            continue
        block = blocks.get(parent.mem_id, root.mem_id)
        if block != current:
            lines.append(_Line())
            current = block
        text = node.text() or ""
        lines[-1].nodes.append(node)
        lines[-1].text += text
        lines[-1].linked += len(_NON_WORD.sub("", text)) if parent.mem_id in links else 0
    for line in lines:
        line.text = _WHITE_SPACE.sub(" ", line.text).strip()
    return [line for line in lines if line.text]


def _folded(text: str) -> str:
    return _NON_WORD.sub("", text).lower()
