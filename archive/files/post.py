"""Write articles as Markdown files with front matter, and read them. Pure.

The format is that of the user's sample, byte for byte (docs/format.md). The YAML is written by hand, because no YAML
library writes `` - `` under ``categories: `` or single quotes around a title. python-frontmatter reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from email.utils import format_datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import frontmatter
import yaml
from msgspec import Struct

from archive.files.hashing import sha256_of
from archive.files.local_images import with_local_images, with_original_images
from archive.files.paths import CHINA, post_path
from archive.model.article import Article, Post
from archive.model.feed_values import Precision

# Characters that a quoted YAML scalar on one line must escape: controls, line separators, a byte order mark, and
# those that YAML calls not printable.
_NEEDS_ESCAPE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# The white space is that of the sample: three spaces, two, and twelve without a newline at the end.
_BEFORE = "<div>   \n"
_AFTER = "  \n</div>\n            "
_END_OF_HEAD = "\n---\n\n"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# A scalar that needs no quotes: it begins with a letter (Chinese too), and has no indicator or space at its edges.
_PLAIN = re.compile(r"[^\W\d_](?:[^\x00-\x1f:#{}\[\],&*!|>'\"%@`\s]| (?=\S))*")


def render(
    article: Article,
    categories: Sequence[str],
    author: str,
    profile: str = "sample",
    *,
    name: str | None = None,
    fixed_path: PurePosixPath | None = None,
    markdown: bool = False,
    local_images: bool = False,
    is_old: bool = False,
) -> Post:
    """Return the file of an article.

    :param categories: of the feed, outermost first; the path depends on them too
    :param profile: ``sample`` (the eight keys of the sample), ``extended`` (further keys after them) or ``hugo``
    :param name: the title in the file's name; None: that of the article
    :param fixed_path: of the file, relative to the archive's root; None: that of this version
    :param markdown: the article's body is Markdown, not HTML
    :param local_images: link the images to the archive's own files
    :param is_old: begin an ``extended`` file with an empty line, as earlier versions did
    """
    head = PROFILES[profile](article, categories, author)
    begin = "\n" if profile == "sample" or (is_old and profile == "extended") else ""
    path = fixed_path or post_path(categories, article.published, name or article.title, article.docid)
    body = article.body
    if local_images:
        body = with_local_images(body, {each.url for each in article.pictures}, path, markdown=markdown)
    body = f"{body}\n" if markdown else f"{_BEFORE}{body}{_AFTER}"
    return Post(path, _encoded(f"{begin}---\n" + "\n".join(head) + _END_OF_HEAD + body))


def load(data: bytes) -> tuple[dict[str, Any], str]:
    """Return front matter and body of a file.

    :raises ValueError: it has no valid front matter
    """
    try:
        post = frontmatter.loads(data.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"not a front-matter file: {error}") from error
    if not post.metadata:
        raise ValueError("not a front-matter file: it does not begin with ---")
    return post.metadata, post.content


class Filed(Struct, frozen=True):
    """The values of an article's file that the index does not have."""

    categories: tuple[str, ...]  # of the feed under which it was filed, outermost first
    author: str
    image: str | None  # address of its image
    body: str  # without the ``<div>`` around HTML
    markdown: bool  # False: the body is HTML


def read_back(data: bytes) -> Filed:
    """Read an article's file, in any profile.

    :raises ValueError: it is not such a file
    """
    head, _ = load(data)
    images = head.get("images") or [head.get("headimg")]
    body, is_markdown = _body(data)
    return Filed(
        tuple(map(str, head.get("categories") or ())),
        str(head.get("author") or ""),
        images[0] or None,
        body,
        is_markdown,
    )


def html_of(data: bytes) -> str:
    """Return the HTML of an article, from its file in any profile.

    :raises ValueError: it is not such a file
    """
    _, content = load(data)
    return body_of(data) if _END_OF_HEAD in data.decode(errors="replace") else content


def body_of(data: bytes) -> str:
    """Return the HTML of an article, from its file in any profile; the whole text if it is not such a file."""
    body, is_markdown = _body(data)
    if not is_markdown:
        return body
    from archive.files.markdown import to_html  # noqa: PLC0415 - few archives need it

    return to_html(body)


