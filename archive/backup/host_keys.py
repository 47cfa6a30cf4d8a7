"""Which SFTP servers are trusted: those that ssh knows. fsspec would trust any."""

from __future__ import annotations

from pathlib import Path

import paramiko

_SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc] # paramiko has no types
    """Accepts a server whose key is in ``~/.ssh/known_hosts`` or ``/etc/ssh/ssh_known_hosts``, and no other."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Check a server's key; paramiko calls this.

        :param hostname: as in known_hosts: with brackets and the port if that is not 22
        :raises SSHException: it is not known
        """
        known = paramiko.HostKeys()
        for path in (Path.home() / ".ssh" / "known_hosts", _SYSTEM_FILE):
            if path.is_file():
                known.load(str(path))
        if not known.check(hostname, key):
            raise paramiko.SSHException(f"the key of {hostname} is not in ~/.ssh/known_hosts: connect once with ssh")
