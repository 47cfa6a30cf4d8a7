"""The rules for a post's body, one by one: what is removed, made absolute, or unchanged."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from crawler.extract.body import Body, plain_text, render_body

PAGE = "https://finance.sina.com.cn/china/2026-09-30/doc-ikzxtest0000001.shtml"


def body_of(html: str, *, clean: bool = False) -> Body:
    """The body of an article element with ``html``, parsed and serialised first, as for a page."""
    page = LexborHTMLParser(f'<!DOCTYPE html><body><div id="artibody">{html}')
    element = page.css_first("#artibody")
    assert element is not None
    return render_body(element.inner_html or "", PAGE, clean=clean)


def rendered(html: str, *, clean: bool = False) -> str:
    return body_of(html, clean=clean).html


# Links and pictures


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("//news.sina.com.cn/a", "https://news.sina.com.cn/a"),
        ("/b?x=1&amp;y=2#z", "https://finance.sina.com.cn/b?x=1&amp;y=2#z"),
        ("c.shtml", "https://finance.sina.com.cn/china/2026-09-30/c.shtml"),
        ("../d", "https://finance.sina.com.cn/china/d"),
        ("#part", f"{PAGE}#part"),
        ("?page=2", f"{PAGE}?page=2"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("http://other.cn", "http://other.cn"),
        (" /e\n", "https://finance.sina.com.cn/e"),
        ("/中文", "https://finance.sina.com.cn/中文"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_links_become_absolute(href: str, expected: str) -> None:
    assert rendered(f'<a href="{href}">a</a>') == f'<a href="{expected}">a</a>'


def test_an_empty_or_missing_href_stays() -> None:
    assert rendered('<a href="">a</a><a name="b">c</a>') == '<a href="">a</a><a name="b">c</a>'


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('src="//n.sinaimg.cn/a.png"', 'src="https://n.sinaimg.cn/a.png"'),
        ('src="/b.jpg" alt="图"', 'src="https://finance.sina.com.cn/b.jpg" alt="图"'),
        ('data-src="//n.cn/c.WEBP" alt=""', 'data-src="//n.cn/c.WEBP" alt="" src="https://n.cn/c.WEBP"'),
        ('real_src="/d.gif?x" other="e.png"',
         'real_src="/d.gif?x" other="e.png" src="https://finance.sina.com.cn/d.gif?x"'),
        ('src="" data-src="/f.jpg"', 'src="https://finance.sina.com.cn/f.jpg" data-src="/f.jpg"'),
        ('data-src="/no-picture"', 'data-src="/no-picture"'),
        ('referrerpolicy="origin" src="//n.cn/g.png"', 'src="https://n.cn/g.png"'),
        ("", None),
    ],
)  # fmt: skip
def test_every_picture_has_an_absolute_source_and_the_referrer_policy_last(attributes: str, expected: str) -> None:
    policy = 'referrerpolicy="no-referrer"'
    assert rendered(f"<p><img {attributes}></p>") == f"<p><img {f'{expected} ' if expected else ''}{policy}></p>"


def test_the_first_picture_with_a_source_is_the_posts_image() -> None:
    assert body_of('<p><img alt="x"><img src="//n.cn/a.png"><img src="/b.png"></p>').image == "https://n.cn/a.png"
    assert body_of("<p>none</p>").image is None


def test_a_picture_with_a_javascript_source_takes_the_lazy_one() -> None:
    assert body_of('<p><img src="javascript:x" data-src="/a.png"></p>').image == "https://finance.sina.com.cn/a.png"


# Characters


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a&nbsp;b&copy;&#20013;</p>", "<p>a\u00a0b©中</p>"),
        ('<p title="a&nbsp;&quot;b\'">&quot;\'</p>', "<p title=\"a\u00a0&quot;b'\">\"'</p>"),
        ("<p>&amp;nbsp; &amp; &lt; &gt;</p>", "<p>&amp;nbsp; &amp; &lt; &gt;</p>"),
        ("<p>a</p><!-- &nbsp; -->", "<p>a</p><!-- &nbsp; -->"),
        ("<p>a</p><style>p:after{content:'&nbsp;'}</style>&nbsp;",
         "<p>a</p><style>p:after&#123;content:'&nbsp;'&#125;</style>\u00a0"),
        ('<p title="<!--">a&nbsp;b</p><!-- c -->', '<p title="&lt;!--">a\u00a0b</p><!-- c -->'),
        ("<p hidden data-x>a</p>", '<p hidden="" data-x="">a</p>'),
        ("<p>{{ a }} {% b %}</p>", "<p>&#123;&#123; a &#125;&#125; &#123;% b %&#125;</p>"),
        ('<p title="{a}">b</p>', '<p title="&#123;a&#125;">b</p>'),
        ("<p>a\tb</p>\n\t\t<p>c \t d</p>\t\n", "<p>a b</p>\n<p>c  d</p>\n"),
        ("<p>a\t\tb</p>", "<p>a b</p>"),
        ("<p>a\x01b\x1f\x7f\x8d\x9dc&#x9;d</p>", "<p>abc d</p>"),
        ("<p>a\r\nb\rc\nd</p>", "<p>a\nb\nc\nd</p>"),
        ("<p>　　两个全角空格</p>", "<p>　　两个全角空格</p>"),
    ],
)  # fmt: skip
def test_characters_are_written_raw_and_controls_go(html: str, expected: str) -> None:
    assert rendered(html) == expected


# What a browser makes of it


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("\n <!-- lead --> <style>p{}</style>\n<p>a</p>\n<!-- end -->\n", "<p>a</p>\n<!-- end -->\n"),
        ("<p>a<p>b<div>c", "<p>a</p><p>b</p><div>c</div>"),
        ("<b>a<i>b</b>c", "<b>a<i>b</i></b><i>c</i>"),
        ("<table><tr><td>1<td>2</table>", "<table><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"),
        ("<p>a<br/>b</p>", "<p>a<br>b</p>"),
        ("<pre>\n\n\na</pre>", "<pre>\na</pre>"),  # each of two parses drops a first line break
        ("<pre>  a\n    b\n</pre>", "<pre>  a\n    b\n</pre>"),
        ("<textarea>\n\nb</textarea>", "<textarea>b</textarea>"),
        ("<frameset><frame></frameset>", ""),
        ("", ""),
    ],
)
def test_html_comes_out_as_a_browser_has_it(html: str, expected: str) -> None:
    assert rendered(html) == expected


def test_a_document_of_frames_has_no_body() -> None:
    assert render_body("<frameset><frame src=javascript:x></frameset>", PAGE) == Body("", None)


# Clean

KEPT = (
    '<p>　　正文。</p><div class="img_wrapper"><img src="https://n.cn/a.png" referrerpolicy="no-referrer">'
    '<span class="img_descr">图注</span></div><table><tbody><tr><td>1</td></tr></tbody></table>'
    '<p class="article-editor">责任编辑：某某 </p><!-- news_keyword_pub,stock,sh600519 -->'
)
FURNITURE = [
    '<div class="clearfix appendQr_wrap"><img src="https://n.cn/qr.png"></div>',
    '<div class="app-kaihu-qr">x</div>',
    '<div class="app-qihuo-kaihu-qr">x</div>',
    '<div id="app-kaihu-stock">x</div>',
    '<div class="finance_app_sina">x</div>',
    '<div class="tech-quotation">x</div>',
    '<div id="left_hzh_ad">x</div>',
    '<ins class="sinaads" data-ad-pdps="P">x</ins>',
    '<div id="ad_44086">x</div>',
    '<div class="ct_hqimg">x</div>',
    '<div class="otherContent_01">x</div>',
    '<div class="wap_special">x</div>',
    '<div class="article-notice">x</div>',
    "<!--article_adlist[<p>ad</p>]article_adlist-->",
    '<span id="quote_sh600519"></span>',
    '<p cms-style="font-L"> \u3000</p>',
    "<!-- 正文 start -->",
    "<style>p{}</style>",
]


@pytest.mark.parametrize("furniture", FURNITURE)
def test_clean_removes_furniture_and_faithful_keeps_it(furniture: str) -> None:
    assert rendered(KEPT + furniture, clean=True) == KEPT
    assert rendered(KEPT + furniture) != KEPT


def test_clean_removes_all_of_it_at_once_and_no_more() -> None:
    assert rendered("<p>a</p>" + "\n\n\n".join(FURNITURE) + KEPT, clean=True).replace("\n", "") == f"<p>a</p>{KEPT}"


def test_clean_removes_tracking_attributes() -> None:
    html = '<p data-sudaclick="x" suda-uatrack="y" class="z">a</p>'
    assert rendered(html, clean=True) == '<p class="z">a</p>'
    assert rendered(html) == html


def test_clean_keeps_a_styled_paragraph_that_says_or_shows_something() -> None:
    html = (
        '<p cms-style="font-L">a</p><p cms-style="b"><img src="https://n.cn/a.png" referrerpolicy="no-referrer"></p>'
    )
    assert rendered(html, clean=True) == html


def test_clean_keeps_the_blank_lines_of_preformatted_text() -> None:
    assert rendered("<pre>a\n\nb</pre>", clean=True) == "<pre>a\n\nb</pre>"


def test_clean_keeps_a_block_that_merely_has_such_an_id() -> None:
    assert rendered('<blockquote id="quote_1"><p>原话</p></blockquote>', clean=True) != ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>　　一 &amp; 二</p>\n<p>三<b>四</b></p>", "一 & 二\n三四"),
        ("<style>p</style><script>x</script>\n\n a\x1b[31mb ", "a[31mb"),
        ("<frameset></frameset>", ""),
    ],
)
def test_plain_text_has_a_line_for_each_paragraph_and_no_control_characters(html: str, text: str) -> None:
    assert plain_text(html) == text
