"""Which addresses may be connected to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from archive.model.hosts import is_public, names_private
from crawler.http import ssrf
from crawler.http.ssrf import LOOKUP_AGE_SECONDS, GuardedResolver, LocalNames


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "123.125.104.26", "172.15.255.255", "172.32.0.1", "192.167.255.255", "100.63.255.255",
        "100.128.0.1", "169.253.255.255", "223.255.255.255", "2606:4700::1111", "2400:3200::1", "240e::1",
        "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        # this network, loopback, private, link-local with the clouds' metadata, CGNAT
        "0.0.0.0", "0.1.2.3", "127.0.0.1",  # noqa: S104
        "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "169.254.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
        # documentation, benchmarks, multicast, reserved, broadcast
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255",
        # the same of IPv6
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "100::1",
        "2001:db8::1",
        # IPv6 that embeds IPv4: mapped, 6to4, NAT64, Teredo (which has the client's address inverted)
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        # no addresses at all
        "", "localhost", "sina.com.cn", "127.1", "2130706433", "1.1.1.1.", "256.1.1.1", "1.1.1.1/8", ":::",
    ],
)  # fmt: skip
def test_other_addresses_may_not_be_connected_to(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "fec0::1",  # site-local, deprecated, still routed in old networks
        "::127.0.0.1",  # IPv4-compatible
        "::ffff:0:127.0.0.1",  # IPv4-translated (SIIT)
        "64:ff9b:1::7f00:1",  # NAT64 inside a network (RFC 8215)
        "3fff::1",  # documentation (RFC 9637)
        "5f00::1",  # segment routing (RFC 9602)
    ],
)
def test_others_of_ipv6_that_are_not_of_the_internet_may_not_either(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.0.0.1", "10.1.2.3", "::1", "fd00::1", "::ffff:a00:1"]
)
def test_a_name_that_is_a_private_address_is_recognized_without_dns(host: str) -> None:
    assert names_private(host)


@pytest.mark.parametrize("host", ["finance.sina.com.cn", "1.1.1.1", "2606:4700::1111", "localhost.sina.com.cn", ""])
def test_other_names_are_for_the_resolver(host: str) -> None:
    assert not names_private(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost.", "127.0.0.1.", "127.0.0.1..", "LOCALHOST",
        "１２７.０.０.１", "127。0。0。1", "127．0．0．1", "①②⑦.0.0.1", "%31%32%37.0.0.1", "l%6fcalhost", "[::1]",
        "fe80::1%25eth0", "%5b::1%5d", "10.1", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "025177524776",
    ],
)  # fmt: skip
def test_other_spellings_of_private_addresses_are_known_as_well(host: str) -> None:
    assert names_private(host)


class _Names:
    """A fake of the reactor's resolver with one name, and a receiver that records its results."""

    def __init__(self, *addresses: Any) -> None:
        self.addresses = addresses
        self.received: list[str] = []
        self.nameResolver = self  # what the guard takes from a reactor

    def resolveHostName(self, receiver: Any, *_: Any) -> None:  # noqa: N802 - Twisted's name
        receiver.resolutionBegan(self)
        for address in self.addresses:
            receiver.addressResolved(address)
        receiver.resolutionComplete()

    def resolutionBegan(self, _: Any) -> None:  # noqa: N802
        self.received.append("began")

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self.received.append(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802
        self.received.append("complete")


def resolved(host: str, *addresses: Any, allow_private: bool = False, port: int = 80) -> list[str]:
    names: Any = _Names(*addresses)
    GuardedResolver(names, allow_private).resolveHostName(names, host, port)
    return names.received[1:-1]


PUBLIC, PRIVATE = IPv4Address("TCP", "1.1.1.1", 80), IPv4Address("TCP", "10.0.0.1", 80)
LOOPBACK6 = IPv6Address("TCP", "::1", 80)


def test_only_public_addresses_of_a_name_are_passed_on_and_the_others_remembered() -> None:
    ssrf.refused.pop("mixed.example.com", None)
    assert resolved("Mixed.Example.com", PUBLIC, PRIVATE, LOOPBACK6) == ["1.1.1.1"]
    assert ssrf.refused.pop("mixed.example.com") in {"10.0.0.1", "::1"}


def test_a_name_with_private_addresses_only_resolves_to_nothing() -> None:
    assert resolved("private.example.com", PRIVATE, LOOPBACK6) == []
    del ssrf.refused["private.example.com"]


@pytest.mark.parametrize("host", [f"{'a' * 300}.example", "a..example", "\u3002x"])
def test_a_name_that_cannot_be_resolved_resolves_to_nothing(host: str) -> None:
    """Python's resolver raises an error for it, and Twisted would leave the request waiting."""
    assert resolved(host, PUBLIC) == []


def test_all_addresses_are_passed_on_when_private_ones_are_allowed() -> None:
    assert resolved("a.example.com", PUBLIC, PRIVATE, allow_private=True) == ["1.1.1.1", "10.0.0.1"]


def test_a_proxy_that_the_user_has_set_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example.com:3128")
    assert resolved("proxy.example.com", PRIVATE, port=3128) == ["10.0.0.1"]
    assert resolved("proxy.example.com", PRIVATE, port=80) == []
    ssrf.refused.pop("proxy.example.com", None)


@pytest.mark.parametrize(
    "host",
    [
        "intranet", "router", "db.internal", "printer.local", "nas.lan", "a.b.home.arpa", "www.corp", "x.localdomain",
        "metadata.google.internal", "A.LOCAL.", "x.intranet", "kubernetes.default.svc.cluster.local",
    ],
)  # fmt: skip
def test_names_of_private_networks_are_known(host: str) -> None:
    assert names_private(host)


@pytest.mark.parametrize("host", ["internal.example.com", "local.sina.cn", "thelocal", "lan.example.org"])
def test_names_that_resemble_them_are_not(host: str) -> None:
    assert names_private(host) is ("." not in host)


class Lookups:
    """A resolver with a few names, which counts its calls."""

    def __init__(self, **names: list[str]) -> None:
        self.names, self.calls = names, 0

    async def __call__(self, host: str) -> Iterable[str]:
        self.calls += 1
        if host == "slow":
            raise TimeoutError
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("public", None), ("private", "10.0.0.1"), ("mixed", "::1"), ("scoped", "fe80::1%eth0"), ("unknown", None),
        ("slow", None), ("placeholder", None),
    ],
)  # fmt: skip
def test_a_name_that_resolves_to_a_private_address_here_is_known(host: str, address: str | None) -> None:
    lookup = Lookups(
        public=["1.1.1.1", "2606:4700::1111"], private=["10.0.0.1"], mixed=["1.1.1.1", "::1"],
        scoped=["fe80::1%eth0"], placeholder=["198.18.0.7"],  # what proxy clients answer to every name
    )  # fmt: skip
    names = LocalNames(lookup)
    assert asyncio.run(names.private_address(host)) == address
    assert asyncio.run(names.private_address(host)) == address
    assert lookup.calls == 1, "the answer is kept"


def test_an_answer_of_the_resolver_is_asked_again_when_it_is_old() -> None:
    lookup, clock = Lookups(host=["1.1.1.1"]), itertools.count(step=LOOKUP_AGE_SECONDS + 1)
    names = LocalNames(lookup, lambda: float(next(clock)))
    assert asyncio.run(names.private_address("host")) is None
    lookup.names["host"] = ["192.168.0.1"]
    assert asyncio.run(names.private_address("host")) == "192.168.0.1"


def test_the_resolver_of_this_machine_is_asked() -> None:
    assert asyncio.run(LocalNames().private_address("localhost")) in ("127.0.0.1", "::1")
