"""Images: the download queue and the stored files."""

from __future__ import annotations

from archive.index.database import Database


def m005_images(db: Database) -> None:
    """Add the images of articles: the download queue and the stored files."""
    db.table("images").create(
        {
            "url": str,
            "host": str,
            "status": str,  # wanted, kept, parked
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made
            "tried": str,  # when the last attempt was made
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
    # Partial, like those of entries: few of the images of years are queued, and fewer are not sealed yet.
    db.execute("CREATE INDEX images_wanted ON images(host, attempts, first_seen DESC) WHERE status = 'wanted'")
    db.execute("CREATE INDEX images_parked ON images(failure_kind) WHERE status = 'parked'")
    db.execute("CREATE INDEX images_file ON images(sha256, media_type, size) WHERE status = 'kept'")
    db.execute("CREATE INDEX images_unsealed ON images(fetched_at) WHERE status = 'kept' AND sealed IS NULL")
