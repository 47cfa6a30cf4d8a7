"""What identifies the items of a feed. Frozen records."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Identities(Struct, frozen=True):
    """What the index knows of the items of a feed."""

    guids: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # guid -> docid and address
    links: frozenset[str] = frozenset()  # digests of addresses that items of the feed share
    docids: frozenset[str] = frozenset()  # those of the digests asked for that are docids


class IdentityQuery(Struct, frozen=True):
    """What the index must be asked about a page of a list."""

    guids: tuple[str, ...]
    links: tuple[str, ...]
    docids: tuple[str, ...]  # digests of addresses as older versions computed them
