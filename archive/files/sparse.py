"""Write files in which blocks of zeros take no room on the disk."""

from __future__ import annotations

from io import FileIO

_BLOCK_BYTES = 4096  # of most file systems
_ZEROS = bytes(_BLOCK_BYTES)


class SparseWriter:
    """Writes to the end of an empty file; blocks of zeros are left out, and read as zeros.

    A file system without such holes stores them.

    :param file: open for writing, unbuffered
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append some bytes.

        :raises OSError: they cannot be written
        """
        start, view = 0, memoryview(data)
        at = -self._size % _BLOCK_BYTES
        while at + _BLOCK_BYTES <= len(data):
            if view[at : at + _BLOCK_BYTES] == _ZEROS:
                self._put(view[start:at])
                start = at + _BLOCK_BYTES
                self._size += _BLOCK_BYTES
            at += _BLOCK_BYTES
        self._put(view[start:])

    def _put(self, data: memoryview) -> None:
        self._file.seek(self._size)
        while data:
            written = self._file.write(data)
            self._size += written
            data = data[written:]

    def close(self) -> None:
        """Give the file its size, if it ends with zeros."""
        self._file.truncate(self._size)
