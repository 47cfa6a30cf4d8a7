"""Lines of a body that belong to the page and not to the article. Pure.

They have no markup of their own, or had none on some page: the editor, promotions of Sina's app and its analysts,
declarations of the site, a player that waits for its video. See D55 and D134.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Complete lines. A sentence ends with a full stop; a promotion does not.
_PAGE_LINE = re.compile(
    r"[（(]?(?:责任编辑|责编)\s*[:：].{1,30}"
    r"|[^。]{0,24}(?:尽在|下载|打开|安装|关注)新浪(?:财经|新闻)\s*(?:APP|客户端|公众号)[^。]{0,12}"
    r"|[^。]{0,16}(?:扫描|扫一扫|扫码|长按|识别)[^。]{0,10}(?:二维码|关注|下载)[^。]{0,30}"
    r"|自动播放|视频(?:正在)?加载中\W{0,6}(?:请稍[候后等])?\W{0,6}(?:.{0,60}自动播放)?\W{0,4}",
    re.IGNORECASE,
)
# 炒股就看金麒麟分析师研报，权威，专业，及时，全面，助您挖掘潜力主题机会！: at the start of a line, also in two lines
_ANALYSTS = re.compile(
    r"\W{0,4}(?:炒股就看\W{0,4}金麒麟\W{0,4}分析师研报(?:\W{0,4}权威\W{0,3}专业\W{0,3}及时\W{0,3}全面)?"
    r"(?:\W{0,4}助您挖掘潜力主题机会)?|(?:权威\W{0,3}专业\W{0,3}及时\W{0,3}全面\W{0,3})?助您挖掘潜力主题机会)[^\w“‘《【（(]{0,4}"
)
# 新浪声明：… · 【免责声明】… · 特别声明：以上内容仅代表作者本人观点… A paragraph, or a line above one
_DECLARATION = re.compile(
    r"\W{0,4}(新浪(?:财经|新闻|网)?(?:特别|免责)?[声申]明|(?:风险提示及)?免责(?:[声申]明|条款)|(?:特别|版权|转载|郑重|重要)?[声申]明)"
    r"(?:\s{0,4}[:：】\])）]{1,3}\s{0,4}|\W{0,4}$)"
)
_DISCLAIMS = "免责"  # a line with this label disclaims, whatever its words
# Words of the site's declarations. Those of a company, which an article may quote, speak of other things.
_SITE_WORDS = re.compile(
    r"作者|本文|此文|文章|作品|稿件|转载|版权|自媒体|新浪网|本网|本站|立场|仅供参考|以上内容|上述内容|仅代表|投资建议"
    r"|自行承担|风险自担|后果自负|据此(?:操作|入市|投资)|此消息|证实其描述"
)
_MAX_DECLARATION_CHARS = 600  # the site's longest has less than half of this
# The text of a player, with punctuation and spaces removed.
PLAYER = "视频加载中"
_CONTROLS = "正在加载|play|forward|rewind|向前|向后|快进|快退|重播|全屏|静音|自动播放"
_PLAYER = re.compile(
    rf"(?:{_CONTROLS}){{0,9}}视频加载中(?:请稍[候后等])?(?:.{{0,60}}自动播放)?(?:{_CONTROLS}){{0,9}}"
)
_MAX_PLAYER_CHARS = 400  # with the white space of its markup
_NON_WORD = re.compile(r"[\W_]+")


def article_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a text that belong to the article."""
    follows_label = False
    for line in lines:
        text = line[match.end() :] if (match := _ANALYSTS.match(line)) else line
        label = _DECLARATION.match(text)
        if label and label.end() == len(text):
            follows_label = True
            continue
        declares = label is not None and _DISCLAIMS in label[1]
        if (label or follows_label) and len(text) <= _MAX_DECLARATION_CHARS:
            declares = declares or _SITE_WORDS.search(text, label.end() if label else 0) is not None
        follows_label = False
        if text and not declares and not _PAGE_LINE.fullmatch(text):
            yield text


def is_player(text: str) -> bool:
    """Return whether the text of an element is that of a player that waits for its video."""
    return len(text) <= _MAX_PLAYER_CHARS and bool(_PLAYER.fullmatch(_NON_WORD.sub("", text).lower()))
