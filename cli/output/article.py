"""Output of ``show``."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from cli.output.console import stdout_console, visible

_FACTS = ("docid", "published", "media", "url", "path", "status", "failure", "first_seen")


def show_article(article: dict[str, Any]) -> None:
    """Print an article: its metadata, then its text.

    :param article: from :func:`cli.article_document.find_article`
    """
    console = stdout_console()
    console.print(Text(visible(article["title"] or ""), style="bold"))
    for name in _FACTS:
        if article[name]:
            console.print(Text(f"{name:>10}  {visible(str(article[name]))}"))
    console.print(Text(f"{'feeds':>10}  {', '.join(article['feeds'])}"))
    if gone := article["gone"]:
        console.print(Text(f"{'gone':>10}  since {gone}"))
    if moved := article["moved"]:
        line = f"to {moved['docid']} since {moved['at']} ({moved['evidence']})"
        console.print(Text(f"{'moved':>10}  {visible(line)}"))
    if article["same_story"]:
        first = article["same_story"][0]
        source = f"{first['media'] or ''} {first['docid']} at {first['published']}".strip()
        console.print(Text(f"same story  {len(article['same_story'])} docids, first {visible(source)}"))
    if article["text"]:
        console.print(Text("\n" + "\n".join(map(visible, article["text"].split("\n")))))
