"""Pictures of articles that are kept: what is wanted, what came of it, and where the files go. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archive.model.feed import Failure

# What is kept, and how its files end. Not SVG: it can carry a script, and is shown where archived pages are.
IMAGE_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/bmp": "bmp",
}


@dataclass(frozen=True, slots=True)
class QueuedImage:
    """A picture that is to be fetched."""

    url: str  # absolute, as the article has it
    host: str
    attempts: int  # failed ones so far
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture whose file is on the disk."""

    url: str
    at: datetime  # when it had come
    sha256: str  # of its bytes, hex
    media_type: str  # one of IMAGE_EXTENSIONS, told by its first bytes
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class FailedImage:
    """A picture that could not be had."""

    failure: Failure  # its subject is the address
    at: datetime
    due: datetime | None  # when it is tried again; None: it is given up


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """How many pictures stand where, by their addresses."""

    kept: int = 0
    files: int = 0  # that hold those kept: the same bytes are one file
    size: int = 0  # bytes of these files
    waiting: int = 0
    parked: int = 0
