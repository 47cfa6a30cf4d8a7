"""How far each alert is sent."""

from __future__ import annotations

from archive.index.database import Database


def m007_alerts(db: Database) -> None:
    """How far each alert is told, to each of its addresses."""
    db.table("alerts").create(
        {
            "name": str,  # as configured
            "address": int,  # which of those configured, from 1: the address itself may be secret
            "query": str,  # as configured; another one begins anew
            "position": int,  # in searchable: up to it everything is told, or is not to be
            "sent": str,  # when the last message was
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made; null: nothing has failed
            "failure": str,  # why the last one failed
        },
        pk=("name", "address"),
        not_null={"query", "position", "attempts"},
        strict=True,
    )
