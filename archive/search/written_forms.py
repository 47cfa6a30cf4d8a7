"""The ways in which the index has the words of a query written: traditional, simplified, or a mixture of both."""

from __future__ import annotations

from msgspec.structs import replace

from archive.index.database import Database
from archive.query.nodes import MediaFilter, Term
from archive.query.scripts import forms
from archive.query.tokenizer import fold, phrase, segments, split_single_characters

# Forms of one phrase that are searched for. Real texts have one or two; a text of all mixtures would have thousands.
MAX_FORMS = 50
# Look-ups for all words of a query, of a tenth of a millisecond each. Real queries need a dozen.
MAX_LOOKUPS = 2_000

_EXISTS = "SELECT 1 FROM words WHERE words MATCH ? LIMIT 1"
_IN_TEXTS = "{text title} : "
_IN_MEDIA = "media : "


class WrittenForms:
    """Adds to the words of a query the other forms that occur in the index.

    FTS5 has no alternatives inside a phrase, and the forms of a phrase of ten characters can be hundreds. So they are
    made character by character, and those that no article has are dropped. See D253.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lookups = 0

    def begin(self) -> None:
        """Begin another query."""
        self._lookups = 0

    def of_term(self, term: Term) -> Term:
        """Return a term with the other forms that titles and texts have."""
        if term.exact:
            return term
        prefix = term.phrase.endswith("*")
        others = tuple(filter(None, (phrase(each, prefix=prefix) for each in self._others(term.text, _IN_TEXTS))))
        split = split_single_characters(term.text)
        before = self._others(split[0], _IN_TEXTS) if split else []
        return replace(term, others=others, beginnings=tuple(filter(None, map(phrase, before))))

    def of_medium(self, medium: MediaFilter) -> MediaFilter:
        """Return a filter with the other forms that names of media have."""
        others = [] if medium.exact else self._others(medium.text, _IN_MEDIA)
        return replace(medium, others=tuple(filter(None, map(phrase, others))))

    def _others(self, text: str, columns: str) -> list[str]:
        typed, found = "", [""]
        for part in segments(fold(text)):
            typed, found = f"{typed} ", [f"{each} " for each in found]
            is_to_check = False
            for place, character in enumerate(part):
                typed += character
                alternatives = forms(character)
                is_to_check = is_to_check or len(alternatives) > 1
                found = [each + other for each in found for other in alternatives]
                # A single character is a prefix, which is slow to look up: it is checked with the next one.
                if is_to_check and place:
                    found = [each for each in found if each == typed or self._exists(columns, each)][:MAX_FORMS]
                    is_to_check = False
            found = found[:MAX_FORMS]
        return [each for each in found if each != typed]

    def _exists(self, columns: str, text: str) -> bool:
        self._lookups += 1
        if self._lookups > MAX_LOOKUPS:
            return False
        return self._db.execute(_EXISTS, [f"{columns}{phrase(text)}"]).fetchone() is not None
