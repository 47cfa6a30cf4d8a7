"""Addresses that show another article, what pages stated last, and facts that changed without a version."""

from __future__ import annotations

from archive.index.database import Database


def m011_moves_and_facts(db: Database) -> None:
    """Add moves, the last statements of pages, changes of facts, and what is searchable after such a change."""
    db.table("moves").create(  # fetches that got another article's page
        {"id": int, "docid": str, "at": str, "target": str},  # target: the docid of the other article
        pk="id",
        not_null={"docid", "at", "target"},
        strict=True,
        if_not_exists=True,
    )
    db.table("moves").create_index(["docid", "at"], if_not_exists=True)
    db.table("stated").create(  # what the page stated at the last fetch that got the article; null: it does not say
        {
            "docid": str,
            "listed_title": str,  # the title in the list at that fetch
            "title": str,
            "published": str,
            "updated": str,
            "media": str,
            "keywords": str,  # JSON list
            "symbols": str,  # JSON list
        },
        pk="docid",
        not_null={"listed_title"},
        strict=True,
        if_not_exists=True,
    )
    _create_facts(db)


def _create_facts(db: Database) -> None:
    db.table("facts").create(  # changes of facts while the text stayed; an article's version keeps those of its fetch
        {
            "docid": str,
            "revision": int,
            "step": int,  # 1 for the first change of the version
            "at": str,
            "changed": str,  # JSON object: field -> [before, after]
            "updated": str,  # this and the others: valid from then on
            "media": str,
            "keywords": str,  # JSON list
            "symbols": str,  # JSON list
        },
        pk=("docid", "revision", "step"),
        not_null={"at", "changed", "keywords", "symbols"},
        strict=True,
        if_not_exists=True,
    )
    # A version is searchable once more, with other words, from when its medium or its stocks have changed.
    db.execute('DROP INDEX IF EXISTS "idx_searchable_docid_number"')
    db.table("searchable").create_index(["docid", "number"])
    db.table("searchable_facts").create(  # the rows of searchable that are so because of a change of facts
        {"id": int, "docid": str, "revision": int, "step": int},
        pk="id",
        not_null={"docid", "revision", "step"},
        strict=True,
        if_not_exists=True,
    )
    db.table("searchable_facts").create_index(["docid", "revision", "step"], unique=True, if_not_exists=True)
