"""Anchors: where the roots of manifests are kept outside the archive's folder, as in ``proof.anchors``. Pure.

An anchor may contain a password, so no message contains its text; :attr:`AnchorTarget.place` is what people see.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from msgspec import Struct

RFC3161, OPENTIMESTAMPS, GIT, COMMAND = "rfc3161", "opentimestamps", "git", "command"
KINDS = (RFC3161, OPENTIMESTAMPS, GIT, COMMAND)
DEFAULT_BRANCH = "main"  # of an empty repository at all large hosts

_SCP_ADDRESS = re.compile(r"[\w.+-]+@([\w.-]+):(?!/?/)[^\s#]+")  # user@host:path, which git reads as ssh
_BRANCH = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]|/(?=[A-Za-z0-9]))*")


class AnchorTarget(Struct, frozen=True):
    """One place where roots are anchored."""

    kind: str  # one of KINDS
    address: str  # URL, repository or command line; "": the public calendars. Secret
    place: str  # host, folder or program, without credentials
    tag: str  # 12 hexadecimal digits that identify the place and contain no credentials
    branch: str = ""  # of a git repository

    @property
    def name(self) -> str:
        """The name in file names, log lines and metrics, such as "git-0123456789ab"."""
        return f"{self.kind}-{self.tag}"

    def __repr__(self) -> str:
        return f"AnchorTarget(kind={self.kind!r}, place={self.place!r}, tag={self.tag!r})"  # without the address

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"


def parse_anchor(text: str) -> AnchorTarget:
    """Parse one text of ``proof.anchors``.

    :raises ValueError: it is not an anchor; the message does not contain it
    """
    kind, _, address = text.partition(":")
    if kind not in KINDS:
        given = f", not {kind}:" if re.fullmatch(r"[a-z][a-z0-9]{1,15}", kind) and kind != text else ""
        raise ValueError(f"must begin with rfc3161:, opentimestamps, git: or command:{given}")
    if not text.isprintable():
        raise ValueError(f"of kind {kind} must be one line of visible characters")
    if kind == RFC3161:
        return _rfc3161(address)
    if kind == OPENTIMESTAMPS:
        return _opentimestamps(address, is_bare=text == OPENTIMESTAMPS)
    return _git(address) if kind == GIT else _command(address)


def _rfc3161(address: str) -> AnchorTarget:
    host, identity = _web_address(address, f"{RFC3161}:https://host/path")
    return AnchorTarget(RFC3161, address, host, _tag(identity))


def _opentimestamps(address: str, *, is_bare: bool) -> AnchorTarget:
    if is_bare:
        return AnchorTarget(OPENTIMESTAMPS, "", "public calendars", _tag(""))
    host, identity = _web_address(address, f"{OPENTIMESTAMPS}, or {OPENTIMESTAMPS}:https://calendar")
    if urlsplit(address).query:
        raise ValueError("of a calendar must have no query after the path")
    return AnchorTarget(OPENTIMESTAMPS, address, host, _tag(identity))


def _git(address: str) -> AnchorTarget:
    repository, branch = address.rsplit("#", 1) if "#" in address else (address, DEFAULT_BRANCH)
    if not _BRANCH.fullmatch(branch) or ".." in branch or branch.endswith((".", ".lock")):
        raise ValueError("of kind git must have the name of a branch after the #")
    if scp := _SCP_ADDRESS.fullmatch(repository):
        place, identity = scp[1], repository.partition("@")[2]
    elif repository.startswith("/") and len(repository) > 1:
        place = identity = repository
    else:
        example = "git:https://host/repository.git, git:user@host:path, git:/folder/repository.git"
        place, identity = _web_address(repository, example, schemes=("https", "http", "ssh", "git", "file"))
    return AnchorTarget(GIT, repository, place, _tag(f"{identity}#{branch}"), branch)


def _command(address: str) -> AnchorTarget:
    try:
        words = shlex.split(address)
    except ValueError:
        raise ValueError("of kind command has a quotation mark that is not closed") from None
    if not words or not words[0].strip():
        raise ValueError("of kind command must name a program, such as command:/usr/local/bin/keep-root")
    if "=" in words[0]:
        raise ValueError("of kind command must begin with the program; no shell runs it, which could set variables")
    # Arguments may be secret, so they are not part of the tag, from which a short secret could be guessed (D153).
    return AnchorTarget(COMMAND, address, PurePosixPath(words[0]).name or words[0], _tag(words[0]))


def _web_address(address: str, example: str, schemes: tuple[str, ...] = ("https", "http")) -> tuple[str, str]:
    """Return the host, and the address without credentials, query and fragment.

    :raises ValueError: it is no address of these schemes
    """
    mistake = f"must be an address like {example}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is not a number, or an invalid address in brackets; the message would contain it
        raise ValueError(mistake) from None
    if parts.password is not None and parts.scheme not in ("https", "http"):
        raise ValueError("must have no password in an address that is not http or https; use a key of ssh")
    is_local = parts.scheme == "file" and not parts.netloc and len(parts.path) > 1
    if parts.scheme not in schemes or " " in address or parts.fragment or not (host or is_local) or port == 0:
        raise ValueError(mistake)
    place = parts.path if is_local else host + (f":{port}" if port else "")
    return place, f"{parts.scheme}://{'' if is_local else place}{parts.path}"


def _tag(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:12]
