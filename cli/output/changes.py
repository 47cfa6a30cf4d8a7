"""Output of ``changes``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from archive.diff.text import DiffPart, DiffPiece
from archive.model.results import ArticleChange, ChangeKind
from cli.output.console import print_prose, stdout_console, visible
from cli.times import full_time

_STYLES = {
    ChangeKind.GONE: "red", ChangeKind.MOVED: "red", ChangeKind.UNLISTED: "red", ChangeKind.RETURNED: "green",
}  # fmt: skip
# As in finarchive diff: the signs of wdiff, which need no colours.
_PARTS = {DiffPart.REMOVED: ("[-{}-]", "red"), DiffPart.ADDED: ("{{+{}+}}", "green")}


def show_article_changes(
    changes: Iterable[tuple[ArticleChange, tuple[DiffPiece, ...]]], feed_names: Mapping[str, str]
) -> None:
    """Print changes with their short diffs: three lines for each.

    :param feed_names: by id
    """
    console = stdout_console()
    is_empty = True
    for change, diff in changes:
        is_empty = False
        line = Text(full_time(change.at, seconds=True), "cyan")
        line.append(f"  {change.kind}", _STYLES.get(change.kind, "yellow"))
        if change.kind is ChangeKind.REVISED:
            line.append(f" {change.before} -> {change.after}")
        line.append(f"  {visible(change.title)}", "bold")
        console.print(line)
        feeds = ", ".join(dict.fromkeys(feed_names.get(feed, feed) for feed in change.feeds))
        console.print(Text(f"  {visible(' '.join((change.docid, feeds, *change.symbols)))}", "dim"))
        if said := _said(change, diff, feed_names):
            print_prose(console, Text("  ").append_text(said))
    if is_empty:
        console.print("No changes were found.")


def _said(change: ArticleChange, diff: Iterable[DiffPiece], feed_names: Mapping[str, str]) -> Text:
    text = Text()
    for piece in diff:
        form, style = _PARTS.get(piece.part, ("{}", "dim"))
        text.append(form.format(visible(piece.text)), style)
    if text:
        return text
    match change.kind:
        case ChangeKind.FACTS:
            fields = (
                f"{name}: {_value(change.before[name])} -> {_value(change.after[name])}" for name in change.after
            )
            return Text(visible("; ".join(fields)))
        case ChangeKind.MOVED:
            return Text(visible(f"to {change.after}: {change.evidence}"))
        case ChangeKind.UNLISTED:
            return Text(
                visible(
                    f"from the list of {feed_names.get(change.before, change.before)}"
                    + (f"; {change.evidence}" if change.evidence else "")
                )
            )
    return Text(visible(change.evidence or ""))


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "-")
