"""Images of a body that are linked to the archive's own files instead of the site's. Pure. See D211.

A link depends only on the image's address, so an article's file is the same before and after its images are stored.
The address stays in the file, and readers of the archive get it back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from html import unescape
from pathlib import PurePosixPath
from urllib.parse import unquote

from archive.files.layout import LINKS_FOLDER, image_link_path

# An address in a body, as it is written there: of an HTML image, and of a Markdown image or link.
_SRC = re.compile(r'(<img[^<]* )src="([^"]*)"')
_TARGET = re.compile(r"\]\(([^()\s]+)\)")
_LOCAL = rf"(?:\.\./)+{re.escape(LINKS_FOLDER)}/[^\s\"()]*"
_LOCAL_SRC = re.compile(rf'src="{_LOCAL}" data-original="([^"]*)"')
_LOCAL_TARGET = re.compile(rf'\]\({_LOCAL} "([^"]*)"\)')


def with_local_images(body: str, urls: Collection[str], path: PurePosixPath, *, markdown: bool) -> str:
    """Return a body whose images are links to the archive's own files.

    :param urls: addresses of the images that are stored, or will be; others stay
    :param path: of the article's file, relative to the archive's root
    :param markdown: the body is Markdown, not HTML
    """
    up = "../" * (len(path.parts) - 1)
    known = {unquote(url): f"{up}{image_link_path(url)}" for url in urls}
    return with_linked_images(body, lambda url: known.get(unquote(url)), markdown=markdown)


def with_linked_images(
    body: str, link: Callable[[str], str | None], *, markdown: bool, keeps_address: bool = True
) -> str:
    """Return a body whose images have other links.

    :param link: returns the link of an image from its address; None: its address stays
    :param markdown: the body is Markdown, not HTML
    :param keeps_address: whether the address stays in the body, for :func:`with_original_images`
    """

    def html(image: re.Match[str]) -> str:
        local = link(unescape(image[2]))
        original = f' data-original="{image[2]}"' if keeps_address else ""
        return f'{image[1]}src="{local}"{original}' if local else image[0]

    def target(place: re.Match[str]) -> str:
        local = link(unescape(place[1]))
        original = f' "{place[1]}"' if keeps_address else ""
        return f"]({local}{original})" if local else place[0]

    return _TARGET.sub(target, body) if markdown else _SRC.sub(html, body)


def with_original_images(body: str) -> str:
    """Return a body in which images have their addresses again."""
    return _LOCAL_TARGET.sub(r"](\1)", _LOCAL_SRC.sub(r'src="\1"', body)) if LINKS_FOLDER in body else body
