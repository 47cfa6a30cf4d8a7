"""The archive's root error, and what the program can tell apart."""


class ArchiveError(Exception):
    """Something about the archive on disk keeps us from working; the message says what, where and what to do."""


class NotWritableError(ArchiveError):
    """The archive's folder, or something in it, cannot be made or written."""


class LockedError(ArchiveError):
    """Another process holds the archive or its index."""


class NewerIndexError(ArchiveError):
    """The index was written by a newer finarchive."""


class DamagedIndexError(ArchiveError):
    """The index is not a database that can be read."""


class QueryError(ArchiveError):
    """What is asked for cannot be understood."""


class DiskFullError(ArchiveError):
    """There was no room to write."""


class MissingExtraError(ArchiveError):
    """A library is not installed that only some people need; the message says how to have it."""
