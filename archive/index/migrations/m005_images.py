"""Images: which are wanted, which are kept, and where."""

from __future__ import annotations

from archive.index.database import Database


def m005_images(db: Database) -> None:
    """Pictures of articles: which are wanted, which are kept, and where."""
    db.table("images").create(
        {
            "url": str,
            "host": str,
            "status": str,  # wanted, kept, parked
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made
            "tried": str,  # when the last one was
            "failure_kind": str,
            "failure": str,
            "sha256": str,  # of the bytes; it names the file
            "media_type": str,
            "size": int,  # bytes
            "first_seen": str,  # when a version of an article first had it
            "fetched_at": str,
            "sealed": str,  # the day whose manifest has its file: the same for all addresses of one file
        },
        pk="url",
        not_null={"host", "status", "attempts", "due", "first_seen"},
        defaults={"attempts": 0},
        strict=True,
    )
    # Partial, as those of entries: of the pictures of years few wait, and fewer are not sealed yet.
    db.execute("CREATE INDEX images_wanted ON images(host, attempts, first_seen DESC) WHERE status = 'wanted'")
    db.execute("CREATE INDEX images_parked ON images(failure_kind) WHERE status = 'parked'")
    db.execute("CREATE INDEX images_file ON images(sha256, media_type, size) WHERE status = 'kept'")
    db.execute("CREATE INDEX images_unsealed ON images(fetched_at) WHERE status = 'kept' AND sealed IS NULL")
