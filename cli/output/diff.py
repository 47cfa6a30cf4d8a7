"""What people see of a difference: colours on a terminal, marks as wdiff's elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from archive.diff.revisions import Difference
from archive.diff.text import DiffPart, DiffPiece, fold_unchanged
from archive.files.paths import CHINA
from archive.model.article import ArticleImage, Revision
from cli.output.console import console_here

# Characters of what stayed that are shown before and after a change: a sentence, or two short ones.
AROUND = 40
_STYLES = {DiffPart.REMOVED: "red strike", DiffPart.ADDED: "green", DiffPart.SKIPPED: "dim"}
_MARKS = {DiffPart.REMOVED: ("[-", "-]"), DiffPart.ADDED: ("{+", "+}")}
_KEPT = "\n\u3000"  # not printable as Unicode has it, and no harm


def show_difference(found: Difference) -> None:
    """What changed between two versions."""
    console = console_here()
    coloured = console.is_terminal and console.color_system is not None and not console.no_color
    old, new = found.old, found.new
    console.print(f"{new.docid}  version {old.number} of {_when(old)} -> version {new.number} of {_when(new)}")
    for absence in found.absences:
        back = f"back at {_time(datetime.fromisoformat(absence.back))}" if absence.back else "not back by then"
        gone = _time(datetime.fromisoformat(absence.gone))
        console.print(f"{'gone':>14}  at {gone} ({escaped(absence.evidence or '')}), {back}")
    console.print(Text(f"{'title':>14}  ") + _marked(found.title, coloured=coloured))
    for name, (before, after) in found.facts.items():
        _show_fact(console, name, before, after, coloured=coloured)
    if found.text is None:
        console.print(f"{'failure':>14}  {escaped(found.failure or '')}")
    elif all(piece.part is DiffPart.SAME for piece in found.text):
        console.print("The text is the same.")
    else:
        console.print()
        console.print(_marked(fold_unchanged(found.text, AROUND), coloured=coloured))


def show_lone_version(revision: Revision) -> None:
    """There is nothing to compare."""
    console_here().print(f"{revision.docid} has one version only, of {_when(revision)}: nothing to compare it with")


def escaped(text: str) -> str:
    """Other people's text, with what would steer the terminal, or cannot be seen, as escapes."""
    return "".join(
        char if char.isprintable() or char in _KEPT else char.encode("unicode_escape").decode() for char in text
    )


def _show_fact(console: Console, name: str, before: Any, after: Any, *, coloured: bool) -> None:
    label = Text(f"{name.replace('_', ' '):>14}  ")
    if not isinstance(before, tuple):
        console.print(label + _marked(_pieces([_told(before)], [_told(after)]), coloured=coloured))
        return
    went = [_told(each) for each in before if each not in after]
    came = [_told(each) for each in after if each not in before]
    if not went and not came:
        went, came = [_told(each) for each in before], [_told(each) for each in after]
    separator = "\n" + " " * 16 if name == "pictures" else " "
    line = Text(separator).join(_marked([piece], coloured=coloured) for piece in _pieces(went, came))
    console.print(label + line)


def _pieces(went: Iterable[str], came: Iterable[str]) -> list[DiffPiece]:
    removed = [DiffPiece(DiffPart.REMOVED, text) for text in went if text]
    return removed + [DiffPiece(DiffPart.ADDED, text) for text in came if text]


def _told(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return _time(value)
        case ArticleImage():
            return f"{value.url} {value.caption}".rstrip()
    return str(value)


def _marked(pieces: Sequence[DiffPiece], *, coloured: bool) -> Text:
    return Text().join(_of_piece(piece, coloured=coloured) for piece in pieces)


def _of_piece(piece: DiffPiece, *, coloured: bool) -> Text:
    if piece.part is DiffPart.SKIPPED:
        return Text(_gap(piece.text), _STYLES[piece.part] if coloured else "")
    text = escaped(piece.text)
    if coloured:
        return Text(text, _STYLES.get(piece.part, ""))
    before, after = _MARKS.get(piece.part, ("", ""))
    return Text(f"{before}{text}{after}")


def _gap(skipped: str) -> str:
    """What stands for a stretch that stayed; a line of its own where it spans lines."""
    lines = skipped.count("\n")
    return f" …\n… {len(skipped)} characters in {lines} lines stayed …\n… " if lines else " … "


def _when(revision: Revision) -> str:
    return _time(revision.fetched_at)


def _time(time: datetime) -> str:
    return f"{time.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
