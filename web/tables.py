"""Descriptions of the index's tables, for the page that lists them."""

from __future__ import annotations

# In the order in which readers look for them. Tables that are not here are the program's own bookkeeping.
TABLES = {
    "revisions": "每篇文章的每一版：标题、时间、媒体、股票、文件及其 SHA-256",
    "texts": "每一版的正文（纯文字）",
    "entries": "列表提到的每一篇文章，及其抓取状态",
    "observations": "每一次抓取：时间、结果、状态码、原始页面的位置",
    "facts": "正文没变而媒体、关键词、股票或时间变了的记录",
    "symbols": "每一版提到的股票",
    "stock_names": "股票的名称，及其何时出现在哪篇文章",
    "listings": "哪篇文章属于哪个订阅源",
    "unlisted": "离开列表、而邻近文章仍在的文章",
    "moves": "地址改为显示另一篇文章的记录",
    "changes": "列表中标题和修改时间的变动",
    "feeds": "每个订阅源的读取情况",
    "spans": "每个订阅源读过的时段",
    "settled": "其中已经核实的时段",
    "gaps": "可能遗漏文章的时段",
    "images": "图片：等待下载的、已存的、失败的",
    "manifests": "每天的清单及其根",
    "forgotten": "按要求移除的文章",
}
