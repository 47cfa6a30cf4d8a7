"""Bodies in Markdown: what two families of readers make of them, and that no text is lost or read as markup."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import escape as escape_html

import markdown as python_markdown
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from archive.files.markdown import to_html
from crawler.extract.body import render_body
from crawler.markup.markdown import to_markdown


def python_html(text: str) -> str:
    """What mkdocs makes of a text."""
    return python_markdown.markdown(text, extensions=["tables", "fenced_code"])


RENDERERS = [to_html, python_html]


def words(html: str) -> str:
    """The text of HTML without white space."""
    root = LexborHTMLParser(html).body
    return re.sub(r"\s+", "", root.text() if root else "")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>　　<strong>主题：</strong>正文</p>", "**主题**：正文"),
        ("<p>前<b>“标题”</b>后</p>", "前“**标题**”后"),
        ("<p><strong>（a）</strong></p>", "（**a**）"),
        ("<p><b>。</b></p>", "。"),
        ("<p><b>a</b><strong>b</strong><i>c</i>d</p>", "**ab**cd"),
        ("<p><b>x <i>y</i></b></p>", "**x y**"),
        ('<p><b><a href="https://a.cn/">x</a></b>y</p>', "[x](https://a.cn/)y"),
        ('<p><a href="https://a.cn/x (1)?a=1&amp;b=[2]">[链接]</a></p>', r"[\[链接\]](https://a.cn/x%20%281%29?a=1&b=%5B2%5D)"),
        ('<p><a href="javascript:alert(1)">x</a></p>', "x"),
        ('<img src="https://i.cn/a.jpg" alt="图]">', r"![图\]](https://i.cn/a.jpg)"),
        (
            '<div class="img_wrapper"><img src="https://i.cn/a.jpg"><span class="img_descr">说明：甲</span></div>',
            "![](https://i.cn/a.jpg)\n\n*说明：甲*",
        ),
        ("<figure><img src='https://i.cn/a.jpg'><figcaption>a</figcaption></figure>", "![](https://i.cn/a.jpg)\n\n*a*"),
        ("<p>a<br>b</p>", "a  \nb"),
        ("<ul><li>一<ul><li>二</li></ul></li></ul>", "-   一\n    -   二"),
        ("<ol start='9'><li>九</li><li>十</li></ol>", "9.  九\n10. 十"),
        ("<ul><li><p>一</p><p>二</p></li></ul>", "-   一\n\n    二"),
        ("<h2>标题</h2><p>文</p><hr><blockquote>引</blockquote>", "## 标题\n\n文\n\n---\n\n> 引"),
        (
            "<table><caption>表</caption><tr><th>甲|乙</th><th>丙</th></tr><tr><td>1</td><td>2<br>3</td></tr></table>",
            "*表*\n\n| 甲\\|乙 | 丙 |\n| --- | --- |\n| 1 | 2 3 |",
        ),
        (
            "<table><tr><td rowspan=2>a</td><td colspan=2>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
            "| a | b | |\n| --- | --- | --- |\n| | c | d |",
        ),
        ("<table><tr><td><table><tr><td>内</td></tr></table></td><td>外</td></tr></table>", "| 内 |\n| --- |\n\n外"),
        ("<p>{{x}} A&amp;B &amp;lt; &lt;b&gt;</p>", "&#123;&#123;x&#125;&#125; A&B &amp;lt; &lt;b>"),
        ("<p>#话题# *星* _下_ `码` $TSLA$ a~~b==c%%d</p>",
         r"\#话题\# \*星\* \_下\_ \`码\` &#36;TSLA$ a&#126;&#126;b&#61;&#61;c&#37;&#37;d"),
        ("<p>1. a</p><p>- a</p><p>+ a</p><p>&gt; a</p><p>=</p>", "1\\. a\n\n\\- a\n\n\\+ a\n\n&gt; a\n\n&#61;"),
        ("<p>　　1. a</p><p>　- a</p><p>\u00a0&gt; a</p><p>b<br>　=</p>",
         "1\\. a\n\n\\- a\n\n&gt; a\n\nb  \n　&#61;"),
        ("<style>x</style><iframe src='https://x.cn/'>y</iframe><p>a</p>", "a"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_is_written_as_markdown(html: str, expected: str) -> None:
    assert to_markdown(html) == expected


@pytest.mark.parametrize("render", RENDERERS)
def test_readers_show_emphasis_tables_lists_and_images(render: Callable[[str], str]) -> None:
    html = render(
        to_markdown(
            "<p><b>主题：</b>正文</p><ul><li>一<ul><li>二</li></ul></li></ul>"
            "<p><img src='https://i.cn/a (1).jpg'></p><table><tr><th>甲</th></tr><tr><td>乙</td></tr></table>"
        )
    )
    tree = LexborHTMLParser(html)
    assert [node.text() for node in tree.css("strong")] == ["主题"]
    assert len(tree.css("li li")) == 1
    assert tree.css_first("img").attributes["src"] == "https://i.cn/a%20%281%29.jpg"
    assert [node.text() for node in tree.css("th, td")] == ["甲", "乙"]


PIECES = [*"ab1一二。：“”（）()[]{}<>&*_`#|~=-+!$%\\/\"'.:;^@ \n\u3000\u00a0", "https://a.cn", "&lt;", "1. "]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
ELEMENTS = {
    **{name: f"<{name}>{{}}</{name}>" for name in ("p", "b", "i", "h2", "blockquote", "span")},
    "li": "<ul><li>{}</li></ul>",
    "td": "<table><tr><td>x</td></tr><tr><td>{}</td></tr></table>",
    "a": "<p><a href='https://a.cn/'>{}</a></p>",
}
SHOWN = {*ELEMENTS, "strong", "em", "ul", "ol", "table", "thead", "tbody", "tr", "th", "br", "hr"}


@pytest.mark.parametrize("render", RENDERERS)
@example(parts=[("a", "]:")])
@example(parts=[("b", "\u3000>")])
@example(parts=[("a", "[x]: https://a.cn"), ("p", "[y]: https://a.cn")])
@given(parts=st.lists(st.tuples(st.sampled_from(sorted(ELEMENTS)), TEXTS), max_size=6))
def test_all_text_is_shown_and_none_of_it_is_markup(
    render: Callable[[str], str], parts: list[tuple[str, str]]
) -> None:
    html = "".join(ELEMENTS[name].format(escape_html(text)) for name, text in parts)
    body = render_body(f"<div>{html}</div>", "https://a.cn/", clean=True).html
    shown = render(to_markdown(body))
    assert words(shown) == words(body)
    root = LexborHTMLParser(shown).body
    assert root is not None
    assert {node.tag for node in root.css("*")} - {"body"} <= SHOWN


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 400 + "x" + "</div>" * 400,
        "<blockquote>" * 300 + "x",
        "<ol>" + "<li>x" * 30_000 + "</ol>",
        "<table><tr>" + "<td colspan=1000 rowspan=1000>x" * 3_000 + "</table>",
        "<p>" + "$x" * 100_000,
        "<p>" + "<b>x</b>" * 15_000,
    ],
    ids=["divs", "quotes", "list", "spans", "dollars", "emphasis"],
)
def test_hostile_markup_takes_little_time_and_keeps_its_text(html: str) -> None:
    began = time.process_time()
    text = to_markdown(html)
    assert time.process_time() - began < 10
    assert "x" in text
