"""Bodies that link to stored images: the links lead to them, and the addresses come back."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.files.layout import image_link_path
from archive.files.local_images import with_local_images, with_original_images
from crawler.extract.body import render_body
from crawler.markup.markdown import to_markdown

PATH = PurePosixPath("金融/新浪/2026/09/29/题_a1.md")
PAGE = "https://finance.sina.com.cn/a/doc-ia1.shtml"
ADDRESSES = st.sampled_from(
    [
        "https://n.sinaimg.cn/a.jpg",
        "https://n.sinaimg.cn/a b.png?x=1&y=2",
        "https://n.sinaimg.cn/图.webp",
        'https://n.sinaimg.cn/a"b.gif',
        "https://n.sinaimg.cn/{a}(b)<c>.jpeg#d",
        "//k.sinaimg.cn/%E5%9B%BE.png",
        "/relative.bmp",
        "https://n.sinaimg.cn/get?id=5",
    ]
)


def link_of(url: str) -> str:
    return f"../../../../../{image_link_path(url)}"


@pytest.mark.parametrize(
    ("url", "extension"),
    [
        ("https://a.cn/x.jpg", ".jpg"),
        ("https://a.cn/x.JPEG?y=.png", ".jpg"),
        ("https://a.cn/x.svg", ""),
        ("https://a.cn/x", ""),
        ("https://a.cn/x.jpg/..", ""),
    ],
)
def test_a_link_has_the_extension_of_a_known_image_and_is_inside_its_folder(url: str, extension: str) -> None:
    path = image_link_path(url)
    assert (path.parts[:2], path.suffix, len(path.stem)) == ((".finarchive", "links"), extension, 32)


@given(st.lists(ADDRESSES, max_size=5), st.booleans(), st.integers(0, 5))
def test_every_known_image_becomes_a_link_and_gets_its_address_back(
    sources: list[str], markdown: bool, known: int
) -> None:
    html = "".join(
        f'<p>x<img alt="a>b" src="{source.replace(chr(34), "&quot;")}" title="t"><a href="https://a.cn/">l</a></p>'
        for source in sources
    )
    made = render_body(html, PAGE)
    body, urls = (to_markdown(made.html) if markdown else made.html), [each.url for each in made.pictures]
    local = with_local_images(body, urls[:known], PATH, markdown=markdown)
    for url in urls:
        assert (link_of(url) in local) == (url in urls[:known])
    assert with_original_images(local) == body
    if not urls[:known]:
        assert local == body


def test_a_page_cannot_fake_a_link() -> None:
    html = f'<p><img src="../../{image_link_path("x")}" data-original="javascript:1"></p>'
    body = render_body(html, PAGE).html
    assert with_original_images(body) == body
    assert 'src="https://finance.sina.com.cn/' in body
