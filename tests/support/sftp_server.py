"""An SFTP server on loopback that serves one folder, with one user and password."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paramiko

USER, PASSWORD = "user", "hunter2"


class _Access(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class _Folder(paramiko.SFTPServerInterface):
    """The files below ``root``, which the client sees as /."""

    root = Path()

    def _path(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")

    def _done(self, action: Any, *arguments: Any) -> int:
        try:
            action(*arguments)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return paramiko.SFTP_OK

    def list_folder(self, path: str) -> Any:
        try:
            return [
                paramiko.SFTPAttributes.from_stat(each.stat(), each.name)
                for each in sorted(self._path(path).iterdir())
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            descriptor = os.open(self._path(path), flags, 0o666)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        file = os.fdopen(descriptor, "r+b" if flags & (os.O_WRONLY | os.O_RDWR) else "rb")
        handle.readfile = handle.writefile = file  # type: ignore[attr-defined]
        return handle

    def remove(self, path: str) -> int:
        return self._done(self._path(path).unlink)

    def rename(self, oldpath: str, newpath: str) -> int:
        """Rename a file, unless the other name exists: as OpenSSH does."""
        if self._path(newpath).exists():
            return paramiko.SFTP_FAILURE
        return self._done(self._path(oldpath).rename, self._path(newpath))

    def mkdir(self, path: str, attr: Any) -> int:
        return self._done(self._path(path).mkdir)


class SftpServer:
    """Serves a folder while its ``with`` block runs; ``address`` is that of the folder."""

    def __init__(self, root: Path) -> None:
        self._key = paramiko.RSAKey.generate(2048)
        self._interface = type("_OfFolder", (_Folder,), {"root": root})
        self._transports: list[paramiko.Transport] = []

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.address = f"sftp://{USER}:{PASSWORD}@127.0.0.1:{port}/backup"
        self.known_host = f"[127.0.0.1]:{port} {self._key.get_name()} {self._key.get_base64()}\n"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for transport in self._transports:
            transport.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, self._interface)
            transport.start_server(server=_Access())
            self._transports.append(transport)
