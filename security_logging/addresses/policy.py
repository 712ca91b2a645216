"""What the settings say of an address: whether it is trusted, shared by strangers, or may be banned."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from security_logging.addresses.headers import meta_key, text_of
from security_logging.addresses.parsing import (
    MAX_LENGTH,
    Address,
    NetworkSet,
    is_bannable,
    net_of,
    network_set,
    parse_address,
    written,
)
from security_logging.addresses.proxies import shared_networks, trusted_proxies
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN, Written


class Policy(NamedTuple):
    """What the settings say of addresses; the names of headers are those in META."""

    proxies: NetworkSet
    unix: bool
    header: str
    listed: NetworkSet
    shared: NetworkSet
    egress: NetworkSet
    programs: tuple[tuple[str, NetworkSet], ...]


class Judged(NamedTuple):
    """
    What is known of one text: the address it spells, how that and its network are written, whom it belongs to.

    `is_shared`: strangers can rent it. `is_egress`: it stands for a stranger's program.
    """

    address: Address | None
    ip: Written
    net: Written
    is_trusted: bool = False
    is_shared: bool = False
    is_egress: bool = False


NOBODY = Judged(None, Written(UNKNOWN), Written(UNKNOWN))


def present_policy() -> Policy:
    """Return what the settings say now."""
    trusted, listed = conf.TRUSTED_PROXIES, conf.BANNABLE_NETWORKS
    if not trusted and not listed:
        return _ALONE
    return _policy_of(
        _texts(trusted),
        text_of(conf.PROXY_RANGES_FILE),
        text_of(conf.CLIENT_IP_HEADER),
        _texts(listed),
        _texts(conf.SHARED_PROXIES),
    )


def forwarding_key() -> str:
    """Return the name under which META holds the one header in which a trusted proxy names its client."""
    ranges, header = text_of(conf.PROXY_RANGES_FILE), text_of(conf.CLIENT_IP_HEADER)
    return meta_key(header or trusted_proxies(_texts(conf.TRUSTED_PROXIES), ranges).header)


def judge(text: str, policy: Policy) -> Judged:
    """Return what is known of a text, which a client may have written."""
    return _judged(text, policy) if len(text) <= MAX_LENGTH else NOBODY  # the cache must not fill with long texts


@lru_cache(maxsize=4096)  # who attacks comes back
def _judged(text: str, policy: Policy) -> Judged:
    address = parse_address(text)
    if address is None:
        return NOBODY
    ip, net = UNKNOWN, UNKNOWN
    if is_bannable(address, policy.listed, policy.proxies):  # else a ban of it could hit another client
        ip, net = written(address), net_of(address)
    return Judged(
        address,
        Written(ip),
        Written(net),
        address in policy.proxies,
        address in policy.shared,
        address in policy.egress,
    )


@lru_cache(maxsize=32)
def _policy_of(
    entries: tuple[str, ...],
    ranges: str | None,
    header: str | None,
    listed: tuple[str, ...],
    shared_entries: tuple[str, ...],
) -> Policy:
    proxies, shared = trusted_proxies(entries, ranges), shared_networks(shared_entries, ranges)
    return Policy(
        proxies.networks,
        proxies.unix,
        meta_key(header or proxies.header),
        network_set(listed),
        shared.networks,
        shared.egress,
        tuple((meta_key(name), networks) for name, networks in shared.programs),
    )


def _texts(value: object) -> tuple[str, ...]:
    # A single text where a list belongs would be read letter by letter; like all that is wrong it counts for nothing.
    return tuple(map(str, value)) if isinstance(value, (tuple, list, set, frozenset)) else ()


_ALONE = _policy_of((), None, None, (), ())  # of a site with nothing in front: no header is read
