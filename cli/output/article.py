"""Output of ``show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from cli.output.console import print_prose, stdout_console, visible
from cli.times import full_time_of

_FACTS = ("docid", "published", "media", "url", "path", "status", "failure", "first_seen")
_OUTCOMES = {
    "first": "archived", "revised": "a new version", "same": "no change", "gone": "gone",
    "moved": "another article's page", "failed": "failed",
}  # fmt: skip
_TIMES = ("published", "first_seen", "updated")  # facts that are times


def show_article(article: dict[str, Any]) -> None:
    """Print an article: its metadata, then its text.

    :param article: from :func:`cli.article_document.find_article`
    """
    console = stdout_console()
    console.print(Text(visible(article["title"] or ""), style="bold"))
    if gone := article["gone"]:
        console.print(Text(f"{'gone':>10}  since {full_time_of(gone)}{visible(_reason(article))}", style="red"))
    for name in _FACTS:
        if article[name]:
            console.print(Text(f"{name:>10}  {visible(_value(name, article[name]))}"))
    if len(archives := article.get("archives", ())) > 1:
        console.print(Text(f"{'also in':>10}  {visible(', '.join(archives[1:]))}"))
    for name, value in _record(article):
        console.print(Text(f"{name:>10}  {visible(value)}"))
    if moved := article["moved"]:
        line = f"to {moved['docid']} since {full_time_of(moved['at'])} ({moved['evidence']})"
        console.print(Text(f"{'moved':>10}  {visible(line)}"))
    stated = _stated(article["revisions"][-1]) if article["revisions"] else []
    lines = [*_absences(article["unlisted"]), *stated, *_facts(article["facts"] or {})]
    for name, value in [*lines, *_facts_changes(article["facts_changes"])]:
        console.print(Text(f"{name:>10}  {visible(value)}"))
    if copies := article["same_story"]:
        seen = next(each for each in copies if each["seen_first"])
        console.print(Text(f"same story  {len(copies)} docids, first {visible(_source(copies[0], 'published'))}"))
        console.print(Text(f"seen first  {visible(_source(seen, 'first_seen'))}"))
    if article["text"]:
        print_prose(console, Text("\n" + "\n".join(map(visible, article["text"].split("\n")))))


def _record(article: dict[str, Any]) -> list[tuple[str, str]]:
    """How many feeds, versions and fetches there are, and the result of the last fetch."""
    feeds, revisions, fetches = article["feeds"], article["revisions"], article["observations"]
    lines = [("feeds", f"{len(feeds)}: {', '.join(feeds)}")]
    if revisions:
        newest = revisions[-1]["fetched_at"]
        since = f", the last since {full_time_of(newest)}" if len(revisions) > 1 else ""
        lines.append(("versions", f"{len(revisions)}{since}"))
    if fetches:
        last = fetches[-1]
        result = _OUTCOMES[last["outcome"]] + (f" ({last['evidence']})" if last["evidence"] else "")
        times = "once" if len(fetches) == 1 else f"{len(fetches)} times"
        lines.append(("checked", f"{times}, last {full_time_of(last['at'])}: {result}"))
    return lines


def _reason(article: dict[str, Any]) -> str:
    """Why the article counts as gone."""
    for fetch in article["observations"]:
        if fetch["outcome"] == "gone" and fetch["at"] == article["gone"] and fetch["evidence"]:
            return f" ({fetch['evidence']})"
    return ""


def _absences(absences: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """When the article left lists, and came back."""
    return [
        (
            "unlisted",
            f"{each['feed']} since {full_time_of(each['at'])}"
            + (f", back {full_time_of(each['back'])}" if each["back"] else ""),
        )
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
    return [(name, _value(name, facts[name])) for name in ("updated", "keywords", "symbols") if facts.get(name)]


def _facts_changes(changes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for change in changes:
        for name, values in change["changed"].items():
            before, after = (_value(name, values[key]) for key in ("from", "to"))
            yield "changed", f"{name} {before} -> {after}, seen {full_time_of(change['at'])}"


def _value(name: str, value: Any) -> str:
    if name in _TIMES and value:
        return full_time_of(value)
    return ", ".join(value) if isinstance(value, list) else str(value or "-")


def _source(copy: dict[str, Any], time: str) -> str:
    return f"{copy['media'] or ''} {copy['docid']} at {full_time_of(copy[time])}".strip()
