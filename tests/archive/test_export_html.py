"""The HTML page of a version: it loads nothing from other hosts and runs nothing, for any article."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.export.html import clean_html, render_view
from archive.model.article import Revision
from mocksite.server import MockSite
from tests.conftest import Home
from tests.support.images import ON, illustrated, stored

AT = datetime(2026, 9, 29, 4, 30, tzinfo=UTC)
REVISION = Revision(
    "naaaa0001",
    2,
    "a/b.md",
    "0" * 64,
    "“题”<script>alert(1)</script>",
    AT,
    AT,
    "https://a.cn/x?a=1&b=2",
    media="新华社",
)
KEPT = {"https://p.cn/kept.png": "file:///news/images/k%20%22.png", "https://p.cn/near.png": "../images/近.png"}


class Elements(HTMLParser):
    """What a page has: names, and attributes as they mean."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def view(body: str, **named: str) -> str:
    return render_view(REVISION, body, KEPT.get, **named)


def test_the_view_shows_title_source_and_version() -> None:
    html = view("<p>　　正文。</p>")
    assert "<h1>“题”&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in html
    assert "2026-09-29 12:30 · 新华社" in html
    assert "naaaa0001 · 第 2 版，2026-09-29 12:30:00 存档" in html
    assert Elements(html).all("a") == [{"href": "https://a.cn/x?a=1&b=2", "rel": "noopener noreferrer"}]
    assert "<p>　　正文。</p>" in html


def test_its_policy_forbids_everything_but_local_pictures() -> None:
    [policy] = [meta["content"] for meta in Elements(view("")).all("meta") if "http-equiv" in meta]
    expected = (
        "default-src 'none'; img-src file: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    assert policy == expected
    [served] = [
        meta["content"] for meta in Elements(view("", images_from="'self'")).all("meta") if "http-equiv" in meta
    ]
    assert served == expected.replace("file: data:", "'self'")


def test_stored_pictures_are_shown_and_others_described() -> None:
    html = view(
        '<p><img src="https://p.cn/kept.png" alt="一" onload="x()"><img src="https://p.cn/near.png">'
        '<img src="https://p.cn/lost.png" alt="走势 &lt;图&gt; &quot;b&quot; src=&quot;x&quot;"><img src="https://p.cn/bare.png">'
        '<img srcset="https://p.cn/set.png 2x" alt="集"></p><span class="img_descr x">说明</span>'
    )
    assert Elements(html).all("img") == [{"src": KEPT["https://p.cn/kept.png"], "alt": "一"},
                                         {"src": KEPT["https://p.cn/near.png"]}]  # fmt: skip
    assert '<span class="absent">走势 &lt;图&gt; &quot;b&quot; src=&quot;x&quot;</span>' in html
    assert '<span class="absent">集</span>' in html
    assert '<span class="img_descr">说明</span>' in html


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<p onclick="alert(1)" style="background:url(https://e.cn/x)">x</p>',
        '<a href="javascript:alert(1)">x</a><a href="data:text/html,x">y</a><a href="file:///etc/passwd">z</a>',
        '<iframe src="https://e.cn/"></iframe><object data="https://e.cn/x"></object><embed src="https://e.cn/">',
        '<link rel="stylesheet" href="https://e.cn/x.css"><style>@import "https://e.cn/x.css"</style>',
        '<svg><image href="https://e.cn/x.png"/><a xlink:href="https://e.cn/"><text>x</text></a></svg>',
        '<video src="https://e.cn/x.mp4" poster="https://e.cn/x.png"></video><audio src="https://e.cn/x"></audio>',
        '<meta http-equiv="refresh" content="0;url=https://e.cn/"><base href="https://e.cn/">',
        '<form action="https://e.cn/"><input type="image" src="https://e.cn/x.png"></form>',
        '<table background="https://e.cn/x.png"><tr><td background="https://e.cn/x.png">x</td></tr></table>',
        "<noscript><img src='https://e.cn/x.png'></noscript><template><img src='https://e.cn/x.png'></template>",
        '<math><mtext><style><img src="https://e.cn/x.png" onerror=alert(1)></style></mtext></math>',
        '</article></body><plaintext><img src="https://e.cn/x.png">',
        '<img src="file:///etc/passwd"><img src="//e.cn/x.png"><img src="x.png"><img src="data:image/png;base64,AA">',
    ],
)
def test_nothing_of_an_article_runs_or_loads(body: str) -> None:
    assert_harmless(view(body))


