"""Places where backups are kept: a folder, or an address that fsspec knows, such as s3:// or sftp://."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from archive.files.atomic import wrap_os_errors
from archive.files.folders import make_root, sync_folder
from archive.model.errors import MissingExtraError, SystemRefusedError
from archive.model.secrets import without_credentials

# Stores without folders. In some of them fsspec would create a bucket of a name that was mistyped.
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "r2")


class BackupStorage(Protocol):
    """A place that keeps bytes under names with ``/`` between folders. A name is written whole or not at all.

    All methods raise an ArchiveError that names the place.
    """

    place: str  # for messages; without user and password

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a name; None if there are none."""

    def write(self, name: str, data: bytes) -> None:
        """Write bytes; when this returns they are kept."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the names below a folder, with the number of their bytes."""

    def remove(self, name: str) -> None:
        """Remove a name, if it is there."""

    def flush(self) -> None:
        """When this returns, all names that were written are durable."""


def open_storage(place: str) -> BackupStorage:
    """Return the storage at a place.

    :param place: the path of a folder, which need not exist, or an address with ``://``
    :raises MissingExtraError: an address needs libraries that are not installed
    :raises SystemRefusedError: it cannot be reached
    """
    return RemoteStorage(place) if "://" in place else FolderStorage(Path(place))


class FolderStorage:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.place = str(self.folder)
        self._changed: set[Path] = set()  # folders whose names are not synced yet

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file; None if there is none."""
        path = self.folder / name
        with wrap_os_errors(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a file under another name, then rename it."""
        path = self.folder / name
        with wrap_os_errors(path):
            if not path.parent.is_dir():
                make_root(path.parent)
            temporary = path.with_name(f".{path.name}.part")
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            self._changed.add(path.parent)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder."""
        top, found = self.folder / folder, {}
        with wrap_os_errors(top):
            for path, _, names in os.walk(top):
                for name in names:
                    if not name.startswith("."):
                        file = Path(path, name)
                        found[file.relative_to(self.folder).as_posix()] = file.lstat().st_size
        return found

    def remove(self, name: str) -> None:
        """Remove a file."""
        with wrap_os_errors(self.folder / name):
            (self.folder / name).unlink(missing_ok=True)

    def flush(self) -> None:
        """Sync the names of the files that were written."""
        with wrap_os_errors(self.folder):
            while self._changed:
                sync_folder(self._changed.pop())


class RemoteStorage:
    """An address that fsspec knows: s3://BUCKET/PATH, sftp://USER@HOST/PATH and others."""

    def __init__(self, address: str) -> None:
        self.place = without_credentials(address)
        self._folders: set[str] = set()  # that exist
        self._has_folders = address.partition("://")[0] not in _OBJECT_STORES
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - an optional library
        except ImportError as error:
            raise MissingExtraError(
                f"a backup to {self.place} needs fsspec: pip install 'finarchive[backup]'"
            ) from error
        with self._wrap_errors():
            try:
                self._files, self._top = url_to_fs(address, **_options(address))
            except ImportError as error:
                raise MissingExtraError(f"{self.place}: {error}; pip install 'finarchive[backup]'") from error

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object; None if there is none."""
        with self._wrap_errors():
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write an object. One that an interrupted upload has left has another size; :meth:`sizes` tells."""
        path = self._path(name)
        with self._wrap_errors():
            folder = path.rpartition("/")[0]
            if self._has_folders and folder not in self._folders:
                self._files.makedirs(folder, exist_ok=True)
                self._folders.add(folder)
            self._files.pipe_file(path, data)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the objects below a folder."""
        with self._wrap_errors():
            try:
                found: dict[str, dict[str, Any]] = self._files.find(self._path(folder), detail=True)
            except FileNotFoundError:
                return {}
            top = PurePosixPath(self._top)
            return {PurePosixPath(path).relative_to(top).as_posix(): each["size"] for path, each in found.items()}

    def remove(self, name: str) -> None:
        """Remove an object."""
        with self._wrap_errors():
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def flush(self) -> None:
        """Do nothing: what was accepted is kept."""

    def _path(self, name: str) -> str:
        return f"{self._top.rstrip('/')}/{name}"

    @contextmanager
    def _wrap_errors(self) -> Iterator[None]:
        try:
            yield
        except MissingExtraError:
            raise
        except Exception as error:  # each kind of storage has errors of its own
            raise SystemRefusedError(f"{self.place}: {type(error).__name__}: {error}") from error


def _options(address: str) -> dict[str, Any]:
    """Return fsspec's options for an address."""
    if address.partition("://")[0] in ("sftp", "ssh"):
        from archive.backup.host_keys import KnownHosts  # noqa: PLC0415 - it needs an optional library

        return {"host_key_policy": KnownHosts()}
    return {"use_listings_cache": False}  # what this process has not written may have changed
