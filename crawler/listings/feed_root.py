"""How a text shows that it is RSS, RDF or Atom. Without feedparser, which few processes need."""

from __future__ import annotations

import re

ROOT = re.compile(r"<((?:[a-zA-Z][\w-]{0,30}:)?(?:rss|feed|rdf|channel))(?=[\s>/])", re.IGNORECASE)


def is_feed(text: str) -> bool:
    """Return whether a text has the root element of a feed."""
    return bool(ROOT.search(text))
