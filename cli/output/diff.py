"""Output of ``diff``: colours on a terminal, marks like wdiff's elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from archive.diff.revisions import Difference
from archive.diff.text import DiffPart, DiffPiece, fold_unchanged
from archive.model.article import ArticleImage, Revision
from cli.output.console import print_prose, stdout_console
from cli.times import full_time

CONTEXT_CHARS = 40  # of unchanged text before and after a change: a sentence, or two short ones
_STYLES = {DiffPart.REMOVED: "red strike", DiffPart.ADDED: "green", DiffPart.SKIPPED: "dim"}
_MARKS = {DiffPart.REMOVED: ("[-", "-]"), DiffPart.ADDED: ("{+", "+}")}
_HARMLESS = "\n\u3000"  # not printable according to Unicode


def show_difference(difference: Difference) -> None:
    """Print what changed between two versions."""
    console = stdout_console()
    coloured = console.is_terminal and console.color_system is not None and not console.no_color
    old, new = difference.old, difference.new
    console.print(f"{new.docid}  version {old.number} of {_when(old)} -> version {new.number} of {_when(new)}")
    for absence in difference.absences:
        back = f"back at {_time(datetime.fromisoformat(absence.back))}" if absence.back else "not back by then"
        gone = _time(datetime.fromisoformat(absence.gone))
        console.print(f"{'gone':>14}  at {gone} ({escaped(absence.evidence or '')}), {back}")
    console.print(Text(f"{'title':>14}  ") + _marked(difference.title, coloured=coloured))
    for name, (before, after) in difference.facts.items():
        _show_fact(console, name, before, after, coloured=coloured)
    if difference.text is None:
        console.print(f"{'failure':>14}  {escaped(difference.failure or '')}")
    elif all(piece.part is DiffPart.SAME for piece in difference.text):
        console.print("The text is the same.")
    else:
        console.print()
        print_prose(console, _marked(fold_unchanged(difference.text, CONTEXT_CHARS), coloured=coloured))


def show_single_version(revision: Revision) -> None:
    """Print that an article has one version only."""
    stdout_console().print(f"{revision.docid} has one version only, of {_when(revision)}: nothing to compare it with")


def escaped(text: str) -> str:
    """Untrusted text with an escape for each character that is invisible or could steer the terminal."""
    return "".join(
        char if char.isprintable() or char in _HARMLESS else char.encode("unicode_escape").decode() for char in text
    )


def _show_fact(console: Console, name: str, before: Any, after: Any, *, coloured: bool) -> None:
    label = Text(f"{name.replace('_', ' '):>14}  ")
    if not isinstance(before, tuple):
        console.print(label + _marked(_pieces([_value_text(before)], [_value_text(after)]), coloured=coloured))
        return
    removed = [_value_text(each) for each in before if each not in after]
    added = [_value_text(each) for each in after if each not in before]
    if not removed and not added:  # only the order or the repetitions changed
        removed, added = [_value_text(each) for each in before], [_value_text(each) for each in after]
    separator = "\n" + " " * 16 if name == "pictures" else " "
    line = Text(separator).join(_marked([piece], coloured=coloured) for piece in _pieces(removed, added))
    console.print(label + line)


def _pieces(removed: Iterable[str], added: Iterable[str]) -> list[DiffPiece]:
    pieces = [DiffPiece(DiffPart.REMOVED, text) for text in removed if text]
    return pieces + [DiffPiece(DiffPart.ADDED, text) for text in added if text]


def _value_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return _time(value)
        case ArticleImage():
            return f"{value.url} {value.caption}".rstrip()
    return str(value)


def _marked(pieces: Sequence[DiffPiece], *, coloured: bool) -> Text:
    return Text().join(_piece_text(piece, coloured=coloured) for piece in pieces)


def _piece_text(piece: DiffPiece, *, coloured: bool) -> Text:
    if piece.part is DiffPart.SKIPPED:
        return Text(_omission(piece.text), _STYLES[piece.part] if coloured else "")
    text = escaped(piece.text)
    if coloured:
        return Text(text, _STYLES.get(piece.part, ""))
    before, after = _MARKS.get(piece.part, ("", ""))
    return Text(f"{before}{text}{after}")


def _omission(skipped: str) -> str:
    """The mark for unchanged text that is left out; on a line of its own if the text has several lines."""
    lines = skipped.count("\n")
    return f" …\n… {len(skipped)} characters in {lines} lines stayed …\n… " if lines else " … "


def _when(revision: Revision) -> str:
    return _time(revision.fetched_at)


def _time(time: datetime) -> str:
    return full_time(time, seconds=True)
