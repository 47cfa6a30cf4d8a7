"""A version of an article as a self-contained HTML page. Pure.

The archived HTML comes from the site and is not trusted: nh3 sanitises it, and the page's Content-Security-Policy
forbids scripts and loads nothing but local images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from html import escape, unescape
from urllib.parse import urlsplit

import nh3

from archive.files.paths import CHINA
from archive.model.article import Revision
from archive.model.hosts import names_private

_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "div", "dl", "dt", "em", "figcaption",
    "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "s", "small", "span",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start"},
}
_CLASSES = {"div": {"img_wrapper"}, "span": {"img_descr"}, "p": {"article-editor"}}
# An image as nh3 writes it: attribute values are in double quotes and contain none.
_IMAGE = re.compile(r'<img((?: [a-z]+="[^"]*")*)>')
_ALT = re.compile(r' alt="([^"]*)"')

_STYLE = """
:root { color-scheme: light dark }
body { margin: 2.5rem auto; max-width: 40em; padding: 0 1.2em; line-height: 1.8; text-align: justify;
  overflow-wrap: break-word;
  font-family: "Noto Serif CJK SC", "Source Han Serif SC", "Songti SC", SimSun, serif }
h1 { font-size: 1.6em; line-height: 1.4; text-align: left; margin: 0 0 .5em }
header p, .article-editor, .img_descr, .absent, footer { font-size: .85em; opacity: .7 }
header { border-bottom: 1px solid; margin-bottom: 1.5em }
footer { border-top: 1px solid; margin-top: 2.5em; padding-top: .5em }
img { display: block; height: auto; margin: 1em auto .4em; max-width: 100% }
.img_wrapper { text-align: center }
.img_descr, .absent { display: block; text-align: center }
table { border-collapse: collapse; display: block; font-size: .9em; margin: 1em 0; overflow-x: auto }
td, th { border: 1px solid; padding: .2em .6em }
blockquote { border-left: 3px solid; margin-left: 0; padding-left: 1em }
pre { overflow-x: auto }
"""


def render_view(
    revision: Revision, body: str, local: Callable[[str], str | None], *, images_from: str = "file: data:"
) -> str:
    """Return an HTML page of a version of an article.

    :param body: the version's HTML, as in its file
    :param local: returns the local URL of an image from its URL in the article; None if the image is not stored: its
        description takes its place
    :param images_from: the sources of these URLs, in the syntax of Content-Security-Policy
    """
    policy = (
        f"default-src 'none'; img-src {images_from}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    title = escape(revision.title)
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<article>
<header>
<h1>{title}</h1>
<p>{_facts(revision)}</p>
</header>
{clean_html(body, local)}
</article>
<footer>{_origin(revision)}</footer>
</body>
</html>
"""


def _facts(revision: Revision) -> str:
    published = f"{revision.published.astimezone(CHINA):%Y-%m-%d %H:%M}"
    return escape(" · ".join(filter(None, (published, revision.media))))


def _origin(revision: Revision) -> str:
    observed = f"{revision.fetched_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    text = f"{escape(revision.docid)} · 第 {revision.number} 版，{observed} 存档"
    if not revision.url.startswith(("http://", "https://")):
        return text
    return f'{text} · <a href="{escape(revision.url)}" rel="noopener noreferrer">原文</a>'


def clean_html(
    body: str, local: Callable[[str], str | None], own_hosts: Collection[str] = (), *, focusable: bool = False
) -> str:
    """Sanitise an article's HTML: no scripts, styles or forms, and no URLs but links to public hosts (D69, D241).

    :param body: as in the article's file
    :param local: as in :func:`render_view`
    :param own_hosts: hosts of the site that shows the article, which the article may not link to either
    :param focusable: whether what scrolls where it is too wide gets the focus, so that the keyboard can scroll it
    """

    def filter_attribute(tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) == ("img", "src"):
            return local(value)
        return value if attribute != "href" or _is_public_link(value, own_hosts) else None

    html = nh3.clean(
        body,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=filter_attribute,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"table": {"tabindex": "0"}, "pre": {"tabindex": "0"}} if focusable else None,
    )
    return _IMAGE.sub(_image_or_description, html)


def _is_public_link(url: str, own_hosts: Collection[str]) -> bool:
    """Return whether a link leads to the public web. One without a scheme would be relative to this page."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return url.startswith(("http://", "https://")) and not names_private(host) and host not in own_hosts


def _image_or_description(image: re.Match[str]) -> str:
    if ' src="' in image[1]:
        return image[0]
    alt = _ALT.search(image[1])
    description = unescape(alt[1]).strip() if alt else ""
    return f'<span class="absent">{escape(description)}</span>' if description else ""