def _body(data: bytes) -> tuple[str, bool]:
    """Return the body in a file, and whether it is Markdown, which never begins with a tag."""
    text = data.decode(errors="replace")
    _, separator, body = text.partition(_END_OF_HEAD)
    body = with_original_images(body)
    if body.startswith(_BEFORE):
        return body.removeprefix(_BEFORE).removesuffix(_AFTER), False
    return (body.removesuffix("\n"), True) if separator else (text, False)


def _sample(article: Article, categories: Sequence[str], author: str) -> list[str]:
    image = quoted(article.image or "")
    return [
        f"title: {quoted(article.title)}",
        "categories: ",
        *(f" - {scalar(category)}" for category in categories),
        f"headimg: {image}",
        f"author: {scalar(author)}",
        "comments: false",
        f"date: {format_datetime(article.published, usegmt=True)}",
        f"thumbnail: {image}",
    ]


def _extended(article: Article, categories: Sequence[str], author: str) -> list[str]:
    updated = format_datetime(article.updated, usegmt=True) if article.updated else ""
    return [
        *_sample(article, categories, author),
        f"source: {quoted(article.url)}",
        f"docid: {quoted(article.docid)}",
        f"media: {quoted(article.media or '')}",
        f"updated: {updated}".rstrip(),
        f"keywords: {_flow(article.keywords)}",
        f"symbols: {_flow(article.symbols)}",
        f"sha256: {quoted(_digest(article.body))}",
        *_page_facts(article),
    ]


def _page_facts(article: Article) -> list[str]:
    """Lines for values that only some pages state; without a value there is no key."""
    lines = []
    if article.editor is not None:
        lines.append(f"editor: {quoted(article.editor)}")
    if article.original_title is not None:
        lines.append(f"original_title: {quoted(article.original_title)}")
    if article.authors:
        lines.append(f"authors: {_flow(article.authors)}")
    if article.precision is Precision.DAY:
        lines.append(f"precision: {article.precision}")
    if article.pictures:
        lines.append("pictures:")
    for picture in article.pictures:
        lines += [f"  - url: {quoted(picture.url)}", f"    caption: {quoted(picture.caption)}"]
    return lines


def _hugo(article: Article, categories: Sequence[str], author: str) -> list[str]:
    facts = _page_facts(article)
    return [
        f"title: {quoted(article.title)}",
        f"date: {article.published.astimezone(CHINA).isoformat()}",
        *([f"lastmod: {article.updated.astimezone(CHINA).isoformat()}"] if article.updated else []),
        "draft: false",
        f"categories: {_flow(categories)}",
        f"tags: {_flow(article.keywords)}",
        f"author: {quoted(author)}",
        f"images: {_flow((article.image,) if article.image else ())}",
        f"source: {quoted(article.url)}",
        f"docid: {quoted(article.docid)}",
        f"media: {quoted(article.media or '')}",
        f"symbols: {_flow(article.symbols)}",
        f"sha256: {quoted(_digest(article.body))}",
        # Hugo reserves the top level for its own keys; others go under params.
        *(["params:", *(f"  {line}" for line in facts)] if facts else []),
    ]


# Profile -> the lines of its front matter.
PROFILES: dict[str, Callable[[Article, Sequence[str], str], list[str]]] = {
    "sample": _sample,
    "extended": _extended,
    "hugo": _hugo,
}


def quoted(text: str) -> str:
    """A YAML scalar in single quotes, or in double quotes if a character needs an escape."""
    text = _SURROGATE.sub("\ufffd", text)
    if not _NEEDS_ESCAPE.search(text):
        return "'" + text.replace("'", "''") + "'"
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _NEEDS_ESCAPE.sub(lambda match: f"\\U{ord(match[0]):08X}", plain) + '"'


@lru_cache(maxsize=1024)  # the configuration has few categories and authors, and each is used often
def scalar(text: str) -> str:
    """A YAML scalar, without quotes if YAML reads it as the same text, else quoted."""
    if _PLAIN.fullmatch(text) and not _NEEDS_ESCAPE.search(text) and yaml.safe_load(text) == text:
        return text
    return quoted(text)


def _flow(items: Sequence[str]) -> str:
    return "[" + ", ".join(map(quoted, items)) + "]"


def _digest(body: str) -> str:
    return sha256_of(_encoded(body))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # rare; searching each text for surrogates would take most of the time
        return _SURROGATE.sub("\ufffd", text).encode()
