"""Places where backups and mirrors are kept: a folder, or an address that fsspec knows, such as s3:// or sftp://."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from archive.files.atomic import wrap_os_errors
from archive.files.folders import NO_LINKS_ERRNOS, make_root, sync_folder
from archive.model.errors import MissingExtraError, SystemRefusedError
from archive.model.secrets import without_credentials

# Stores without folders. In some of them fsspec would create a bucket of a name that was mistyped.
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "r2")
# Seconds until a server that does not answer counts as unreachable: to connect, and between two packets.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10.0, 60.0
# What to do, by the number of an OSError that fsspec raises.
_ADVICE = {
    errno.EACCES: "check the credentials, and the rights of that place",
    errno.EPERM: "check the credentials, and the rights of that place",
    errno.ENOENT: "create it first: nothing makes a bucket",
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
}


class BackupStorage(Protocol):
    """A place that keeps bytes under names with ``/`` between folders. A name is written whole or not at all.

    All methods raise an ArchiveError that names the place.
    """

    place: str  # for messages; without user and password

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a name; None if there are none."""

    def write(self, name: str, data: bytes) -> None:
        """Write bytes; when this returns they are kept."""

    def create(self, name: str, data: bytes) -> bool:
        """Write bytes under a name that does not exist; return False, and write nothing, if it does.

        When this returns True they are kept. If two processes create one name, one of them gets True.
        """

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the names below a folder, with the number of their bytes."""

    def remove(self, name: str) -> None:
        """Remove a name, if it is there."""

    def close(self) -> None:
        """Close connections. The storage cannot be used any more."""

    def flush(self) -> None:
        """When this returns, all names that were written are durable."""


def open_storage(place: str) -> BackupStorage:
    """Return the storage at a place.

    :param place: the path of a folder, which need not exist, or an address with ``://``; ``file://`` is a folder
    :raises MissingExtraError: an address needs libraries that are not installed
    :raises SystemRefusedError: it cannot be reached
    """
    if place.startswith("file://"):
        return FolderStorage(Path(unquote(urlsplit(place).path)))
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
            self._write(path, data, f".{path.name}.part").replace(path)
            self._changed.add(path.parent)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file under another name, then give it this one, unless that exists."""
        path = self.folder / name
        with wrap_os_errors(path):
            temporary = self._write(path, data, f".{path.name}.{secrets.token_hex(4)}.part")
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS_ERRNOS:
                    raise
                if path.exists():  # without hard links two processes could both come here
                    return False
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(path.parent)
        return True

    @staticmethod
    def _write(path: Path, data: bytes, temporary_name: str) -> Path:
        if not path.parent.is_dir():
            make_root(path.parent)
        temporary = path.with_name(temporary_name)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder."""
        top, found = self.folder / folder, {}
        with wrap_os_errors(top):
            for path, _, names in os.walk(top, onerror=_raise_unless_missing):
                for name in names:
                    if not name.startswith("."):
                        file = Path(path, name)
                        found[file.relative_to(self.folder).as_posix()] = file.lstat().st_size
        return found

    def remove(self, name: str) -> None:
        """Remove a file."""
        with wrap_os_errors(self.folder / name):
            (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def flush(self) -> None:
        """Sync the names of the files that were written."""
        with wrap_os_errors(self.folder):
            while self._changed:
                sync_folder(self._changed.pop())


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


class RemoteStorage:
    """An address that fsspec knows: s3://BUCKET/PATH, sftp://USER@HOST/PATH and others."""

    def __init__(self, address: str) -> None:
        self.place = without_credentials(address)
        self._folders: set[str] = set()  # that exist
        self._has_folders = address.partition("://")[0] not in _OBJECT_STORES
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - an optional library
        except ImportError as error:
            raise MissingExtraError(f"{self.place} needs fsspec: pip install 'finarchive[backup]'") from error
        with self._wrap_errors():
            try:
                self._files, self._top = url_to_fs(address, **_options(address))
            except ImportError as error:
                raise MissingExtraError(f"{self.place}: {error}; pip install 'finarchive[backup]'") from error
            self._sftp: Any = getattr(self._files, "ftp", None)  # paramiko's client
            if self._sftp is not None:
                self._sftp.get_channel().settimeout(_READ_TIMEOUT)

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
            self._make_folder(path)
            self._files.pipe_file(path, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object that does not exist: ``If-None-Match: *`` of S3; a rename that replaces nothing of SFTP."""
        path = self._path(name)
        with self._wrap_errors():
            self._make_folder(path)
            try:
                if self._sftp is None:
                    self._files.pipe_file(path, data, mode="create")
                else:
                    self._create_by_rename(path, data)
            except Exception:  # servers say in many ways that it exists; and an answer may have been lost
                with suppress(Exception):  # the first error says more
                    if self._files.exists(path):
                        return False
                raise
            return True

    def _create_by_rename(self, path: str, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.part"
        try:
            self._files.pipe_file(temporary, data)
            self._sftp.rename(temporary, path)
        except Exception:
            with suppress(Exception):  # the first error says more
                self._sftp.remove(temporary)
            raise

    def _make_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if self._has_folders and folder not in self._folders:
            self._files.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the objects below a folder."""
        with self._wrap_errors():
            try:
                found: dict[str, dict[str, Any]] = self._files.find(self._path(folder), detail=True)
            except FileNotFoundError:
                return {}
            top = PurePosixPath(self._top)
            names = {PurePosixPath(path).relative_to(top): each["size"] for path, each in found.items()}
            return {name.as_posix(): size for name, size in names.items() if not name.name.startswith(".")}

    def remove(self, name: str) -> None:
        """Remove an object."""
        with self._wrap_errors():
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def close(self) -> None:
        """Close the connection to an SFTP server; others are closed when they are idle."""
        if self._sftp is not None:
            with suppress(Exception):  # it may be lost already
                self._files.client.close()

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
            text = " ".join(str(error).split())
            raise SystemRefusedError(f"{self.place}: {type(error).__name__}: {text}{_advice(error)}") from error


def _advice(error: Exception) -> str:
    kinds = {PermissionError: errno.EACCES, FileNotFoundError: errno.ENOENT}
    number = getattr(error, "errno", None) or next((kinds[kind] for kind in kinds if isinstance(error, kind)), 0)
    if type(error).__name__ == "NoCredentialsError":
        number = errno.EACCES
    if any(word in str(error) for word in ("Quota", "InsufficientStorage", "StorageFull")):  # of S3 and its like
        number = errno.ENOSPC
    return f"; {_ADVICE[number]}" if number in _ADVICE else ""


def _options(address: str) -> dict[str, Any]:
    """Return fsspec's options for an address."""
    if address.partition("://")[0] in ("sftp", "ssh"):
        from archive.backup.host_keys import KnownHosts  # noqa: PLC0415 - it needs an optional library

        # fsspec would hand out a connection of before, even if it is lost.
        return {"host_key_policy": KnownHosts(), "timeout": _CONNECT_TIMEOUT, "skip_instance_cache": True}
    options: dict[str, Any] = {"use_listings_cache": False}  # what this process has not written may have changed
    if address.partition("://")[0] in ("s3", "s3a"):
        # s3fs tries again itself.
        options["config_kwargs"] = {
            "connect_timeout": _CONNECT_TIMEOUT,
            "read_timeout": _READ_TIMEOUT,
            "retries": {"max_attempts": 1},
        }
    return options
