"""Reading addresses, the network one person holds, and which addresses may be banned."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security_logging.addresses.parsing import (
    BANNABLE_WHEN_LISTED,
    NEVER_BANNABLE,
    Address,
    Network,
    NetworkSet,
    is_bannable,
    net_of,
    network_set,
    parse_address,
    parse_network,
    written,
)

NOTHING = NetworkSet()

READABLE = [
    ("203.0.113.7", "203.0.113.7"),
    (" \t203.0.113.7 ", "203.0.113.7"),
    ("203.0.113.7:443", "203.0.113.7"),
    ("2001:DB8::0007", "2001:db8::7"),
    ("[2001:db8::7]", "2001:db8::7"),
    ("[2001:db8::7]:443", "2001:db8::7"),
    ("::ffff:203.0.113.7", "203.0.113.7"),
    ("::FFFF:cb00:7107", "203.0.113.7"),
    ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
    ("::203.0.113.7", "::cb00:7107"),
]

UNREADABLE = [
    ("", "nothing"),
    (" ", "a blank"),
    ("-", "a dash"),
    ("203.0.113.07", "a leading zero"),
    ("203.0.113", "three octets"),
    ("203.0.113.7.8", "five octets"),
    ("203.0.113.256", "an octet above 255"),
    ("3405803783", "a number"),
    ("203.0.113.7/32", "a CIDR range"),
    ("203.0.113.7:", "no port behind the colon"),
    ("203.0.113.7:443443", "six digits of port"),
    ("203.0.113.7:4a", "letters in the port"),
    ("[203.0.113.7]", "IPv4 in brackets"),
    ("[2001:db8::7", "an open bracket"),
    ("[2001:db8::7]443", "no colon before the port"),
    ("2001:db8:::7", "three colons"),
    ("fe80::1%eth0", "a zone id"),
    ("fe80::1%", "an empty zone id"),
    ("[fe80::1%25eth0]:443", "an encoded zone id"),
    ("::ffff:203.0.113.7%1", "a zone id behind a mapped address"),
    ("\uff12\uff10\uff13.0.113.7", "full-width digits"),
    ("203.0.113.\u0667", "an Arabic-Indic digit"),
    ("203.0.113.7\n", "a line feed"),
    ("203.0.113.7\x00", "a NUL"),
    ("\u00a0203.0.113.7", "a no-break space"),
    ("203.0.113.7 8.8.8.8", "two addresses"),
    ("203.0.113.7" + " " * 60, "more than 64 characters"),
    ("localhost", "a name"),
]


@pytest.mark.parametrize(("text", "address"), READABLE)
def test_readable_address(text: str, address: str) -> None:
    """Every spelling of an address becomes the one canonical spelling."""
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
def test_unreadable_address(text: str, why: str) -> None:
    """Whatever is not exactly one address is None."""
    assert parse_address(text) is None, why


@given(st.text() | st.text("0123456789abcdef.:[]%, ", max_size=70))
def test_parsed_text_is_canonical(text: str) -> None:
    """Any text is either no address or one whose own spelling reads as itself."""
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


# Runs of zeros at every place, and what looks like an address and is none.
groups = st.sampled_from(["0", "0000", "1", "ab", "ffff", "12345", "", "1.2.3.4", "01.2.3.4", "1.2.3"])


@given(st.lists(groups, max_size=10).map(":".join))
def test_reads_as_the_standard_library_does(text: str) -> None:
    """What the operating system takes for an address, and which one, is what the standard library does."""
    try:
        address = IPv6Address(text)
    except ValueError:
        assert ":" not in text or parse_address(text) is None or "." in text.partition(":")[0]
    else:
        assert parse_address(text) == (address.ipv4_mapped or address)


@given(st.lists(st.sampled_from([0, 0, 1, 0xABC, 0xFFFF]), min_size=8, max_size=8))
def test_written_as_the_standard_library_does(numbers: list[int]) -> None:
    """The longest run of zero groups, the first of equals and never a single one, becomes "::" (RFC 5952)."""
    address = IPv6Address(b"".join(number.to_bytes(2, "big") for number in numbers))
    if address.ipv4_mapped is None:  # is never written as IPv6
        assert written(address) == str(address)


@given(st.lists(st.sampled_from([0, 0, 1, 0xABC, 0xFFFF]), min_size=8, max_size=8))
def test_net_as_the_standard_library_writes_it(numbers: list[int]) -> None:
    """The network of an IPv6 address is the /64 that the standard library makes of it."""
    address = IPv6Address(b"".join(number.to_bytes(2, "big") for number in numbers))
    assert net_of(address) == str(ip_network((address, 64), strict=False))


@pytest.mark.parametrize("address", ["::", "::1", "::cb00:7107", "2001:db8::5efe:cb00:7107"])
def test_nothing_is_written_as_ipv4(address: str) -> None:
    """What embeds an IPv4 address is written in hexadecimal, whatever the C library makes of it."""
    assert written(IPv6Address(address)) == address


def test_long_texts_fill_no_cache() -> None:
    """A text longer than any address costs one comparison and no memory."""
    assert parse_address("1" * 1_000_000) is None


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.7", "10.0.0.7/32"),
        ("fd00::/8", "fd00::/8"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("2001:db8::c000:200/120", "2001:db8::c000:200/120"),
    ],
)
def test_readable_network(text: str, network: str) -> None:
    """A CIDR range or a single address names a network, a mapped one the IPv4 network."""
    assert parse_network(text) == ip_network(network)


@pytest.mark.parametrize(
    "text", ["10.0.0.7/8", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "fe80::%1/64", "nginx", ""]
)
def test_unreadable_network(text: str) -> None:
    """Bits behind the prefix, masks, zone ids and words are refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_network(text)


