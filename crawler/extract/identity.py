"""Which article a page is: whether Sina shows another article at the address of one. Pure.

Sina redirects addresses to other articles, and sometimes answers with another article's page. Such a page names its
own document: in the meta ``publishid`` (the docid, on all pages since 2014), in ``og:url`` and in the canonical link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from archive.model.feed import Entry
from crawler.errors import MovedError
from crawler.urls import DIGEST, absolute, address_digest, docid_of_page, former_digest, host, is_sina_url

# Sina's docids are letters, then digits: "mcwiwss7730811". Pages before 2014 have other numbers as publishid:
# "28,3,2762951".
_DOCID = re.compile(r"(?:comos[:-])?([a-z]{2,32}\d{4,20})", re.ASCII)
_SEPARATOR = re.compile(r"[,;|\s]+")
_PUBLISHID = 'meta[name="publishid" i]'
_ADDRESSES = (
    ('meta[property="og:url" i]', "content", "og:url"),
    ('meta[name="og:url" i]', "content", "og:url"),
    ('link[rel~="canonical" i]', "href", "canonical address"),
)


def other_article(url: str, entry: Entry, tree: LexborHTMLParser) -> MovedError | None:
    """Return which other article a page is; None if it is the entry's, or names no document.

    The publishid decides where there is one, because it is the document's own id. Else the addresses that the page
    gives for itself do, and else its own address. Where several disagree, one that names the entry is enough. See
    D142.

    :param url: the page's address, after redirects
    """
    own = _own_docids(entry)
    if not own:
        return None
    stated = list(_publishids(tree)) or list(_addresses(url, entry, tree))
    if not stated and (target := docid_of_page(url)) and _is_same_site(url, entry.url):
        stated = [(target, "")]
    if not stated or any(_is_same(docid, each) for docid, _ in stated for each in own):
        return None
    docid, evidence = stated[0]
    target = docid_of_page(url)
    if target and not any(_is_same(target, each) for each in own):
        docid = target if _is_same(docid, target) else docid
        return MovedError(docid, f"a redirect to the page of document {docid}, {url[:200]}")
    return MovedError(docid, f"it is the page of document {docid}, by its {evidence}")


def _own_docids(entry: Entry) -> set[str]:
    """Return the docids under which Sina knows an entry; empty if its page cannot be compared.

    Pages of other sites, and those that an address digest identifies, have no docid of Sina's.
    """
    if entry.foreign or entry.content is not None:
        return set()
    own = {docid_of_page(entry.url)} - {None}
    if (match := _DOCID.fullmatch(entry.docid.lower())) and not _is_digest(entry):
        own.add(match[1])
    return {each for each in own if each}


def _is_digest(entry: Entry) -> bool:
    """Return whether an entry's docid is a digest of its address. Few docids look like one, and digests are slow."""
    may_be = DIGEST.fullmatch(entry.docid)
    return bool(may_be) and entry.docid in (address_digest(entry.url), former_digest(entry.url))


def _publishids(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for node in tree.css(_PUBLISHID):
        for value in _SEPARATOR.split((node.attributes.get("content") or "").strip().lower()):
            if match := _DOCID.fullmatch(value):
                yield match[1], "publishid"


def _addresses(url: str, entry: Entry, tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for selector, attribute, name in _ADDRESSES:
        for node in tree.css(selector):
            address = absolute(url, node.attributes.get(attribute) or "")
            if _is_same_site(address, entry.url) and (docid := docid_of_page(address)):
                yield docid, f"{name}, {address[:200]}"


def _is_same_site(address: str, listed: str) -> bool:
    return is_sina_url(address) or host(address) == host(listed)


def _is_same(one: str, other: str) -> bool:
    """Return whether two docids are the same, with or without the "i" that stands before one in an address."""
    return one in (other, f"i{other}") or other == f"i{one}"
