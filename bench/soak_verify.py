"""Verify the archive of a running soak deeply: a copy of it, made while the daemon is stopped for a moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from archive.files.layout import journal_path
from archive.journal.warc import warc_files

VERIFY_TIMEOUT_SECONDS = 120.0
# What the daemon was just writing is in its journal only, so a copy of its files has further differences.
WHILE_WRITING = ("index",)


class DeepVerifier:
    """Compares the index with the raw pages after each fault; one comparison at a time.

    :param root: the archive
    :param command: ``finarchive verify --deep --json``
    """

    def __init__(self, root: Path, folder: Path, command: list[str], env: dict[str, str]) -> None:
        self.contradictions: list[str] = []  # found so far
        self.verified = 0  # the number of comparisons
        self._root = root
        self._folder = folder / "verify"  # its own, because the daemon's configuration changes meanwhile
        self._folder.mkdir()
        self._copy = self._folder / "copy"
        self._configuration = folder / "finarchive.toml"
        self._output, self._errors = self._folder / "output", self._folder / "errors"
        self._command = command
        self._env = env
        self._running: subprocess.Popen[bytes] | None = None
        self._after = ""

    def begin(self, after: str, daemon: int) -> None:
        """Begin to verify the archive as it is now, unless the last comparison still runs, or there are no raw pages.

        :param after: the event after which it is verified
        :param daemon: the process that may be writing to it
        """
        if (self._running and self._running.poll() is None) or not warc_files(journal_path(self._root)):
            return
        self._collect()
        shutil.rmtree(self._copy, ignore_errors=True)
        os.kill(daemon, signal.SIGSTOP)
        os.waitid(os.P_PID, daemon, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # it may go on for a moment
        try:
            subprocess.run(["/bin/cp", "-a", self._root, self._copy], check=True)
        finally:
            os.kill(daemon, signal.SIGCONT)
        self._after = after
        self._running = self._start(self._copy)
        os.setpriority(os.PRIO_PROCESS, self._running.pid, 10)  # the daemon comes first

    def finish(self) -> None:
        """Verify the archive itself once more, after the daemon has ended."""
        self._collect()
        self._after, self._running = "the end", self._start(self._root)
        self._collect(("index", "missing", "tampered", "extra", "warc", "chain"))

    def _start(self, root: Path) -> subprocess.Popen[bytes]:
        shutil.copy(self._configuration, self._folder)
        # Files, because a full pipe stops the process until it is read.
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            return subprocess.Popen(
                self._command, cwd=self._folder, env=self._env | {"FINARCHIVE_ARCHIVE_ROOT": str(root)},
                stdout=output, stderr=errors,
            )  # fmt: skip

    def _collect(self, kinds: tuple[str, ...] = WHILE_WRITING) -> None:
        if not self._running:
            return
        status = self._running.wait(VERIFY_TIMEOUT_SECONDS)
        self._running = None
        self.verified += 1
        if document := self._output.read_bytes():
            problems = [each for each in json.loads(document)["problems"] if each["kind"] in kinds]
            self.contradictions += [f"after {self._after}: {each['detail'] or each['path']}" for each in problems]
        else:
            errors = self._errors.read_text(errors="replace").strip()
            self.contradictions.append(f"after {self._after}: verify ended with {status} and no result: {errors}")
