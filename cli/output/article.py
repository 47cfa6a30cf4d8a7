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
    stated = _stated(article["revisions"][-1]) if article["revisions"] else []
    for name, value in [*_absences(article["unlisted"]), *stated, *_facts(article["facts"] or {})]:
        console.print(Text(f"{name:>10}  {visible(value)}"))
    for change in article["facts_changes"]:
        for name, values in change["changed"].items():
            line = f"{name} {_text(values['from'])} -> {_text(values['to'])}, seen {change['at']}"
            console.print(Text(f"{'changed':>10}  {visible(line)}"))
    if copies := article["same_story"]:
        seen = next(each for each in copies if each["seen_first"])
        console.print(Text(f"same story  {len(copies)} docids, first {visible(_source(copies[0], 'published'))}"))
        console.print(Text(f"seen first  {visible(_source(seen, 'first_seen'))}"))
    if article["text"]:
        console.print(Text("\n" + "\n".join(map(visible, article["text"].split("\n")))))


def _absences(absences: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """When the article left lists, and came back."""
    return [
        ("unlisted", f"{each['feed']} since {each['at']}" + (f", back {each['back']}" if each["back"] else ""))
        for each in absences
    ]


def _stated(revision: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a feed of another site states of a version, and where the text is from."""
    lines = [("authors", ", ".join(revision["authors"]))] if revision["authors"] else []
    if revision["published_note"]:
        lines.append(("stated as", f"{revision['published_text'] or '-'} ({revision['published_note']})"))
    if revision["text_from"] == "feed":
        lines.append(("text from", f"feed ({revision['text_note']})"))
    return lines


def _facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _text(facts[name])) for name in ("updated", "keywords", "symbols") if facts.get(name)]


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "-")


def _source(copy: dict[str, Any], time: str) -> str:
    return f"{copy['media'] or ''} {copy['docid']} at {copy[time]}".strip()
