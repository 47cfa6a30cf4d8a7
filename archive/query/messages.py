"""Mistakes in queries: a code for each, and its message in English and Chinese. Pure."""

from __future__ import annotations

from typing import Literal

from archive.model.errors import QueryError

Language = Literal["en", "zh"]

FIELDS = ("symbol", "feed", "media", "since", "until", "published", "first_seen", "observed", "is")
MARKS = ("revised", "gone", "moved")
_ALL_FIELDS = " ".join(f"{field}:" for field in FIELDS)
_TIME = "2026-09-30T09:30+08:00"

# Code -> message in English and in Chinese; the names in braces are parameters.
_MESSAGES: dict[str, tuple[str, str]] = {
    "encoding": ("it has bytes that are not UTF-8", "其中有不是 UTF-8 的字节"),
    "changes-cursor": ("{text!r} is no cursor of changes", "“{text}”不是变动列表中的位置"),
    "empty": ("there is nothing to search for", "没有要搜索的内容"),
    "too-long": (
        "it has {count} words and operators; the maximum is {maximum}",
        "共有 {count} 个词和运算符，最多 {maximum} 个",
    ),
    "phrase-too-long": (
        "{text!r} has {count} words and numbers; the maximum is {maximum}",
        "“{text}”有 {count} 个词和数字，最多 {maximum} 个",
    ),
    "quotation": ("a quotation mark has no counterpart: {text}", "引号不成对：{text}"),
    "no-value": (
        "{field} needs a value, without a space before it",
        "{field} 后面要紧接着写值，中间不能有空格",
    ),
    "no-word": ("{text!r} has no word to search for", "“{text}”里没有可以搜索的词"),
    "unknown-field": (
        (
            f"unknown field {{field}}:{{near}} the fields are {_ALL_FIELDS} "
            "(in quotation marks it is searched for as text)"
        ),
        f"没有 {{field}}: 这个条件；{{near}}可用的条件有 {_ALL_FIELDS}（放在引号里则按文字搜索）",
    ),
    "unknown-mark": (
        f"unknown is:{{text}}:{{near}} there are {' '.join(f'is:{mark}' for mark in MARKS)}",
        f"没有 is:{{text}}；{{near}}可用的有 {' '.join(f'is:{mark}' for mark in MARKS)}",
    ),
    "time": (
        (
            "{text!r} is neither a day (2026-09-30, 2026-09, 2026, today, yesterday, 7d, or A..B from one to the "
            f"other) nor a time such as {_TIME}"
        ),
        (
            "“{text}”不是日期（2026-09-30、2026-09、2026、today、yesterday、7d，或 A..B 表示从某日到某日），"
            f"也不是 {_TIME} 这样的时间"
        ),
    ),
    "backwards": ("{text!r} ends before it begins", "“{text}”的终点早于起点"),
    "one-time": (
        "{field}: takes one day or time, not the range {text!r}: write published:{text}",
        "{field}: 只能有一个日期或时间，而不是范围“{text}”；请写成 published:{text}",
    ),
    "no-operand": ("something is missing before {text}", "{text} 前面缺少内容"),
    "no-end": ("something is missing at the end", "末尾缺少内容"),
    "too-deep": (
        "it has more than {maximum} parentheses inside each other",
        "括号套括号，超过了 {maximum} 层",
    ),
    "not-opened": ("a closing parenthesis has no opening one", "右括号没有对应的左括号"),
    "not-closed": ("a parenthesis is not closed", "括号没有右半边"),
    "unknown-feed": ("there is no feed {text!r};{near} there are {known}", "没有订阅源“{text}”；{near}现有 {known}"),
    "unknown-address": (
        "the archive has no article at this address: finarchive add ADDRESS archives it",
        "档案里没有这个网址的文章；命令 finarchive add 网址 可以把它存档",
    ),
    "unknown-stock": (
        (
            "no stock is called {text!r} in the archived articles;{near} symbol: also takes 600519, "
            "600519.SH, 00700.HK and AAPL"
        ),
        "存档的文章里没有名为“{text}”的股票；{near}symbol: 也可以写 600519、600519.SH、00700.HK、AAPL",
    ),
    "no-feeds": (
        "there is no feed {text!r}: the archive has no feeds yet",
        "没有订阅源“{text}”：档案里还没有订阅源",
    ),
    "unknown-medium": (
        "no medium has {text!r} in its name;{near} media of the newest articles are {known}",
        "没有名称含“{text}”的媒体；{near}近来的媒体有 {known}",
    ),
    "no-media": (
        "no medium has {text!r} in its name: the newest articles have no media",
        "没有名称含“{text}”的媒体：近来的文章都没有注明媒体",
    ),
}
_NEAR = (" did you mean {}?", "是不是 {}？")
_SEPARATORS = (", ", "、")


def query_error(code: str, **parameters: object) -> QueryError:
    """Return the error of a mistake, with its message in English.

    :param parameters: of the message. ``near`` is a sequence of what could be meant, ``known`` of what there is
    """
    error = QueryError("", code, parameters)
    error.args = (describe(error, "en"),)
    return error


def describe(error: QueryError, language: Language) -> str:
    """Return the message of a mistake in a language."""
    if error.code not in _MESSAGES:
        return str(error)
    which = 0 if language == "en" else 1
    parameters = dict(error.parameters)
    for name in ("near", "known"):
        values = parameters.get(name)
        if isinstance(values, tuple):
            text = _SEPARATORS[which].join(map(str, values))
            parameters[name] = _NEAR[which].format(text) if name == "near" and values else text
    return _MESSAGES[error.code][which].format(**parameters)
