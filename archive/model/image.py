"""Images of articles: the download queue, stored files and failures. Frozen records."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from archive.model.feed import Failure

# Media types that are stored, and the extensions of their files. Not SVG: it can carry a script, and the web view
# shows images on the same site as archived pages.
IMAGE_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/bmp": "bmp",
}


class QueuedImage(Struct, frozen=True):
    """An image that is due for download."""

    url: str  # absolute, as in the article
    host: str  # to fetch it from
    attempts: int  # failed ones so far
    first_seen: datetime


class StoredImage(Struct, frozen=True):
    """An image whose file is on the disk; see :func:`archive.files.layout.image_path`."""

    url: str
    at: datetime  # when the response was complete
    sha256: str  # of its bytes, hex
    media_type: str  # a key of IMAGE_EXTENSIONS, detected from the first bytes
    size: int  # bytes


class FailedImage(Struct, frozen=True):
    """An image whose download failed."""

    failure: Failure  # its subject is the address
    at: datetime
    due: datetime | None  # when it is retried; None: it is parked


class ImageCounts(Struct, frozen=True):
    """Number of images by state. An image is one address."""

    kept: int = 0  # stored
    files: int = 0  # of those stored: addresses with the same bytes share one file
    size: int = 0  # bytes of these files
    waiting: int = 0  # due, now or later
    parked: int = 0
