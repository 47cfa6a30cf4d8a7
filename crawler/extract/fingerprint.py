"""Fingerprints: of a version of an article, and of a story across publishers. Pure.

They depend on words and images, not on markup.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from crawler.urls import path

# Number of the rule, with which each fingerprint begins. Fingerprints of different rules cannot be compared. See D45.
RULE = "3"
# Zero-width characters, byte order marks, soft hyphens, which editing systems insert at random.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_LINE_SEPARATORS = re.compile("[\u2028\u2029]")  # invisible in a title, but white space in a text
_WHITE = re.compile(r"\s+")
# A letter or digit of a script that separates its words by spaces: neither Han nor Kana.
_SPACED = r"[^\W_\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
# A space that separates two words or numbers. A sign or a point may belong to the second number, and a number may end
# with a mark that would otherwise be part of one number: "12 -3", "1. 5", "5% 3".
_SEPARATOR = re.compile(rf"(?<={_SPACED}) (?={_SPACED}|[-+.\u2212]\d)|(?<=\d[.,%]) (?=\d)")
_SEPARATED = "\n"  # stands for such a space
# Characters that are not part of a word. Numbers keep their point and minus: 4.8 is not 48.
_NON_WORD = re.compile(rf"(?:[^\w{_SEPARATED}]|_)(?<!(?<=\d)\.(?=\d))(?<!(?<![0-9a-z年月日%.)])-(?=\d))")
# NFKC forms of the punctuation in every Chinese line. Replaced first: most lines then need no NFKC, which saves time.
_PUNCTUATION = tuple(zip("，（）：；？！％\u3000", ",():;?!% ", strict=True))
_MINUSES = "\u2212\u2013"

# Lines that belong to the page and not to the story: they differ in other docids of the same story. Roles of credits:
_ROLES = (
    "责任编辑|责编|编辑|编审|来源|稿源|作者|记者|通讯员|实习生|编译|撰文|校对|监制|排版|制图|审核|审读|统筹|值班编委"
)
_CREDIT = re.compile(
    rf"^\W*(?:本文|文章|稿件|图片|数据|资料|视频)?(?:原标题|文章关键词|{_ROLES}|文|图|稿)\s*[:：/／|｜丨].{{0,200}}$"
    rf"|^\W*(?:{_ROLES})\s+.{{1,24}}$"
)
_CREDIT_AT_THE_END = re.compile(
    rf"(?:[（(【\[]\s*(?:(?:本文|全文)?完|end|[^（()）]{{0,8}}(?:{_ROLES})[^（()）]{{0,40}})\s*[）)】\]]\s*){{1,8}}$",
    re.IGNORECASE,
)
# Notices and requests of the site: lines that begin this way, and sentences with these words.
_NOTICE = re.compile(
    r"^\W*(?:\w{0,4}声明\s*[:：】]|相关(?:阅读|报道)|推荐阅读|延伸阅读|海量资讯|更多精彩|转载请注明).{0,240}$"
)
_NOTICE_SENTENCE = re.compile(
    r"(?:扫码|扫描|长按|点击|识别).{0,16}(?:关注|下载|查看|加入|进入|二维码|原文)"
    r"|新浪财经APP|新浪声明|不代表.{0,16}(?:立场|观点)|不构成.{0,8}(?:投资|操作|买卖)建议|据此(?:操作|入市|投资)"
)
# Each such sentence has one of these; searching them first takes a tenth of the time.
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
# Labels that editors add to titles: 【快讯】… · 快讯 | … · …丨年报拆解 · …（附股）· 快讯：…
_LABELS = (
    re.compile(
        r"^(?:[【\[（(][^】\]）)]{1,12}[】\]）)]|[^|｜丨]{1,10}[|｜丨]|(?:快讯|突发|重磅|独家|最新)(?:消息)?[!！:：,，])\s*"
    ),
    re.compile(r"\s?(?:[（(【\[](?:组?图|附股|附名单|视频|更新|直播|全文|表)[）)】\]]|[|｜丨][^|｜丨]{1,10})$"),
)
_MAX_LABELS = 8
_MIN_TITLE_CHARS = 6  # a title without its labels
# Shorter texts can be equal by chance: notices of trading halts, of prices.
_MIN_STORY_CHARS = 60
# Equal texts of this length are the same story under any title; for shorter ones the titles must agree. See D62.
_TITLE_FREE_CHARS = 300


def fingerprint(title: str, text: str, pictures: Iterable[str]) -> str:
    """Return the fingerprint of a version: equal if only markup, URLs or template elements differ.

    White space in a text counts where it separates words or numbers, but not beside Chinese characters or punctuation
    (D131). In a title, the number of spaces does not matter, but a space and no space differ.

    :param text: plain text without template elements
    :param pictures: image URLs, of which only the file name counts, because hosts and sizes vary
    """
    names = "\n".join(map(_file_name, pictures))
    return f"{RULE}:{_hash(fold_title(title), _separated(text), names)}"


def fold_title(title: str) -> str:
    """Return a title as versions are compared by it: without invisible characters, each run of spaces as one.

    Spaces in a title come from editors; those in a text can come from a template.
    """
    return _WHITE.sub(" ", _INVISIBLE.sub("", title)).strip()


def is_part_of(text: str, pictures: Iterable[str], older_text: str, older_pictures: Iterable[str]) -> bool:
    """Return whether a version is an older one less some lines and images, in the same order.

    A newer rule leaves out what an older one took for text or for an image of the text, and adds nothing.
    """
    older = _bare(older_text)
    position = 0
    for line in map(_bare, text.splitlines()):
        found = older.find(line, position)
        if found < 0:
            return False
        position = found + len(line)
    names = map(_file_name, older_pictures)
    return all(_file_name(each) in names for each in pictures)  # `in` reads the iterator up to the name


def story(title: str, text: str) -> str:
    """Return the fingerprint of a story, the same for all publishers; "" if the text is too short.

    All words and numbers count; datelines, credits, notices of the site and labels of titles do not.
    """
    notices = any(word in text for word in _NOTICE_WORDS)
    lines = [part for line in text.splitlines() if (part := _story_part(line, notices=notices))]
    if lines:
        dateline = _DATELINE.match(lines[0])
        lines[0] = lines[0][dateline.end() :] if dateline else lines[0]
    words = _words("\n".join(lines))
    if len(words) < _MIN_STORY_CHARS:
        return ""
    return _hash("" if len(words) >= _TITLE_FREE_CHARS else _words(_without_labels(title)), words)


def _story_part(line: str, *, notices: bool) -> str:
    """Return the part of a line that belongs to the story.

    :param notices: whether the text may contain notices of the site
    """
    line = line.strip()
    if _CREDIT.match(line) or _NOTICE.match(line):
        return ""
    if notices and _NOTICE_SENTENCE.search(line):
        line = "".join(part for part in _SENTENCES.split(line) if not _NOTICE_SENTENCE.search(part))
    return _CREDIT_AT_THE_END.sub("", line) if line.endswith(_CLOSING) else line


def _without_labels(title: str) -> str:
    title = fold_title(title)
    for _ in range(_MAX_LABELS):
        shorter = {label.sub("", title) for label in _LABELS} - {title}
        longest = max(shorter, key=len, default="")  # of two parts separated by a bar, the shorter one is the label
        if len(longest) < _MIN_TITLE_CHARS:
            break
        title = longest
    return title


def _file_name(address: str) -> str:
    return path(address).rpartition("/")[2]


def _bare(text: str) -> str:
    return "".join(_INVISIBLE.sub("", text).split())


def _separated(text: str) -> str:
    """Return a text without invisible characters and white space.

    A line feed remains where white space separates words or numbers.
    """
    text = _INVISIBLE.sub("", _LINE_SEPARATORS.sub(" ", text))
    return _SEPARATOR.sub(_SEPARATED, " ".join(text.split())).replace(" ", "")


def _words(text: str) -> str:
    for wide, plain in _PUNCTUATION:
        text = text.replace(wide, plain)
    text = unicodedata.normalize("NFKC", text)
    for minus in _MINUSES:
        text = text.replace(minus, "-")
    return _NON_WORD.sub("", _separated(text.casefold()))


def _hash(*parts: str) -> str:
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()
