"""What people see of a search."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from archive.found import Hit, Mark
from archive.paths import CHINA
from scheduler.screen import console_here, many, visible

_FOUND = "bold red"


def show_hits(hits: Sequence[Hit], limit: int) -> None:
    """What a search has found."""
    console = console_here()
    for hit in hits:
        console.print(_marked(hit.title, hit.title_marks, "bold"))
        told = f"{hit.published.astimezone(CHINA):%Y-%m-%d %H:%M}  {' '.join(hit.feeds)}  {hit.docid}"
        console.print(Text(f"  {visible(told)}", style="cyan"))
        console.print(Text(f"  {visible(hit.path)}", style="dim"))
        console.print(Text("  ") + _marked(hit.snippet, hit.snippet_marks, ""))
    if not hits:
        console.print("Nothing was found.")
    elif len(hits) == limit:
        console.print(f"These are the first {many(limit, 'article')}; --limit shows more.")


def _marked(text: str, marks: Sequence[Mark], style: str) -> Text:
    line = Text(visible(text), style=style)  # as long as it was: nothing moves
    for start, end in marks:
        line.stylize(_FOUND, start, end)
    return line
