"""Measure precision and recall of the extracted text, against what a person selected on real pages.

    python -m bench.extraction [FOLDER]

The pages and their texts belong to other people and are not part of the project (../shared/realdata/pages). A
selection is stored as digests of its paragraphs (bench/selections.json), by which they are found on the page.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import trafilatura
from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.extract.article import extract
from crawler.extract.body import render_body
from crawler.extract.charset import decode
from crawler.extract.other_sites.article import find_article

SELECTIONS = Path(__file__).with_name("selections.json")
PAGES = Path(__file__).parents[2] / "shared/realdata/pages"
URL = "https://finance.sina.com.cn/china/2026-09-30/doc-ikzxbench000001.shtml"
FETCHED = datetime(2026, 10, 1, tzinfo=UTC)
_BLANK = re.compile(r"[\s\u200b\ufeff]+")


class Score(Struct, frozen=True):
    """Shares of characters, without white space."""

    precision: float  # share of the extracted text that the person selected
    recall: float  # share of the selected text that was extracted


def fold(text: str) -> str:
    """A text without its white space."""
    return _BLANK.sub("", text)


def digest(text: str) -> str:
    """The digest of a folded text in a selection: 16 hex digits of its SHA-256, a colon, its number of characters."""
    text = fold(text)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}:{len(text)}"


def selections() -> dict[str, dict[str, Any]]:
    """The selections by file name of the page: ``paragraphs`` of the text, and texts ``beside`` it, as digests.

    Captions and the line of the original title are ``beside``: they count neither for nor against a text.
    """
    found: dict[str, dict[str, Any]] = json.loads(SELECTIONS.read_text(encoding="utf-8"))
    return found


def selected(html: str, digests: list[str]) -> list[str]:
    """The texts on a page with these digests, folded.

    :raises LookupError: a text is not on the page
    """
    texts = {digest(text): fold(text) for text in _texts(html)}
    return [texts[text_digest] for text_digest in digests]


def _texts(html: str) -> Iterator[str]:
    tree = LexborHTMLParser(html)
    for node in tree.root.traverse(include_text=True) if tree.root else ():
        if node.is_text_node or node.tag in ("p", "span", "div", "li", "td", "blockquote"):
            yield node.text() or ""


def score(found: str, paragraphs: list[str], beside: list[str]) -> Score:
    """Precision and recall of a text against a selection."""
    text, wanted = fold(found), "".join(paragraphs)
    for other in beside:
        text = text.replace(other, "", 1)
    matcher = SequenceMatcher(None, text, wanted, autojunk=False)
    common = sum(block.size for block in matcher.get_matching_blocks())
    return Score(common / max(1, len(text)), common / max(1, len(wanted)))


def article_of(body: bytes) -> Article:
    """The article on a page, with an entry that says nothing."""
    entry = Entry("kzxbench000001", URL, "", published=None, modified=None, entered=None, media=None, image=None)
    return extract(Page(URL, body, "text/html", FETCHED), entry)


def compared(page: Path) -> tuple[Score, ...]:
    """The scores of our extraction, of plain trafilatura, and of our extraction for pages of other sites."""
    body = page.read_bytes()
    html, selection = decode(body), selections()[page.name]
    paragraphs, beside = selected(html, selection["paragraphs"]), selected(html, selection["beside"])
    # Readers' comments are not part of an article; excluding them favours trafilatura.
    theirs = trafilatura.extract(html, include_comments=False) or ""
    fallback = render_body(find_article(html, URL, FETCHED).html, URL)
    return tuple(score(text, paragraphs, beside) for text in (article_of(body).text, theirs, fallback.text))


def main(folder: Path) -> int:
    """Print a table."""
    pages = [folder / name for name in selections()]
    if not all(page.is_file() for page in pages):
        print(f"the pages are not in {folder}", file=sys.stderr)
        return 2
    print("| page | characters | by its layout | trafilatura | as another site's page |")
    print("|---|---|---|---|---|")
    for page in pages:
        length = sum(int(text_digest.partition(":")[2]) for text_digest in selections()[page.name]["paragraphs"])
        figures = (f"{one.precision:.3f} / {one.recall:.3f}" for one in compared(page))
        print(f"| {page.stem} | {length} | {' | '.join(figures)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGES))
