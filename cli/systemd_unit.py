"""The text of the systemd unit: filled in for an installation, marked as ours, read again. Pure.

A unit that an administrator edited is never overwritten or removed unasked, so what is installed begins with a
checksum of the rest.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from archive.files.hashing import sha256_of

NAME = "finarchive.service"
USER = "finarchive"  # as the unit has it

# What ProtectHome= and PrivateTmp= of the unit keep from the service.
HIDDEN = tuple(PurePath(path) for path in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))  # noqa: S108

_MARK = "# Written by `finarchive service install`; sha256 of the lines below: "
_EXEC = re.compile(r"^ExecStart=.*$", re.MULTILINE)
_ROOT = re.compile(r"^Environment=FINARCHIVE_ARCHIVE_ROOT=(.*)$", re.MULTILINE)
_PLAIN = re.compile(r"[\w@+,./:=-]+", re.ASCII)


def fill(template: str, executable: PurePath, config: PurePath | None) -> str:
    """The unit for this program, with its mark.

    :param template: the unit as packaged
    :param executable: absolute; ``finarchive`` as installed
    :param config: absolute; what ``-c`` named, None to let the service look for its configuration
    """
    words = [str(executable), *(("-c", str(config)) if config else ()), "run"]
    line = "ExecStart=" + " ".join(_quoted(word) for word in words)
    text = _EXEC.sub(lambda _: line, template, count=1)
    return f"{_MARK}{_sum(text)}\n{text}"


def is_untouched(text: str) -> bool:
    """Whether the unit is one that some version of finarchive wrote, as it was written."""
    first, _, backoff = text.partition("\n")
    return first == _MARK + _sum(backoff)


def archive_root(text: str) -> str:
    """Where a service of this unit keeps its archive, unless a drop-in says otherwise."""
    found = _ROOT.search(text)
    return found[1] if found else "archive.root of its configuration"


def hidden(path: PurePath) -> PurePath | None:
    """The folder around ``path`` (absolute) that the service cannot see into; None: it sees the path."""
    return next((folder for folder in HIDDEN if path.is_relative_to(folder)), None)


def _sum(text: str) -> str:
    return sha256_of(text.encode())


def _quoted(word: str) -> str:
    """As systemd.service(5) reads a word of a command line: %, $, quotes and white space mean something there."""
    word = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
