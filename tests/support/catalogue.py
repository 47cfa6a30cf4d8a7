"""The catalogue of the web view: extracts its messages, and compiles the translations that are in web/locales.

``python -m tests.support.catalogue`` adds new messages to web.po, without a translation, and writes web.mo.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from archive.search.canned_queries import CANNED_QUERIES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "web/locales/en/LC_MESSAGES"
PO, MO = FOLDER / "web.po", FOLDER / "web.mo"
_KEYWORDS = {"_": None, "gettext": None, "to_translate": None, "ngettext": (1, 2)}


def messages() -> set[str]:
    """All messages of templates and modules, and the canned queries' titles and descriptions."""
    found = {text for query in CANNED_QUERIES for text in (query.title, query.description)}
    for path in sorted((ROOT / "web").rglob("*.py")):
        found |= {str(message) for _, message, _, _ in extract_from_file("python", path, _KEYWORDS)}
    for path in sorted((ROOT / "web/templates").glob("*.html")):
        options = {"silent": "false", "newstyle_gettext": "true", "trimmed": "false"}
        extracted = extract_from_file("jinja2.ext:babel_extract", path, _KEYWORDS, options=options)
        found |= {str(message) for _, message, _, _ in extracted}
    return found


def catalogue() -> Catalog:
    """The catalogue as it is in web.po."""
    with PO.open("rb") as file:
        return read_po(file, locale="en")


def compiled(source: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    buffer = BytesIO()
    write_mo(buffer, source)
    return buffer.getvalue()


def main() -> None:
    """Bring web.po and web.mo up to date."""
    old = catalogue() if PO.exists() else Catalog(locale="en")
    new = Catalog(locale="en", fuzzy=False, header_comment="# The English of the web view. Messages are Chinese.")
    for message in sorted(messages()):
        known = old.get(message)
        new.add(message, known.string if known else "")
    with PO.open("wb") as file:
        write_po(file, new, width=118, omit_header=False, sort_output=True)
    MO.write_bytes(compiled(new))


if __name__ == "__main__":
    main()
