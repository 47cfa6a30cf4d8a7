"""Which addresses and hosts are public, and which belong to this machine or to a private network. Pure."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from urllib.parse import unquote

# The network into which NAT64 gateways map IPv4 (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# The only IPv6 addresses allocated so far, and the part of them reserved for documentation (RFC 9637).
_IPV6_ALLOCATED = ipaddress.ip_network("2000::/3")
_IPV6_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
# Domains that are not in public DNS: RFC 6761, 6762 and 8375, ICANN's reserved .internal, and what routers invent.
_PRIVATE_DOMAINS = (
    ".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".home", ".corp", ".intranet",
    ".private", ".test",
)  # fmt: skip


def is_public(address: str) -> bool:
    """Return whether an IP address is reachable from anywhere on the internet.

    Loopback, private, link-local, CGNAT, multicast, reserved and documentation addresses are not, nor are IPv6
    addresses that embed such an IPv4 address.
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
        if ip not in _IPV6_ALLOCATED or ip in _IPV6_DOCUMENTATION:
            return False
    return ip.is_global and not ip.is_multicast


def names_private(host: str) -> bool:
    """Return whether a host is a private address or a name of a private network, without DNS.

    For requests through a proxy, which resolves their names. An address counts in each spelling that some resolver or
    proxy reads as one: 127.1, 0x7f000001, full-width digits, percent-encoding.
    """
    name = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").lower().strip("[]").rstrip(".")
    if ":" in name:
        return not is_public(name)
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        # A name without a dot is completed by a search list.
        return bool(name) and ("." not in name or name.endswith(_PRIVATE_DOMAINS))
