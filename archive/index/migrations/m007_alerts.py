"""How far each alert is sent."""

from __future__ import annotations

from archive.index.database import Database


def m007_alerts(db: Database) -> None:
    """Add how far each alert is sent to each of its addresses."""
    db.table("alerts").create(
        {
            "name": str,  # as configured
            "address": int,  # which of those configured, from 1: the address itself may be secret
            "query": str,  # as configured; an alert with another query starts again
            "position": int,  # in searchable: everything up to it is sent, or is not to be sent
            "sent": str,  # when the last message was sent
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made; null: nothing has failed
            "failure": str,  # why the last attempt failed
        },
        pk=("name", "address"),
        not_null={"query", "position", "attempts"},
        strict=True,
    )
