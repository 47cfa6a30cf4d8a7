"""Articles that stand in a page's scripts: slides, and videos. Read as data, and never run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any

from selectolax.lexbor import LexborHTMLParser

# var slide_data = {"slide": {"title": …, "createtime": …}, "images": [{"download_img": …, "intro": …}, …]};
_SLIDES = re.compile(r"\bslide_data\s*=\s*(?=\{)")
_MAX_SLIDES = 8  # that a script may set, one after another; the first that can be read counts
# [{video_id: 313349053, //vid⏎ pic: '//…', title: '…', url: 'http://video.sina.com.cn/p/…'}]: no JSON
_VIDEO = re.compile(r"\bvideo_id\s*:\s*['\"]?([1-9]\d*)")
# An object without others in it. Each part begins with another character, so a search looks at each but once.
_OBJECT = re.compile(r"""\{(?:[^{}'"]|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")*\}""")
_FIELD = re.compile(r"""\b(pic|thumbUrl|title|url|source)\s*:\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")""")
_HALF = re.compile("[\ud800-\udfff]")  # of a character: JSON can name one, a file cannot hold it


@dataclass(frozen=True, slots=True)
class EmbeddedData:
    """What a script says of an article; "" where it does not."""

    html: str  # as the inner HTML of an article element would be
    title: str = ""
    published: str = ""  # as stated
    medium: str = ""


def slides(tree: LexborHTMLParser) -> EmbeddedData | None:
    """The slides of a page, each a picture with its caption below."""
    for script in _scripts(tree):
        for match in islice(_SLIDES.finditer(script), _MAX_SLIDES):
            try:
                data, _ = json.JSONDecoder().raw_decode(script, match.end())
            except (ValueError, RecursionError):
                continue
            pictures = "\n".join(_pictures(data.get("images")))
            if pictures:
                about = data.get("slide") if isinstance(data.get("slide"), dict) else {}
                return EmbeddedData(
                    pictures, _said(about, "title"), _said(about, "createtime"), _said(about, "source")
                )
    return None


def video(tree: LexborHTMLParser, poster: str) -> EmbeddedData | None:
    """The videos of a page: of each its title, a link to its page, and its poster, as far as they are stated.

    :param poster: address of a picture for one that has none of its own; "" where the page states none
    """
    found: list[dict[str, str]] = []
    for script in _scripts(tree):
        if _VIDEO.search(script):
            stated = [match[0] for match in _OBJECT.finditer(script) if _VIDEO.search(match[0])]
            found += map(_fields, stated or [script])
    if not found:
        return None
    parts = [part for fields in found for part in _video(fields, poster)]
    return EmbeddedData("\n".join(dict.fromkeys(parts)), found[0].get("title", ""), medium=found[0].get("source", ""))


def _scripts(tree: LexborHTMLParser) -> Iterator[str]:
    return (script.text() or "" for script in tree.css("script:not([src])"))


def _pictures(images: object) -> Iterator[str]:
    for image in images if isinstance(images, list) else ():
        if isinstance(image, dict) and (address := _said(image, "download_img", "image_url")):
            yield _picture(address, _fragment(_said(image, "intro")))


def _picture(address: str, caption: str) -> str:
    """A picture in the markup that article pages have for them.

    :param caption: HTML
    """
    below = f'<span class="img_descr">{caption}</span>' if caption else ""
    return f'<div class="img_wrapper"><img src="{escape(address)}" alt="">{below}</div>'


def _fragment(html: str) -> str:
    """HTML in which whatever is opened is closed."""
    body = LexborHTMLParser(html).body
    return (body.inner_html or "").strip() if body is not None else ""


def _said(data: dict[str, Any], *names: str) -> str:
    for name in names:
        if isinstance(value := data.get(name), str) and (value := _HALF.sub("\ufffd", value).strip()):
            return value
    return ""


def _fields(script: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _FIELD.finditer(script):
        if value := _unescaped(match[2] or match[3] or "").strip():
            found.setdefault(match[1], value)
    return found


def _unescaped(text: str) -> str:
    quoted = text.replace("\\'", "'").replace('\\"', '"').replace('"', '\\"')
    try:
        stated = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return text
    return _HALF.sub("\ufffd", stated)


def _video(fields: dict[str, str], poster: str) -> Iterator[str]:
    title, address = fields.get("title", ""), fields.get("url", "")
    if address:
        yield f'<p><a href="{escape(address)}">{escape(title or address, quote=False)}</a></p>'
    elif title:
        yield f"<p>{escape(title, quote=False)}</p>"
    if picture := fields.get("pic") or fields.get("thumbUrl") or poster:
        yield _picture(picture, "")
