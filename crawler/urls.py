"""Rules for URLs: identity, absolute form, host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from crawler.canonical_url import canonical_form

# /stock/2026-09-29/doc-initmeav9622448.shtml, and the mobile detail-i....d.html
_DOCID_IN_PATH = re.compile(r"/(?:doc|detail)-i([a-z0-9]{4,40})\.", re.IGNORECASE | re.ASCII)
_DOCID = re.compile(r"(?:comos:)?([A-Za-z0-9]{4,40})")
# The same in a path: of the first page, and of further ones, which end with _2.shtml.
_DOCID_OF_PAGE = re.compile(r"/(?:doc|detail)-i([a-z0-9]{4,40})(?![a-z0-9])", re.IGNORECASE | re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{16}")  # the form of :func:`digest`
PADDING = "".join(map(chr, range(0x21)))  # exactly the characters that browsers strip from both ends of a URL
# Nearly all image URLs of Sina: a host and a path. Making it absolute only adds the scheme.
_WITHOUT_SCHEME = re.compile(r"//[a-z0-9.-]+/[\w./-]*", re.ASCII)
_LINE_BREAKS = re.compile(r"[\t\r\n]")


def host(url: str) -> str:
    """Return the lower-case host name of a URL, without its port; "" if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def has_credentials(url: str) -> bool:
    """Return whether a URL has a user or a password before its host; also if it cannot be parsed."""
    try:
        return "@" in urlsplit(url).netloc
    except ValueError:
        return True


def is_url(text: str) -> bool:
    """Return whether a text can be taken apart as a URL."""
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True


def path(url: str) -> str:
    """Return the path of a URL; "" if it has none, or is not a URL."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def is_sina_url(url: str) -> bool:
    """Return whether a URL belongs to Sina."""
    return f".{host(url)}".endswith((".sina.com.cn", ".sina.cn"))


def is_web(url: str) -> bool:
    """Return whether a URL is absolute and has the scheme http or https."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def with_query(
    url: str, parameters: Mapping[str, object], *, defaults: Mapping[str, object] = MappingProxyType({})
) -> str:
    """Return a URL with parameters added to its query.

    :param parameters: replace parameters of the same names
    :param defaults: do not replace them
    """
    parts = urlsplit(url)
    own = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in parameters]
    missing = [item for item in defaults.items() if item[0] not in dict(own)]
    return urlunsplit(parts._replace(query=urlencode([*own, *missing, *parameters.items()])))


def docid(stated: object, url: str) -> str:
    """Return an article's identity.

    The docid that a listing states ("comos:nitmeav9622448"; measured on 638,456 URLs: unique with one exception),
    else the one in the URL, else 16 hex digits of the URL's hash, the same for http and https.

    :param stated: the docid in the listing, of any type
    """
    if isinstance(stated, str) and (match := _DOCID.fullmatch(stated.strip())):
        return match[1]
    if match := _DOCID_IN_PATH.search(url):
        return match[1].lower()
    return address_digest(url)


def docid_of_page(url: str) -> str | None:
    """Return the docid in the path of an article's URL, in lower case; None if the path has none.

    The query does not count: a login page has the address to return to in its query.
    """
    match = _DOCID_OF_PAGE.search(path(url))
    return match[1].lower() if match else None


def possible_docids(text: str) -> tuple[str, ...]:
    """Return the docids that the archive may have for an article at an address, the most likely first.

    :param text: as people type it: the scheme may be missing if there is a slash after the host
    :return: () if it is no address
    """
    text = text.strip()
    if "://" not in text:
        host_name, slash, _ = text.partition("/")
        if not slash or "." not in host_name.strip(".") or not text.isascii():
            return ()
        text = f"https://{text}"
    if not is_web(text) or any(map(str.isspace, text)):
        return ()
    stated = docid_of_page(text)
    return tuple(dict.fromkeys((*([stated] if stated else []), address_digest(text), former_digest(text))))


def address_digest(url: str) -> str:
    """Return 16 hex digits that identify the page of a URL, by its canonical form."""
    return digest(canonical_form(url))


def former_digest(url: str) -> str:
    """Return the digest of a URL as versions before 0.12 computed it: the same for http and https, no fragment.

    Archives know articles by it. See D200.
    """
    page, _, anchor = url.partition("#")
    whole = url if anchor.startswith(("/", "!")) else page  # a fragment that a script reads selects a page
    return digest(whole.partition("://")[2] or whole)


def digest(text: str) -> str:
    """Return 16 hex digits that identify a text: 64 bits distinguish a billion of them."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def absolute(base: str, link: str) -> str:
    """Return ``link`` resolved against the page at ``base``; unchanged if it is absolute, or not a URL."""
    link = _LINE_BREAKS.sub("", link).strip(PADDING)
    if link.startswith(("https://", "http://")):
        return link
    if base.startswith(("https://", "http://")) and _WITHOUT_SCHEME.fullmatch(link):
        return f"{base.partition(':')[0]}:{link}"
    try:
        return urljoin(base, link)
    except ValueError:
        return link
