"""Verify the archive of a running soak deeply: a copy of it, made while the daemon is stopped for a moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

VERIFY_TIMEOUT_SECONDS = 120.0


class DeepVerifier:
    """Compares the index with the raw pages after each fault; one comparison at a time.

    :param root: the archive
    :param command: ``finarchive verify --deep --json``
    """

    def __init__(self, root: Path, folder: Path, command: list[str], env: dict[str, str]) -> None:
        self.contradictions: list[str] = []  # found so far
        self.verified = 0  # the number of comparisons
        self._root = root
        self._copy = folder / "copy"
        self._folder = folder
        self._command = command
        self._env = env | {"FINARCHIVE_ARCHIVE_ROOT": str(self._copy)}
        self._running: subprocess.Popen[bytes] | None = None
        self._after = ""

    def begin(self, after: str, daemon: int) -> None:
        """Begin to verify the archive as it is now, unless the last comparison still runs.

        :param after: the event after which it is verified
        :param daemon: the process that may be writing to it
        """
        if self._running and self._running.poll() is None:
            return
        self._collect()
        shutil.rmtree(self._copy, ignore_errors=True)
        os.kill(daemon, signal.SIGSTOP)
        try:
            subprocess.run(["/bin/cp", "-a", self._root, self._copy], check=True)
        finally:
            os.kill(daemon, signal.SIGCONT)
        self._after = after
        self._running = subprocess.Popen(
            self._command, cwd=self._folder, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        os.setpriority(os.PRIO_PROCESS, self._running.pid, 10)  # the daemon comes first

    def finish(self) -> None:
        """Verify the archive itself once more, after the daemon has ended."""
        self._collect()
        done = subprocess.run(
            self._command, cwd=self._folder, env=self._env | {"FINARCHIVE_ARCHIVE_ROOT": str(self._root)},
            capture_output=True, check=False, timeout=VERIFY_TIMEOUT_SECONDS,
        )  # fmt: skip
        self._count("the end", done.stdout, ("index", "missing", "tampered", "extra", "warc", "chain"))

    def _collect(self) -> None:
        if self._running:
            out, _ = self._running.communicate(timeout=VERIFY_TIMEOUT_SECONDS)
            # Files and rows of what the daemon was just writing are in its journal only: that is no contradiction.
            self._count(self._after, out, ("index",))
            self._running = None

    def _count(self, after: str, document: bytes, kinds: tuple[str, ...]) -> None:
        self.verified += 1
        problems = json.loads(document)["problems"] if document else [{"kind": "index", "detail": "no result"}]
        self.contradictions += [
            f"after {after}: {each['detail'] or each['path']}" for each in problems if each["kind"] in kinds
        ]
