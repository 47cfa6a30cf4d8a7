"""Which items of a feed are one article. Pure. See D200.

An item is identified by its address, because several feeds list the same page. Its guid, which is the feed's own id
for it, decides in two cases: several items share an address, and an item that is known has another address now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set

from msgspec.structs import replace

from archive.model.feed import Entry
from archive.model.identity import Identities, IdentityQuery
from crawler.urls import digest, former_digest, path

_MAX_GUID_CHARS = 512  # a guid that a feed states is as long at most


def query_of(entries: Iterable[Entry]) -> IdentityQuery | None:
    """Return what must be known to identify entries; None if nothing: their docids are stated."""
    ours = [_with_guid(entry) for entry in entries if _has_address_digest(entry)]
    if not ours:
        return None
    former = {former_digest(entry.url) for entry in ours} - {entry.docid for entry in ours}
    return IdentityQuery(
        tuple({entry.guid for entry in ours if entry.guid}),
        tuple({entry.docid for entry in ours}),
        tuple(former),
    )


def identify(entries: Sequence[Entry], known: Identities) -> tuple[Entry, ...]:
    """Return entries with the docids of their articles, in their order.

    :param entries: of one page of a list; the docid of each is the digest of its address, or is stated
    """
    entries = [_with_guid(entry) if _has_address_digest(entry) else entry for entry in entries]
    ours = [entry for entry in entries if _has_address_digest(entry)]
    if not ours:
        return tuple(entries)
    guids = _own_guids(ours)
    shared = _shared_links(ours, guids) | known.links
    return tuple(
        _identified(entry, guids, shared, known) if _has_address_digest(entry) else entry for entry in entries
    )


def _identified(entry: Entry, guids: Set[str], shared: Set[str], known: Identities) -> Entry:
    guid, is_shared = entry.guid if entry.guid in guids else None, entry.docid in shared
    if is_shared:  # the page is not the item's own, so the text in the feed is all that there is
        entry = replace(entry, link=entry.docid, content=entry.content or entry.listed_text)
    if guid and guid in known.guids:
        docid, url = known.guids[guid]
        # An address with a new session id at each poll would be recorded as a move at each.
        return replace(entry, docid=docid, url=url if entry.content is not None else entry.url)
    if is_shared:
        return replace(entry, docid=digest(f"{entry.link} {guid or _words(entry)}"))
    former = former_digest(entry.url)
    return replace(entry, docid=former) if former in known.docids else entry


def _with_guid(entry: Entry) -> Entry:
    """Return an entry with a guid. An anchor on a page serves as one: the canonical address does not have it."""
    if entry.guid or "#" not in entry.url or entry.url.endswith("#"):
        return entry
    return replace(entry, guid=entry.url[:_MAX_GUID_CHARS])


def _has_address_digest(entry: Entry) -> bool:
    """Return whether an entry's docid was computed from its address. Sina's pages state theirs."""
    return entry.foreign


def _own_guids(entries: Iterable[Entry]) -> set[str]:
    """Return the guids that one item only has. Others identify nothing, for example "N/A"."""
    items = defaultdict(set)
    for entry in entries:
        if entry.guid:
            items[entry.guid].add((entry.docid, _words(entry)))
    return {guid for guid, each in items.items() if len(each) == 1}


def _shared_links(entries: Iterable[Entry], guids: Set[str]) -> set[str]:
    """Return the digests of the addresses that several items share, and of front pages, which are no article's."""
    items = defaultdict(set)
    for entry in entries:
        items[entry.docid].add(entry.guid if entry.guid in guids else _words(entry))
    front = {entry.docid for entry in entries if path(entry.url) in ("", "/") and "?" not in entry.url}
    return {link for link, each in items.items() if len(each) > 1} | front


def _words(entry: Entry) -> str:
    """Return what distinguishes an item from others: its title, or the beginning of its text if it has none."""
    return " ".join((entry.title or (entry.content or entry.listed_text or "")[:200]).split())