def assert_harmless(html: str) -> None:
    head, _, backoff = html.partition("</head>")
    assert head == view("").partition("</head>")[0]
    for tag, attributes in Elements(backoff).found:
        assert tag not in {
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "link",
            "meta",
            "base",
            "form",
            "svg",
            "math",
        }
        assert not {name for name in attributes if name.startswith("on")} | attributes.keys() & {"style", "srcset"}
        assert attributes.get("src") in {None, *KEPT.values()}
        assert (attributes.get("href") or "https://").startswith(("https://", "http://"))
        assert attributes.keys() & {"background", "poster", "data", "action", "xlink:href"} == set()
        assert tag == "img" or "src" not in attributes


_PIECES = st.sampled_from(
    ["<", ">", '"', "'", "=", " ", "/", "<img ", "src=", "alt=", "https://p.cn/kept.png", "https://e.cn/x.png",
     "<script>", "</script>", "<!--", "-->", "<svg>", "<style>", "</style>", "<a ", "href=", "javascript:x", "on",
     "onerror=x", "&quot;", "&lt;", "x", "<p>", "</p>", "<textarea>", "<math>", "<noscript>", "<xmp>"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=24).map("".join))
def test_nothing_of_any_article_runs_or_loads(body: str) -> None:
    assert_harmless(view(body))


@pytest.fixture
def site() -> Iterator[MockSite]:
    with MockSite(illustrated(["/pictures/lost.png", "/pictures/kept.png"])) as running:
        running.fault("status", match=r"lost\.png", status=404)
        yield running


@pytest.fixture
def show(home: Home, site: MockSite) -> Callable[..., str]:
    """``show --html`` of an article with one stored picture and one that could not be fetched."""
    home.configure(site.endpoint, more=ON)
    home.run("crawl")
    return lambda *options: home.run("show", site.site.stories[0].docid, "--html", *options).out


def test_show_html_finds_the_pictures_in_the_archive(home: Home, site: MockSite, show: Callable[..., str]) -> None:
    html = show()
    [picture] = Elements(html).all("img")
    assert picture == {"src": stored(home)[0].as_uri(), "alt": "图 /pictures/kept.png"}
    assert html.count("图 /pictures/lost.png") == html.count("说明 /pictures/lost.png") == 1
    assert site.url not in re.sub(r'<a href="[^"]+"', "", html)
    stored(home)[0].unlink()
    assert '<span class="absent">图 /pictures/kept.png</span>' in show()


def test_show_html_as_of_a_time_omits_later_versions(home: Home, site: MockSite, show: Callable[..., str]) -> None:
    [(archived, docid)] = home.rows("SELECT fetched_at, docid FROM revisions")
    site.site.edit(docid, site.clock, title="后来的标题")
    site.clock += 60
    home.run("crawl")
    then = show("--as-of", archived)
    assert "后来的标题" in show()
    assert "后来的标题" not in then
    assert "<img" not in then, "its pictures were kept a moment later"
    assert "第 1 版" in then


def test_show_html_of_what_is_not_archived_yet_is_refused(home: Home, site: MockSite) -> None:
    home.configure(site.endpoint)
    home.run("crawl", "--limit", "0")
    done = home.run("show", site.site.stories[0].docid, "--html")
    assert (done.status, done.out) == (2, "")
    assert "has no version of" in done.err
    assert home.run("show", site.site.stories[0].docid, "--html", "--json").status == 2


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8001/index?sql=select+1", "http://127.0.0.1:8001/", "http://127.1/", "http://0x7f000001/",
        "http://2130706433/", "http://[::1]:8001/", "http://[::ffff:127.0.0.1]/", "http://192.168.1.1/admin",
        "https://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://router/", "http://nas.local/",
        "http://a.localhost/", "http://\uff11\uff12\uff17.0.0.1/", "http://user@127.0.0.1/", "http://[bad/", "http://127%2e0.0.1/",
        "//127.0.0.1/", "http:/127.0.0.1/", "http:\\\\127.0.0.1/",
    ],
)  # fmt: skip
def test_a_link_to_this_machine_or_a_private_network_is_no_link(address: str) -> None:
    html = clean_html(f'<p><a href="{address}">文字</a></p>', lambda url: None)
    assert Elements(html).all("a") == [{"rel": "noopener noreferrer"}]
    assert "文字" in html


def test_a_link_to_the_site_that_shows_the_article_is_no_link() -> None:
    body = '<a href="https://Reader.example.com/index?sql=x">甲</a><a href="https://example.com/">乙</a>'
    links = Elements(clean_html(body, lambda url: None, ["reader.example.com"])).all("a")
    assert [link.get("href") for link in links] == [None, "https://example.com/"]
