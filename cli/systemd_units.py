"""The texts of the systemd units: fills them in, marks them as ours, and reads them. Pure.

A unit that an administrator edited must not be overwritten or removed without --force. So an installed unit begins
with a checksum of its other lines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

from archive.files.hashing import sha256_of

NAME = "finarchive.service"
READER_SOCKET = "finarchive-serve.socket"
# The daemon; the web reader and the socket that starts it.
NAMES = (NAME, "finarchive-serve.service", READER_SOCKET)
USER = "finarchive"  # the same as in the units

# Folders that ProtectHome= and PrivateTmp= of the unit hide from the service.
HIDDEN_FOLDERS = tuple(PurePath(path) for path in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))  # noqa: S108

_MARK = "# Written by `finarchive service install`; sha256 of the lines below: "
_EXEC = re.compile(r"^ExecStart=/opt/finarchive/bin/finarchive (\w+)$", re.MULTILINE)
_SETTING = re.compile(r"^(ExecStart|Environment)=((?:\\\n|.)*)$", re.MULTILINE)
_PLAIN = re.compile(r"[\w@+,./:=-]+", re.ASCII)


def fill(template: str, executable: PurePath, config: PurePath | None) -> str:
    """A unit for an installation, with its mark.

    :param template: the unit as packaged
    :param executable: the absolute path of the installed ``finarchive``
    :param config: the absolute path of the file given with ``-c``; None to let the service search for one
    """

    def line(match: re.Match[str]) -> str:
        words = [str(executable), *(("-c", str(config)) if config else ()), match[1]]
        return "ExecStart=" + " ".join(_quoted(word) for word in words)

    text = _EXEC.sub(line, template, count=1)
    return f"{_MARK}{_sum(text)}\n{text}"


def is_untouched(text: str) -> bool:
    """True if a version of finarchive wrote this unit and nobody edited it."""
    first, _, remainder = text.partition("\n")
    return first == _MARK + _sum(remainder)


def archive_root(text: str) -> str:
    """The archive folder of a service with this unit, unless a drop-in changes it."""
    return service_environment([text]).get("FINARCHIVE_ARCHIVE_ROOT", "archive.root of its configuration")


def service_environment(texts: Sequence[str]) -> dict[str, str]:
    """The settings in the environment of a service.

    :param texts: the unit, then its drop-ins in their order
    :return: variables whose names begin with FINARCHIVE_
    """
    variables = dict(word.split("=", 1) for word in _words(texts, "Environment") if "=" in word)
    return {name: value for name, value in variables.items() if name.startswith("FINARCHIVE_")}


def service_config(texts: Sequence[str]) -> str | None:
    """The configuration file in the command line of a service, if it names one. The argument is as above."""
    words = _words(texts, "ExecStart")
    return next((word for before, word in pairwise(words) if before in ("-c", "--config")), None)


def _words(texts: Sequence[str], name: str) -> list[str]:
    """The words of all values of a setting; an empty value removes those before it. See systemd.syntax(7)."""
    words: list[str] = []
    for setting, value in _SETTING.findall("\n".join(texts)):
        if setting != name:
            continue
        try:
            found = shlex.split(value.replace("\\\n", " "))
        except ValueError:  # a quotation mark without its other half: systemd ignores the line
            continue
        dollar = "$$" if name == "ExecStart" else "$"  # only a command line has variables
        words = [*words, *(word.replace("%%", "%").replace(dollar, "$") for word in found)] if found else []
    return words


def hidden(path: PurePath) -> PurePath | None:
    """The folder that hides an absolute path from the service; None if the service can see the path."""
    return next((folder for folder in HIDDEN_FOLDERS if path.is_relative_to(folder)), None)


def _sum(text: str) -> str:
    return sha256_of(text.encode())


def _quoted(word: str) -> str:
    """A word for a command line of systemd.service(5), where %, $, quotes and white space have a meaning."""
    word = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
