"""Reasons in Chinese: why a feed fails, an article is gone or a page could not be read.

The index and the reports have them as English texts, so they are recognised by their form. A part that is not known
stays as it is.
"""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from web.rendering import language
from web.rendering.text import visible

# English form -> Chinese; {} is a name, a number, an address or another reason. The first form that fits wins.
FORMS = {
    # States of feeds: scheduler/policy/feed_state.py
    "polled without an error": "读取正常",
    "never polled": "还没有读取过",
    "the daemon does so when it runs, finarchive crawl does at once": (
        "守护进程运行时会读取，finarchive crawl 立即读取"
    ),
    "not polled for {}: is the daemon running? finarchive crawl polls it once": (
        "已有{}没有读取：守护进程在运行吗？finarchive crawl 会读取一次"
    ),
    "it answers, but has never listed an article: check its address in the configuration": (
        "有应答，但从未列出过文章：请检查配置中的地址"
    ),
    "it answers, but its newest article was {} old when it last did, and at its usual rate some {} should have"
    " arrived since: the list may have moved, check its address": (
        "有应答，但最近一次应答时，最新的文章已是{}前的；按往常的速度，其后应有约 {} 篇：列表可能已搬走，请检查地址"
    ),
    "it answers, but its newest article was {} old when it last did: the list may have moved, check its address": (
        "有应答，但最近一次应答时，最新的文章已是{}前的：列表可能已搬走，请检查地址"
    ),
    "polling continues": "读取照常进行",
    "its address has moved permanently to {}: change its endpoint in the configuration": (
        "地址已永久搬到 {}：请修改配置中的 endpoint"
    ),
    "the daemon polls it again, finarchive crawl does so at once": "守护进程会再次读取，finarchive crawl 立即读取",
    "the list may have moved: check its address in the configuration": "列表可能已搬走：请检查配置中的地址",
    "remove it from the configuration, or correct its address": "请从配置中删除，或改正地址",
    "it is asked again once a day": "每天会再请求一次",
    "not requested, by a rule of this program: see [network] and the feed in the configuration": (
        "按本程序的规则没有请求：见配置中的 [network] 和这个订阅源"
    ),
    "an error page passes": "若是错误页面，会自行恢复",
    "a new list format or a wrong address does not": "若列表换了格式，或地址有误，则不会",
    "{} is backed off until {}, and then polled again": "暂停请求 {}，到{}再读取",
    "{} China time": "北京时间 {}",
    "{} hours": " {} 小时",
    "{} days": " {} 天",
    "the feed {} is off or no longer configured": "订阅源 {} 已关闭或不在配置中",
    "the list reaches back to {} only: it no longer has older articles": "列表只到{}：更早的文章已经没有了",
    # Responses: crawler/http
    "status {}: the host refuses requests": "状态码 {}：对方拒绝请求",
    "status {}: no such page": "状态码 {}：没有这个页面",
    "status {}: a redirect to {}": "状态码 {}：重定向到 {}",
    "status {}: no page": "状态码 {}：没有内容",
    "status {}": "状态码 {}",
    "it answered {}": "应答状态码 {}",
    "unreachable: {}": "无法连接：{}",
    "{} is backed off until {} UTC ({})": "暂停请求 {}，到 {} UTC（{}）",
    "the name {} could not be resolved: is there a network?": "无法解析域名 {}：网络通吗？",
    "{} refused the connection": "{} 拒绝连接",
    "{} took too long: no whole answer within network.timeout": "{} 太慢：在 network.timeout 之内没有完整应答",
    "the answer of {} ended in the middle": "{} 的应答中途断了",
    "the answer is larger than network.max_body": "应答超过 network.max_body",
    "the answer unpacks to more than network.max_body": "应答解压后超过 network.max_body",
    "the host's robots.txt forbids it, and network.obey_robots is true": (
        "对方的 robots.txt 禁止，而 network.obey_robots 为 true"
    ),
    "robots.txt of {} answers {}: nothing is allowed for now": "{} 的 robots.txt 应答 {}：暂时什么都不请求",
    "too many redirects": "重定向太多",
    "{} has the private address {}, and network.allow_private is false": (
        "{} 的地址 {} 属于内网，而 network.allow_private 为 false"
    ),
    "{} is a private name or address, and network.allow_private is false": (
        "{} 是内网的名称或地址，而 network.allow_private 为 false"
    ),
    # Lists: crawler/listings
    "the answer is empty": "应答是空的",
    "the answer is HTML, not JSON": "应答是 HTML，不是 JSON",
    "the answer is not JSON: {}": "应答不是 JSON：{}",
    "the answer has no result": "应答里没有 result",
    "the answer reports error {}: {}": "应答报告错误 {}：{}",
    "the answer is neither RSS nor Atom: {}": "应答既不是 RSS，也不是 Atom：{}",
    "the answer is neither RSS nor Atom": "应答既不是 RSS，也不是 Atom",
    "it has no such element": "没有这样的元素",
    "the page has no list (#listcontent)": "页面里没有列表（#listcontent）",
    # Articles: crawler/extract, pipeline/decide.py
    "the page says {}, with status 200": "页面写着“{}”，状态码 200",
    "the page says {}, and its text is gone": "页面写着“{}”，正文没有了",
    "its text is gone: the page is there, and empty": "正文没有了：页面还在，内容是空的",
    "the listing says that it was deleted": "列表说它已删除",
    "a redirect to a front page, {}": "重定向到首页 {}",
    "a redirect to the page of document {}, {}": "重定向到文章 {} 的页面，{}",
    "it is the page of document {}, by its {}": "这是文章 {} 的页面，依据是 {}",
    "the page ends before its end tag, </html>": "页面在结束标记 </html> 之前断了",
    "the page is empty": "页面是空的",
    "no article element on the page (its title: {})": "页面里没有文章元素（标题：{}）",
    "no article element on the page (it has no title)": "页面里没有文章元素（也没有标题）",
    "no article was found on the page": "页面上没有找到文章",
    "its content coding cannot be undone": "内容编码无法解开",
    "it ends in the middle of its content coding": "在内容编码的中途断了",
    "it has {} versions, and no more are kept": "已有 {} 版，不再保存更多",
    "to {}: {}": "到 {}：{}",
}


def reason(text: str) -> Markup:
    """Return a reason in the language of the request; what stays English in a Chinese page is marked as such."""
    if language.current() != "zh":
        return visible(text)
    translated = chinese(text)
    return visible(translated) if translated != text else Markup('<span lang="en">{}</span>').format(visible(text))


def chinese(text: str) -> str:
    """Return a reason in Chinese, as far as its forms are known."""
    return "；".join(map(_chinese_part, text.split("; ")))


def _chinese_part(text: str) -> str:
    for literals, form in _forms():
        if (values := _values(text, literals)) is not None:
            return form.format(*map(chinese, values))
    return text


@cache
def _forms() -> tuple[tuple[list[str], str], ...]:
    return tuple((english.split("{}"), form) for english, form in FORMS.items())


def _values(text: str, literals: list[str]) -> list[str] | None:
    """Return what stands between the literal parts of a form; None if a text does not have it."""
    first, last = literals[0], literals[-1]
    if len(literals) == 1:
        return [] if text == first else None
    if not text.startswith(first) or not text.endswith(last):
        return None
    values, place, end = list[str](), len(first), len(text) - len(last)
    for literal in literals[1:-1]:
        at = text.find(literal, place, end)
        if at < 0:
            return None
        values.append(text[place:at])
        place = at + len(literal)
    values.append(text[place:end])
    return values if all(values) and place <= end else None
