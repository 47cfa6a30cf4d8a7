"""Rules about addresses: identity, absolute form, host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

# /stock/2026-09-29/doc-initmeav9622448.shtml, and the mobile detail-i....d.html
_DOCID_IN_PATH = re.compile(r"/(?:doc|detail)-i([a-z0-9]{4,40})\.", re.IGNORECASE | re.ASCII)
_DOCID = re.compile(r"(?:comos:)?([A-Za-z0-9]{4,40})")
PADDING = "".join(map(chr, range(0x21)))  # what a browser strips from both ends of an address, and no more
# As Sina writes nearly all addresses of pictures: a host and a path. Nothing of it changes when it becomes absolute.
_WITHOUT_SCHEME = re.compile(r"//[a-z0-9.-]+/[\w./-]*", re.ASCII)
_LINE_BREAKS = re.compile(r"[\t\r\n]")


def host(url: str) -> str:
    """The lower-case host name of an address, without its port; "" when it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_sinas(url: str) -> bool:
    """Whether an address is one of Sina's own."""
    return f".{host(url)}".endswith((".sina.com.cn", ".sina.cn"))


def is_web(url: str) -> bool:
    """Whether an address is an absolute http or https one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def with_query(
    url: str, asked: Mapping[str, object], *, defaults: Mapping[str, object] = MappingProxyType({})
) -> str:
    """An address with parameters in its query.

    :param asked: these win over those of the same names that stand there
    :param defaults: these do not
    """
    parts = urlsplit(url)
    own = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in asked]
    missing = [item for item in defaults.items() if item[0] not in dict(own)]
    return urlunsplit(parts._replace(query=urlencode([*own, *missing, *asked.items()])))


def docid(stated: object, url: str) -> str:
    """An article's identity.

    The docid that a listing states ("comos:nitmeav9622448", measured to be unique in 638,456 addresses but for
    one), else the one in the address, else 16 hex digits of the address's hash, the same for http and https.
    """
    if isinstance(stated, str) and (match := _DOCID.fullmatch(stated.strip())):
        return match[1]
    if match := _DOCID_IN_PATH.search(url):
        return match[1].lower()
    return address_digest(url)


def address_digest(url: str) -> str:
    """What stands for an address: the same for http and https, and without an anchor on the page."""
    page, _, anchor = url.partition("#")
    whole = url if anchor.startswith(("/", "!")) else page  # what a script shows by it is a page of its own
    return digest(whole.partition("://")[2] or whole)


def digest(text: str) -> str:
    """16 hex digits that stand for a text: 64 bits keep a billion of them apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def absolute(base: str, link: str) -> str:
    """``link`` as seen from the page at ``base``; unchanged where it is absolute, or no address at all."""
    link = _LINE_BREAKS.sub("", link).strip(PADDING)
    if link.startswith(("https://", "http://")):
        return link
    if base.startswith(("https://", "http://")) and _WITHOUT_SCHEME.fullmatch(link):
        return f"{base.partition(':')[0]}:{link}"
    try:
        return urljoin(base, link)
    except ValueError:
        return link
