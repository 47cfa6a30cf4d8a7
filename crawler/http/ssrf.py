"""Which addresses may be connected to: checked after DNS, at the moment of connecting, so also on each redirect."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Self, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

# The network that NAT64 gateways map IPv4 into (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# The only IPv6 addresses given out so far, and a part of them kept for documentation (RFC 9637).
_IPV6_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_IPV6_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
ALLOW_PRIVATE = "FINARCHIVE_ALLOW_PRIVATE"  # the Scrapy setting that turns the check off

# What was refused, for the messages: host name -> address. Grows with the hosts that are asked for only.
refused: dict[str, str] = {}


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet could ask for.

    Loopback, private, link-local, CGNAT, multicast, reserved and documentation addresses are not, nor are IPv6
    addresses that stand for such an IPv4 one.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _IPV6_GIVEN_OUT or ip in _IPV6_DOCUMENTATION:
            return False
    return ip.is_global and not ip.is_multicast


def names_private(host: str) -> bool:
    """Whether a host name, without asking DNS, is a private address: for requests through a proxy, which asks."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        # Takes 127.1 and 0x7f000001 too, as resolvers do.
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        return ":" in name and not is_public(name)


@implementer(IHostnameResolver)
class GuardedResolver:
    """Resolves host names as the reactor does, and passes on only the addresses that may be connected to.

    Twisted resolves address literals in the same way, so every connection passes here. The proxies that the user
    has set in the environment (``http_proxy``) may be private. See D7.
    """

    def __init__(self, reactor: ReactorBase, allow_private: bool) -> None:
        self._reactor = reactor
        self._resolver: Any = reactor.nameResolver  # an IHostnameResolver; zope's interfaces tell mypy nothing
        self._allow_private = allow_private
        self._proxies = {_host_and_port(address) for address in getproxies().values()}

    # Undocumented in Scrapy 2.19: these two methods, by which it makes and installs its TWISTED_DNS_RESOLVER.
    @classmethod
    def from_crawler(cls, crawler: Any, reactor: ReactorBase) -> Self:
        """Scrapy's way to make its TWISTED_DNS_RESOLVER."""
        return cls(reactor, crawler.settings.getbool(ALLOW_PRIVATE))

    def install_on_reactor(self) -> None:
        """Scrapy's way to put it in place."""
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
        if not self._allow_private and (hostName.lower(), portNumber) not in self._proxies:
            receiver = _PublicOnly(resolutionReceiver, hostName)
        return self._resolver.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


@implementer(IResolutionReceiver)
class _PublicOnly:
    def __init__(self, receiver: Any, host: str) -> None:
        self._receiver, self._host = receiver, host

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
