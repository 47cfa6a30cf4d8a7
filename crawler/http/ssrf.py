"""Protection from server-side request forgery: no connections to private addresses.

Addresses are checked after DNS, when a connection is opened, so the check covers redirects too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Self, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from archive.model.hosts import is_public

# Benchmark addresses (RFC 2544). Proxy clients answer every name with one of them, so they say nothing of the name.
_PLACEHOLDERS = ipaddress.ip_network("198.18.0.0/15")
LOOKUP_SECONDS = 3.0  # behind a proxy there may be no resolver, and a request must not wait for it
LOOKUP_AGE_SECONDS = 300.0  # so that not every request waits; a name rarely changes faster
MAX_KNOWN_NAMES = 1024  # names come from pages, so their number is bounded
ALLOW_PRIVATE = "FINARCHIVE_ALLOW_PRIVATE"  # the Scrapy setting that turns the check off

# Refused addresses, for messages: host name -> address. It has at most one entry per requested host.
refused: dict[str, str] = {}


Lookup = Callable[[str], Awaitable[Iterable[str]]]


class LocalNames:
    """What this machine's resolver says of names that a proxy will resolve.

    The proxy may resolve them differently, so this cannot prove that a name is public. See D181.

    :param lookup: returns the addresses of a name; raises OSError if it finds none
    :param now: a monotonic clock, in seconds
    """

    def __init__(self, lookup: Lookup | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._lookup = lookup or _addresses_of
        self._now = now
        self._known: dict[str, tuple[float, str | None]] = {}  # host -> when it expires, its private address

    async def private_address(self, host: str) -> str | None:
        """Return a private address of a host; None if it has none, or if nothing is known of it in time."""
        expires, address = self._known.get(host, (0.0, None))
        if self._now() < expires:
            return address
        try:
            addresses = await asyncio.wait_for(self._lookup(host), LOOKUP_SECONDS)
        except (OSError, UnicodeError):  # a time-out is an OSError
            addresses = ()
        address = next((each for each in addresses if not is_public(each) and not _stands_for_any_name(each)), None)
        if len(self._known) >= MAX_KNOWN_NAMES:
            del self._known[next(iter(self._known))]
        self._known[host] = self._now() + LOOKUP_AGE_SECONDS, address
        return address


async def _addresses_of(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _stands_for_any_name(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]) in _PLACEHOLDERS


@implementer(IHostnameResolver)
class GuardedResolver:
    """Resolves host names as the reactor does, and passes on only public addresses.

    Twisted resolves address literals in the same way, so every connection is checked. Proxies that the user has set
    in the environment (``http_proxy``) may be private. See D7.
    """

    def __init__(self, reactor: ReactorBase, allow_private: bool) -> None:
        self._reactor = reactor
        self._resolver: Any = reactor.nameResolver  # an IHostnameResolver; mypy does not know zope's interfaces
        self._allow_private = allow_private
        self._proxies = {_host_and_port(address) for address in getproxies().values()}

    # Undocumented in Scrapy 2.19: these two methods, with which it creates and installs its TWISTED_DNS_RESOLVER.
    @classmethod
    def from_crawler(cls, crawler: Any, reactor: ReactorBase) -> Self:
        """Create the resolver. Scrapy calls this for its TWISTED_DNS_RESOLVER."""
        return cls(reactor, crawler.settings.getbool(ALLOW_PRIVATE))

    def install_on_reactor(self) -> None:
        """Install the resolver. Scrapy calls this once."""
        self._reactor.installNameResolver(cast(Any, self))

    def resolveHostName(  # noqa: N802 - Twisted's name
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """See IHostnameResolver."""
        receiver = resolutionReceiver
        refused.pop(hostName.lower(), None)
        if not _can_be_resolved(hostName):
            unresolved = _NoResolution(hostName)
            receiver.resolutionBegan(unresolved)
            receiver.resolutionComplete()
            return unresolved
        if not self._allow_private and (hostName.lower(), portNumber) not in self._proxies:
            receiver = _PublicOnly(resolutionReceiver, hostName)
        return self._resolver.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


def _can_be_resolved(host: str) -> bool:
    """Return False for a name that Python's resolver raises an error for, which Twisted 26 does not handle."""
    try:
        host.encode("idna")
    except UnicodeError:  # a label of more than 63 characters, or an empty one
        return False
    return True


@implementer(IHostResolution)
class _NoResolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """See IHostResolution; nothing is in progress."""


@implementer(IResolutionReceiver)
class _PublicOnly:
    def __init__(self, receiver: Any, host: str) -> None:
        self._receiver = receiver
        self._host = host

    def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802 - Twisted's names
        self._receiver.resolutionBegan(resolution)

    def resolutionComplete(self) -> None:  # noqa: N802
        self._receiver.resolutionComplete()

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        if is_public(address.host):
            self._receiver.addressResolved(address)
        else:
            refused[self._host.lower()] = address.host


def _host_and_port(proxy: str) -> tuple[str, int]:
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
