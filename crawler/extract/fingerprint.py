"""What of an article makes a version of its own: its words and pictures, without their dress. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

# The rule's number stands before each fingerprint: one made by another rule says nothing about a change. See D45.
RULE = "2"
# Zero-width characters, byte order marks, soft hyphens: editors' systems sprinkle them.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_WHITE = re.compile(r"\s+")
# What is no word. A number keeps its point and its minus, and two numbers what parts them: 4.8 is not 48, nor 4 8.
_NOT_A_WORD = re.compile(r"[\W_](?<!(?<=\d)[. ](?=\d))(?<!(?<![0-9a-z年月日%.)])-(?=\d))")
# What NFKC makes of the marks that every Chinese line has: without them most lines need none, and it is quick.
_PUNCTUATION = tuple(zip("，（）：；？！％\u3000", ",():;?!% ", strict=True))
_MINUSES = "\u2212\u2013"

# Of lines that belong to the page and not to the story: another docid of the same story has others. Who made it:
_WHO = (
    "责任编辑|责编|编辑|编审|来源|稿源|作者|记者|通讯员|实习生|编译|撰文|校对|监制|排版|制图|审核|审读|统筹|值班编委"
)
_CREDIT = re.compile(
    rf"^\W*(?:本文|文章|稿件|图片|数据|资料|视频)?(?:原标题|文章关键词|{_WHO}|文|图|稿)\s*[:：/／|｜丨].{{0,200}}$"
    rf"|^\W*(?:{_WHO})\s+.{{1,24}}$"
)
_CREDIT_AT_THE_END = re.compile(
    rf"(?:[（(【\[]\s*(?:(?:本文|全文)?完|end|[^（()）]{{0,8}}(?:{_WHO})[^（()）]{{0,40}})\s*[）)】\]]\s*)+$",
    re.IGNORECASE,
)
# What the site says of itself, and asks its readers for: lines that begin so, and sentences that hold such words.
_NOTICE = re.compile(
    r"^\W*(?:\w{0,4}声明\s*[:：】]|相关(?:阅读|报道)|推荐阅读|延伸阅读|海量资讯|更多精彩|转载请注明).{0,240}$"
)
_NOTICE_SENTENCE = re.compile(
    r"(?:扫码|扫描|长按|点击|识别).{0,16}(?:关注|下载|查看|加入|进入|二维码|原文)"
    r"|新浪财经APP|新浪声明|不代表.{0,16}(?:立场|观点)|不构成.{0,8}(?:投资|操作|买卖)建议|据此(?:操作|入市|投资)"
)
# One of these is in each such sentence: looking for them first costs a tenth.
_NOTICE_WORDS = ("扫", "长按", "点击", "识别", "新浪", "不代表", "不构成", "据此")
_CLOSING = ("）", ")", "】", "]")
_SENTENCES = re.compile(r"(?<=[。！？])")
# 新华社北京9月28日电 · 财联社9月28日电，· 北京商报讯（记者 某某）· 格隆汇9月28日丨· 21世纪经济报道记者 某某 北京报道
_DATELINE = re.compile(
    r"^\W*(?:"
    r"[\w·《》]{2,20}?\s?(?:(?:\d{4}年)?(?:\d{1,2}月)?\d{1,2}日)\s*(?:(?:电|讯|消息)(?=[^\w·])|[|｜丨])"
    r"|[\w·《》]{0,12}?(?:社|网|报|台|刊|财经|新闻|在线|公司|app|APP|客户端|本报)(?:讯|电|消息|获悉)(?=[^\w·])"
    r"|\w{0,12}记者\s*\w{2,8}(?:\s+\w{2,8})?\s+\w{2,4}报道(?=[^\w·])"
    r")(?:\s*[（(][^）)]{1,40}[）)])*[】\s，,：:]*"
)
# What a desk hangs on a title: 【快讯】… · 快讯 | … · …丨年报拆解 · …（附股）· 快讯：…
_LABELS = (
    re.compile(
        r"^(?:[【\[（(][^】\]）)]{1,12}[】\]）)]|[^|｜丨]{1,10}[|｜丨]|(?:快讯|突发|重磅|独家|最新)(?:消息)?[!！:：,，])\s*"
    ),
    re.compile(r"\s*(?:[（(【\[](?:组?图|附股|附名单|视频|更新|直播|全文|表)[）)】\]]|[|｜丨][^|｜丨]{1,10})$"),
)
_SHORTEST_TITLE = 6  # characters that a title keeps when it loses a label
# Shorter texts are alike by chance: notices of trading halts, of prices.
_SHORTEST_STORY = 60  # characters
# Texts of so many are the same story whatever a desk calls them; of shorter ones the title has to agree. See D62.
_TELLS_BY_ITSELF = 300  # characters


def fingerprint(title: str, text: str, pictures: Iterable[str]) -> str:
    """What stands for a version: the same where only white space, addresses or furniture differ.

    A title is one line, in which more or fewer spaces are the same, and a space or none are not.

    :param text: plain, without furniture
    :param pictures: their addresses: of each the name counts, for hosts and sizes vary
    """
    names = "\n".join(urlsplit(address).path.rpartition("/")[2] for address in pictures)
    # In a title a space is put there by an editor, in a text by a template too.
    line = _WHITE.sub(" ", _INVISIBLE.sub("", title)).strip()
    return f"{RULE}:{_hash(line, _bare(text), names)}"


def story(title: str, text: str) -> str:
    """What stands for a story, whoever publishes it; "" when the text is too short to tell.

    Numbers count, and so does every word; datelines, credits, the site's notices and labels of titles do not.
    """
    notices = any(word in text for word in _NOTICE_WORDS)
    lines = [kept for line in text.splitlines() if (kept := _of_the_story(line, notices=notices))]
    if lines:
        dateline = _DATELINE.match(lines[0])
        lines[0] = lines[0][dateline.end() :] if dateline else lines[0]
    words = _words("\n".join(lines))
    if len(words) < _SHORTEST_STORY:
        return ""
    return _hash("" if len(words) >= _TELLS_BY_ITSELF else _words(_without_labels(title)), words)


def _of_the_story(line: str, *, notices: bool) -> str:
    """What of a line belongs to the story.

    :param notices: the text may hold what the site says of itself
    """
    line = line.strip()
    if _CREDIT.match(line) or _NOTICE.match(line):
        return ""
    if notices and _NOTICE_SENTENCE.search(line):
        line = "".join(part for part in _SENTENCES.split(line) if not _NOTICE_SENTENCE.search(part))
    return _CREDIT_AT_THE_END.sub("", line) if line.endswith(_CLOSING) else line


def _without_labels(title: str) -> str:
    title = _WHITE.sub(" ", _INVISIBLE.sub("", title)).strip()
    while True:
        shorter = {label.sub("", title) for label in _LABELS} - {title}
        longest = max(shorter, key=len, default="")  # of two parts with a bar between the shorter one is the label
        if len(longest) < _SHORTEST_TITLE:
            return title
        title = longest


def _bare(text: str) -> str:
    return "".join(_INVISIBLE.sub("", text).split())


def _words(text: str) -> str:
    text = _INVISIBLE.sub("", text)
    for wide, plain in _PUNCTUATION:
        text = text.replace(wide, plain)
    text = unicodedata.normalize("NFKC", text)
    for minus in _MINUSES:
        text = text.replace(minus, "-")
    text = text.casefold()
    return _NOT_A_WORD.sub("", " ".join(text.split()))


def _hash(*parts: str) -> str:
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()
