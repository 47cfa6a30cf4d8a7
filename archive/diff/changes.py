"""Changes of articles, as short diffs and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from archive.diff.text import DiffPart, DiffPiece, compare, fold_unchanged
from archive.model.results import ArticleChange, ChangeKind
from archive.model.times import to_text

if TYPE_CHECKING:
    from archive.union.store import AnyStore

# Characters of both texts together. Longer ones have no short diff: comparing them takes more than 20 ms, and a page
# has thirty.
MAX_COMPARED = 40_000
_CONTEXT = 10  # unchanged characters before and after a change: enough to recognise the sentence
_MAX_LENGTH = 240  # characters of a short diff: four lines of a page
_MAX_PIECE = 80  # characters of one piece
_SIGNS = {DiffPart.REMOVED: "[-{}-]", DiffPart.ADDED: "{{+{}+}}", DiffPart.SAME: "{}", DiffPart.SKIPPED: "{}"}


def short_diff(store: AnyStore, change: ArticleChange) -> tuple[DiffPiece, ...]:
    """Return what an edit or a retitling changed, with a few characters around each place.

    :return: pieces; a skipped one is "…"; empty for a change of another kind, and for texts that are not in the
        index, do not differ (only images do), or are too long
    """
    if change.kind is ChangeKind.RETITLED:
        return tuple(compare(change.before, change.after))
    texts = store.changes.texts(change)
    if texts is None or sum(map(len, texts)) > MAX_COMPARED:
        return ()
    pieces = compare(*(" ".join(text.split()) for text in texts))
    if all(piece.part is DiffPart.SAME for piece in pieces):
        return ()
    return tuple(_shortened(fold_unchanged(pieces, _CONTEXT)))


def change_document(store: AnyStore, change: ArticleChange) -> dict[str, Any]:
    """Return the JSON document of a change; the evidence of an edit is its short diff, in the signs of wdiff."""
    diff = short_diff(store, change) if change.kind is ChangeKind.REVISED else ()
    return {
        "docid": change.docid,
        "title": change.title,
        "path": change.path,
        "at": to_text(change.at),
        "kind": change.kind,
        "from": change.before,
        "to": change.after,
        "evidence": change.evidence or "".join(_SIGNS[piece.part].format(piece.text) for piece in diff) or None,
    }


def _shortened(pieces: Sequence[DiffPiece]) -> Iterator[DiffPiece]:
    length = 0
    for piece in pieces:
        if length > _MAX_LENGTH:
            yield DiffPiece(DiffPart.SKIPPED, "…")
            return
        if piece.part is DiffPart.SKIPPED:
            yield DiffPiece(DiffPart.SKIPPED, "…")
            continue
        text = piece.text if len(piece.text) <= _MAX_PIECE else piece.text[:_MAX_PIECE] + "…"
        length += len(text)
        yield DiffPiece(piece.part, text)
