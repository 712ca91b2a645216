"""Internet addresses: reading them strictly, naming the network one person holds, telling which may be banned."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
from socket import AF_INET6, inet_ntop, inet_pton
from typing import TypeAlias

from security_logging.events.fields import Written

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_LENGTH = 64  # characters; the longest address with brackets and port has 53

# A port is read past, because IIS, Azure and a load balancer with client port preservation write one. A zone id
# ("fe80::1%eth0") has no place here: the text after "%" is free, and no address with a zone can be banned.
_FORM = re.compile(
    r"\[(?P<bracketed>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?"
    r"|(?P<four>[0-9.]+)(?::[0-9]{1,5})?"
    r"|(?P<six>[0-9A-Fa-f:.]+)"
)


def parse_address(text: str) -> Address | None:
    """
    Return the one address that a text spells, None when it spells anything else; the text is attacker-controlled.

    Blanks around it, a port and the brackets of RFC 3986 are read past; an IPv4-mapped IPv6 address (RFC 4291,
    section 2.5.5.2) becomes the IPv4 address, so that one client has one spelling.
    """
    return _parse(text) if len(text) <= MAX_LENGTH else None


# An attacker comes back with the same address thousands of times. The length is checked before, so that the cache
# cannot be filled with long texts.
@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    form = _FORM.fullmatch(text.strip(" \t"))
    if form is None:
        return None
    try:
        if form["four"]:
            return IPv4Address(form["four"])
        # The library's own reading takes three times as long, and an attacker may have a new address for each guess.
        address = IPv6Address(int.from_bytes(inet_pton(AF_INET6, form["bracketed"] or form["six"]), "big"))
    except (OSError, ValueError):
        return None
    return address.ipv4_mapped or address


def parse_network(text: str) -> Network:
    """
    Return the network that a setting names as a CIDR range or as a single address.

    Raises ValueError with the reason; a mask in place of the prefix length is refused, for "/0.0.0.255" means two
    things. An IPv4-mapped network becomes the IPv4 network, as `parse_address` does it with addresses.
    """
    prefix_length = text.partition("/")[2]
    if "%" in text or "." in prefix_length:
        raise ValueError(f"{text!r} is neither an address nor a CIDR range")
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        four = network.network_address.ipv4_mapped
        return network if four is None else IPv4Network((four, network.prefixlen - 96))
    return network


class NetworkSet:
    """Networks of both families that answer in about a microsecond whether an address lies in one of them."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        """Sort the networks and merge those that overlap."""
        networks = tuple(networks)
        four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
        six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
        self._ranges = {IPv4Address: _first_and_last(four), IPv6Address: _first_and_last(six)}

    def __contains__(self, address: Address) -> bool:
        """Return whether one of the networks holds the address."""
        first, last = self._ranges[type(address)]
        if not first:
            return False
        number = int(address)
        position = bisect_right(first, number) - 1
        return position >= 0 and number <= last[position]


def _first_and_last(networks: Iterable[Network]) -> tuple[list[int], list[int]]:
    ranges = [(int(network.network_address), int(network.broadcast_address)) for network in networks]
    return [first for first, _ in ranges], [last for _, last in ranges]


@lru_cache(maxsize=32)
def network_set(entries: tuple[str, ...]) -> NetworkSet:
    """Return the networks that a setting lists; wrong entries count for nothing, `address_checks` reports them."""
    return NetworkSet(readable_networks(entries))


def readable_networks(entries: Iterable[str]) -> list[Network]:
    """Return the networks among the entries and leave out what is none."""
    return [network for network in map(_readable, entries) if network]


def _readable(entry: str) -> Network | None:
    try:
        return parse_network(entry)
    except ValueError:
        return None


# Explicit tables instead of `ipaddress.is_private` and its relatives: those change between Python versions, and they
# hold the documentation ranges (RFC 5737, RFC 3849), which must be bannable for the drill and the demo.
NEVER_BANNABLE = (
    ("0.0.0.0/8", "RFC 1122, section 3.2.1.3: this host on this network, never on the wire"),
    ("127.0.0.0/8", "RFC 1122, section 3.2.1.3: loopback"),
    ("169.254.0.0/16", "RFC 3927: link-local, of the next cable only"),
    ("192.0.0.0/24", "RFC 6890: protocol assignments, no client's"),
    ("224.0.0.0/4", "RFC 5771: multicast, never a source"),
    ("240.0.0.0/4", "RFC 1112: reserved, with the broadcast address of RFC 919"),
)
BANNABLE_IPV6 = (
    ("2000::/3", "RFC 4291: global unicast; all around it is loopback, link-local, multicast or reserved"),
    ("64:ff9b::/96", "RFC 6052: clients that have IPv4 only, behind a NAT64"),
    ("fc00::/7", "RFC 4193: unique local, when the site lists them"),
)
BANNABLE_WHEN_LISTED = (
    ("10.0.0.0/8", "RFC 1918: private, most often a proxy or a neighbour container"),
    ("172.16.0.0/12", "RFC 1918: private, with Docker's networks"),
    ("192.168.0.0/16", "RFC 1918: private"),
    ("100.64.0.0/10", "RFC 6598: carrier-grade NAT, of one provider only"),
    ("198.18.0.0/15", "RFC 2544: benchmarks in a laboratory"),
    ("fc00::/7", "RFC 4193: unique local"),
)
_NEVER = network_set(tuple(network for network, _ in NEVER_BANNABLE))
_IPV6 = network_set(tuple(network for network, _ in BANNABLE_IPV6))
_WHEN_LISTED = network_set(tuple(network for network, _ in BANNABLE_WHEN_LISTED))

# Here a /64 holds the clients of everybody: in a NAT64 network (RFC 6052) the whole of IPv4, in Teredo (RFC 4380) all
# users of one relay server.
_EMBEDDING = network_set(("64:ff9b::/96", "2002::/16"))  # NAT64, 6to4
_ONE_BY_ONE = network_set(("64:ff9b::/96", "2001::/32"))


def is_bannable(address: Address, listed: NetworkSet, trusted: NetworkSet) -> bool:
    """
    Return whether a ban of this address can only hit a client.

    `listed` are the ranges of BANNABLE_NETWORKS, `trusted` the proxies. An address that embeds an IPv4 address which
    is not bannable (6to4, NAT64) is not bannable either.
    """
    if address in trusted or address in _NEVER:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if address not in _IPV6 or (inner is not None and not is_bannable(inner, listed, trusted)):
            return False
    return address in listed if address in _WHEN_LISTED else True


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address not in _EMBEDDING:
        return None
    return address.sixtofour or IPv4Address(int(address) & 0xFFFFFFFF)


def written(address: Address) -> Written:
    """Return the address as it is written everywhere; IPv6 as RFC 5952, section 4, has it."""
    if isinstance(address, IPv4Address):
        return Written(address)
    # The system's own function, since `ipaddress` takes five times as long, and an attacker may have a new address for
    # each guess. Of some it writes the end like an IPv4 address.
    text = inet_ntop(AF_INET6, address.packed)
    return Written(address if "." in text else text)


def net_of(address: Address) -> Written:
    """
    Return the network that the holder of an address holds with it: the /64 in IPv6, the address itself in IPv4.

    Who has one IPv6 address has at least 2**64 of them (RFC 6177), and Fail2ban cannot sum them up by itself.
    """
    if isinstance(address, IPv4Address) or address in _ONE_BY_ONE:
        return written(address)
    # As in written(); with half of it zeros, nothing is left that could look like an IPv4 address.
    return Written(f"{inet_ntop(AF_INET6, address.packed[:8] + bytes(8))}/64")


def holds(outer: Network, inner: Network) -> bool:
    """Return whether all addresses of the inner network are in the outer one; never for different families."""
    return (
        outer.version == inner.version
        and int(outer.network_address) <= int(inner.network_address)
        and int(outer.broadcast_address) >= int(inner.broadcast_address)
    )