addresses = st.ip_addresses()
networks = st.builds(
    lambda address, length: ip_network((address, min(length, address.max_prefixlen)), strict=False),
    addresses,
    st.integers(0, 128),
)


@given(st.lists(networks, max_size=8), addresses)
def test_network_set_agrees_with_ipaddress(listed: list[Network], address: Address) -> None:
    """A set of networks holds an address exactly when one of the networks does."""
    expected = any(network.version == address.version and address in network for network in listed)
    assert (address in NetworkSet(listed)) is expected


def test_wrong_entries_count_for_nothing() -> None:
    """A set made of settings leaves wrong entries out and keeps the others."""
    listed = network_set(("10.0.0.0/33", "nginx", "192.0.2.0/24"))
    assert IPv4Address("192.0.2.9") in listed


ends = [
    (address, reason)
    for network, reason in (*NEVER_BANNABLE, *BANNABLE_WHEN_LISTED)
    for address in (ip_network(network)[0], ip_network(network)[-1])
]


@pytest.mark.parametrize(("address", "reason"), ends)
def test_ends_of_guarded_networks(address: Address, reason: str) -> None:
    """The first and the last address of every row are not bannable."""
    assert not is_bannable(address, NOTHING, NOTHING), reason


@pytest.mark.parametrize(("network", "reason"), BANNABLE_WHEN_LISTED)
def test_listed_networks(network: str, reason: str) -> None:
    """A private network is bannable when the site lists it."""
    assert is_bannable(ip_network(network)[1], network_set((network,)), NOTHING), reason


@pytest.mark.parametrize(("network", "reason"), NEVER_BANNABLE)
def test_listing_cannot_lift_a_guard(network: str, reason: str) -> None:
    """What is never bannable stays so when the site lists it."""
    assert not is_bannable(ip_network(network)[1], network_set((network, "0.0.0.0/0")), NOTHING), reason


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "::203.0.113.7", "fe80::1", "fec0::1", "ff02::1", "100::1", "64:ff9b:1::1", "1fff::1", "4000::1"],
)
def test_only_global_unicast(address: str) -> None:
    """An IPv6 address outside of global unicast is not bannable, listed or not."""
    assert not is_bannable(IPv6Address(address), network_set(("::/0",)), NOTHING)


@pytest.mark.parametrize(
    "address", ["9.255.255.255", "11.0.0.0", "1.0.0.0", "223.255.255.255", "192.0.1.0", "192.0.2.1", "198.20.0.0",
                "198.51.100.1", "203.0.113.7", "2001:db8::1", "3fff::1", "2002:cb00:7107::1", "64:ff9b::203.0.113.7"]
)  # fmt: skip
def test_ordinary_addresses(address: str) -> None:
    """Neighbours of guarded networks and all documentation ranges are bannable."""
    assert is_bannable(ip_address(address), NOTHING, NOTHING)


def test_trusted_proxy() -> None:
    """A trusted proxy is not bannable, also when it lies in a listed network."""
    proxies = network_set(("10.0.0.7",))
    assert not is_bannable(IPv4Address("10.0.0.7"), network_set(("10.0.0.0/8",)), proxies)


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::c633:640a", "2002:7f00:1::", "2002:a00:1::", "2002:c633:640a::1"],
)
def test_embedded_address(address: str) -> None:
    """NAT64 and 6to4 do not hide a loopback, private or proxy address from the guards."""
    assert not is_bannable(IPv6Address(address), NOTHING, network_set(("198.51.100.10",)))


@pytest.mark.parametrize(
    ("address", "net"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2002:cb00:7107:1::9", "2002:cb00:7107:1::/64"),
        ("64:ff9b::cb00:7107", "64:ff9b::cb00:7107"),
        ("2001:0:cb00:7107::9", "2001:0:cb00:7107::9"),
    ],
)
def test_net_of(address: str, net: str) -> None:
    """IPv6 is counted by its /64, but where a /64 holds strangers by the address."""
    assert net_of(ip_address(address)) == net


@given(addresses)
def test_net_holds_its_address(address: Address) -> None:
    """The network of an address contains the address."""
    assert address in ip_network(net_of(address))
