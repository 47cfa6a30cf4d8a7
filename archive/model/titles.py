"""Titles as text. Pure."""

from __future__ import annotations

import re
from html import unescape

# Only whole references: an address or a name may have "&copy=1" or "AT&T".
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


def decoded_title(title: str) -> str:
    """Return a title in HTML as text: each character reference once, so that ``&amp;lt;`` gives ``&lt;``."""
    if "&" not in title:
        return title
    return " ".join(_REFERENCE.sub(lambda match: unescape(match[0]), title).split())
