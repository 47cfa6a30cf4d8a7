"""SHA-256 of bytes and of files, as the index and the manifests record it: 64 lowercase hexadecimal digits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

# A file up to this size is read at once, which takes two thirds of the time of a digest in pieces. WARC files are
# larger and must not fill the memory.
MAX_READ_BYTES = 1024 * 1024


def sha256_of(data: bytes) -> str:
    """The SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes.

    :raises OSError: the file cannot be read
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= MAX_READ_BYTES:
            return sha256_of(file.read())
        return hashlib.file_digest(file, "sha256").hexdigest()
