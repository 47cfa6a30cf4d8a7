"""Articles in a page's scripts: slides and videos. Scripts are parsed as data and never run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import Any

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from crawler.markup.parser import parse_html

# var slide_data = {"slide": {"title": …, "createtime": …}, "images": [{"download_img": …, "intro": …}, …]};
_SLIDES = re.compile(r"\bslide_data\s*=\s*(?=\{)")
_MAX_ASSIGNMENTS = 8  # of slide_data in a script; the first that can be parsed counts
# [{video_id: 313349053, //vid⏎ pic: '//…', title: '…', url: 'http://video.sina.com.cn/p/…'}]: not JSON
_VIDEO = re.compile(r"\bvideo_id\s*:\s*['\"]?([1-9]\d*)")
# An object without nested objects. Each alternative begins with a different character, so matching takes linear time.
_OBJECT = re.compile(r"""\{(?:[^{}'"]|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")*\}""")
_FIELD = re.compile(r"""\b(pic|thumbUrl|title|url|source)\s*:\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")""")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can contain one, a UTF-8 file cannot


class EmbeddedData(Struct, frozen=True):
    """An article in a script; "" for values that are missing."""

    html: str  # like the inner HTML of an article element
    title: str = ""
    published: str = ""  # as in the script
    medium: str = ""


def slides(tree: LexborHTMLParser) -> EmbeddedData | None:
    """Return the slides of a page, each an image with its caption below; None if it has none."""
    for script in _scripts(tree):
        for match in islice(_SLIDES.finditer(script), _MAX_ASSIGNMENTS):
            try:
                data, _ = json.JSONDecoder().raw_decode(script, match.end())
            except (ValueError, RecursionError):
                continue
            images = "\n".join(_images(data.get("images")))
            if images:
                about = data.get("slide") if isinstance(data.get("slide"), dict) else {}
                return EmbeddedData(
                    images, _value(about, "title"), _value(about, "createtime"), _value(about, "source")
                )
    return None


def video(tree: LexborHTMLParser, poster: str) -> EmbeddedData | None:
    """Return the videos of a page: title, link to its page and poster of each, if present. None if it has no video.

    :param poster: URL of an image for videos without their own; "" if the page has none
    """
    videos: list[dict[str, str]] = []
    for script in _scripts(tree):
        if _VIDEO.search(script):
            objects = [match[0] for match in _OBJECT.finditer(script) if _VIDEO.search(match[0])]
            videos += map(_fields, objects or [script])
    if not videos:
        return None
    parts = [part for fields in videos for part in _video(fields, poster)]
    return EmbeddedData(
        "\n".join(dict.fromkeys(parts)), videos[0].get("title", ""), medium=videos[0].get("source", "")
    )


def _scripts(tree: LexborHTMLParser) -> Iterator[str]:
    return (script.text() or "" for script in tree.css("script:not([src])"))


def _images(images: object) -> Iterator[str]:
    for image in images if isinstance(images, list) else ():
        if isinstance(image, dict) and (url := _value(image, "download_img", "image_url")):
            yield _image(url, _fragment(_value(image, "intro")))


def _image(url: str, caption: str) -> str:
    """Return an image in the markup of article pages.

    :param caption: HTML
    """
    below = f'<span class="img_descr">{caption}</span>' if caption else ""
    return f'<div class="img_wrapper"><img src="{escape(url)}" alt="">{below}</div>'


def _fragment(html: str) -> str:
    """Return HTML with all elements closed."""
    body = parse_html(html).body
    return (body.inner_html or "").strip() if body is not None else ""


def _value(data: dict[str, Any], *names: str) -> str:
    for name in names:
        if isinstance(value := data.get(name), str) and (value := _LONE_SURROGATE.sub("\ufffd", value).strip()):
            return value
    return ""


def _fields(script: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(script):
        if value := _unescaped(match[2] or match[3] or "").strip():
            fields.setdefault(match[1], value)
    return fields


def _unescaped(text: str) -> str:
    quoted = text.replace("\\'", "'").replace('\\"', '"').replace('"', '\\"')
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return text
    return _LONE_SURROGATE.sub("\ufffd", value)


def _video(fields: dict[str, str], poster: str) -> Iterator[str]:
    title, url = fields.get("title", ""), fields.get("url", "")
    if url:
        yield f'<p><a href="{escape(url)}">{escape(title or url, quote=False)}</a></p>'
    elif title:
        yield f"<p>{escape(title, quote=False)}</p>"
    if image := fields.get("pic") or fields.get("thumbUrl") or poster:
        yield _image(image, "")
