"""What is secret in HTTP messages and addresses. Pure.

No record of a message and no text for people has the value of a secret header, or the user and password of an
address. See D180.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

Headers = tuple[tuple[str, str], ...]

# Parts of the names of headers that authenticate a client or a server, or that name a session.
_SECRET_PARTS = re.compile(r"cookie|token|secret|passw|credential|session|csrf|xsrf|authori[sz]|authentic|api-?_?key")
# The same as whole words: as parts they would be found in author, keyword and consider.
_SECRET_WORDS = frozenset({"auth", "jwt", "key", "sid", "signature"})
_WORD = re.compile(r"[a-z0-9]+")
# The same in the names of parameters of addresses.
_SECRET_PARAMETER_WORDS = _SECRET_WORDS | {"accesskey", "authkey", "pass", "pwd", "sig", "sign"}
_PARAMETER = re.compile(r"([?&;#])([\w.\-\[\]]{1,80})=([^\s&;#\"'<>)]+)", re.ASCII)
_MASK = "***"
# The part of an address before the host's name. A run without a slash is searched once, so this is linear.
_CREDENTIALS = re.compile(r"//[^\s/?#\\]*@")


@lru_cache(maxsize=1024)  # servers use a few names, but they may invent more
def is_secret_header(name: str) -> bool:
    """Return whether the value of a header is secret, by its name."""
    lower = name.lower()
    return bool(_SECRET_PARTS.search(lower)) or not _SECRET_WORDS.isdisjoint(_WORD.findall(lower))


def without_credentials(text: str) -> str:
    """Return a text without the user and the password of each address in it."""
    return _CREDENTIALS.sub("//", text) if "@" in text else text


def mask_secrets(text: str) -> str:
    """Return a text for people: addresses in it have neither user nor password, and no values of secret parameters.

    Every message, log line and JSON document that has an address of a list, a proxy or a service goes through here.
    """
    return _PARAMETER.sub(_masked_parameter, without_credentials(text)) if "=" in text else without_credentials(text)


def _masked_parameter(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    is_secret = is_secret_header(name) or not _SECRET_PARAMETER_WORDS.isdisjoint(_WORD.findall(name.lower()))
    return f"{mark}{name}={_MASK if is_secret else value}"


def without_secrets(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return headers with an empty value where it is secret; the names stay, and addresses lose their credentials."""
    return tuple((name, "" if is_secret_header(name) else without_credentials(value)) for name, value in headers)
