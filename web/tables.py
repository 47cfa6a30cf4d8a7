"""Descriptions of the index's tables, for the page that lists them."""

from __future__ import annotations

from web.rendering.language import to_translate

# In the order in which readers look for them. Tables that are not here are the program's own bookkeeping.
TABLES = {
    "revisions": to_translate("每篇文章的每一版：标题、时间、媒体、股票、文件及其 SHA-256"),
    "texts": to_translate("每一版的正文（纯文字）"),
    "entries": to_translate("列表提到的每一篇文章，及其抓取状态"),
    "observations": to_translate("每一次抓取：时间、结果、状态码、原始页面的位置"),
    "facts": to_translate("正文没变而媒体、关键词、股票或时间变了的记录"),
    "symbols": to_translate("每一版提到的股票"),
    "stock_names": to_translate("股票的名称，及其何时出现在哪篇文章"),
    "listings": to_translate("哪篇文章属于哪个订阅源"),
    "unlisted": to_translate("离开列表、而邻近文章仍在的文章"),
    "moves": to_translate("地址改为显示另一篇文章的记录"),
    "changes": to_translate("列表中标题和修改时间的变动"),
    "feeds": to_translate("每个订阅源的读取情况"),
    "spans": to_translate("每个订阅源读过的时段"),
    "settled": to_translate("其中已经核实的时段"),
    "gaps": to_translate("可能遗漏文章的时段"),
    "images": to_translate("图片：等待下载的、已存的、失败的"),
    "manifests": to_translate("每天的清单及其根"),
    "forgotten": to_translate("按要求移除的文章"),
}
