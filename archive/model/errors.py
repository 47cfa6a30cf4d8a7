"""Errors of the archive. Their messages are for people: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping


class ArchiveError(Exception):
    """The archive on disk cannot be used as requested. Root of all errors of the package."""


class TransientError(ArchiveError):
    """The system refused an operation; the same operation can succeed later."""


class NotWritableError(TransientError):
    """A file or folder cannot be created or written."""


class LockedError(TransientError):
    """Another process holds the archive or its index."""


class NewerIndexError(ArchiveError):
    """A newer version of finarchive wrote the index."""


class DamagedIndexError(ArchiveError):
    """The index is not a readable database."""


class QueryError(ArchiveError):
    """A search query or one of its filters is not valid.

    :param message: in English
    :param code: of the mistake, as in :mod:`archive.query.messages`; "" if it has none
    :param parameters: of the mistake's message
    """

    def __init__(self, message: str, code: str = "", parameters: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.parameters = parameters or {}


class DiskFullError(TransientError):
    """No space is left to write."""


class SystemRefusedError(TransientError):
    """The system refused an operation for another reason: a faulty disk, no memory, too many open files."""


class MissingExtraError(ArchiveError):
    """An optional library is not installed; the message says how to install it."""


class CursorError(ArchiveError):
    """The cursor of an export cannot be used with this index."""


class BackupError(ArchiveError):
    """A backup is damaged, or cannot be restored as requested."""


class MirrorError(ArchiveError):
    """A mirror is damaged, belongs to another archive or another writer, or contradicts the archive."""


class ReplicaError(ArchiveError):
    """A replica cannot be written to, or a folder cannot become one."""


class ProofError(ArchiveError):
    """An anchor, a signature, a key or a certificate is not valid; the message contains nothing secret."""


class TrustError(ArchiveError):
    """A file with which anchors are checked is not one; the message names its setting."""
