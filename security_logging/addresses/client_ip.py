"""The address of the client: the TCP peer, or what the trusted proxies vouch for, and never what a client claims."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

from django.http import HttpRequest
from django.utils.module_loading import import_string
from ipware import get_client_ip

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
from security_logging.addresses.proxies import trusted_proxies
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN, Written

internal = logging.getLogger("security_logging.internal")

MAX_HOPS = 16  # entries of the header, from the right
MAX_HEADER = 8192  # characters, from the right; python-ipware took 2.2 ms for one of that length
MAX_CLAIM = 512  # characters of each header that the claimed address is guessed from, from the left
MAX_CLAIM_HOPS = 8  # entries of each, from the left

# Headers in which proxies and platforms name the client, and in which anybody can name anybody.
FORWARDING_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_CLIENT_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_FORWARDED",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_FORWARDED_FOR",
    "HTTP_FORWARDED",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_FLY_CLIENT_IP",
    "HTTP_X_APPENGINE_USER_IP",
    "HTTP_X_AZURE_CLIENTIP",
    "HTTP_DO_CONNECTING_IP",
    "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
)

# Why an address is unknown.
NO_PEER = "no_peer"  # no readable TCP peer, and unix sockets are not trusted
NOT_BANNABLE = "not_bannable"  # private, loopback, multicast, ...
TRUSTED_PROXY = "trusted_proxy"  # a proxy speaks for itself, e.g. its health check
BROKEN_CHAIN = "broken_chain"  # what a trusted proxy wrote is not an address
TOO_MANY_HOPS = "too_many_hops"  # a loop of proxies, or a header from somebody who can write to one
RESOLVER_FAILED = "resolver_failed"  # the project's function raised, or returned what is not an address
RESOLVER_UNSURE = "resolver_unsure"  # the project's function returned None


class HasMeta(Protocol):
    """Anything with the META of a request; tests pass a plain object."""

    @property
    def META(self) -> Mapping[str, object]:  # noqa: N802 (Django's name)
        """Return the WSGI environment."""


class ClientIP(NamedTuple):
    """
    Where a request came from.

    `address` may be banned; None means unknown, and `reason` says why. `ip` is the address as it is written, and `net`
    its network as `net_of` writes it; both are "-" when it is unknown. `peer` is the other end of the TCP connection.
    `claimed` is what forwarding headers say when that differs: text from a client, information only.
    """

    address: Address | None
    ip: Written
    net: Written
    peer: Address | None
    claimed: Address | None
    reason: str


def resolve(request: HasMeta) -> ClientIP:
    """
    Return the address a request came from, as far as the trusted proxies vouch for it.

    Headers are read only when the peer is in SECURITY_LOGGING_TRUSTED_PROXIES; otherwise anyone could have someone
    else banned. Never raises, whatever META holds.
    """
    meta, policy = request.META, _policy()
    remote = _text(meta.get("REMOTE_ADDR")) or ""
    peer = _judge(remote, policy)
    if conf.CLIENT_IP_RESOLVER is not None:
        client, reason = _from_resolver(request, policy)
    elif peer.address is not None and not peer.is_trusted:
        client, reason = peer, ""
    elif peer.is_trusted or _is_unix(meta, policy):
        client, reason = _from_chain(_header_of(request, policy), policy)
    else:
        # Neither an address nor a unix socket: somebody's own words. Uvicorn with --forwarded-allow-ips '*' puts there
        # what the client wrote.
        client, reason = _NOBODY, NO_PEER
    address = client.address
    if client.ip == UNKNOWN and address is not None:
        address, reason = None, TRUSTED_PROXY if client.is_trusted else NOT_BANNABLE
    return ClientIP(address, client.ip, client.net, peer.address, _claimed(meta, address), reason)


def forwarding_key() -> str:
    """Return the name under which META holds the one header in which a trusted proxy names its client."""
    return _policy_of(
        _texts(conf.TRUSTED_PROXIES), _text(conf.PROXY_RANGES_FILE), _text(conf.CLIENT_IP_HEADER), ()
    ).header


def has_trusted_peer(request: HasMeta) -> bool:
    """Tell whether the request comes from a trusted proxy, which alone may say more about it."""
    policy = _policy()
    return _judge(_text(request.META.get("REMOTE_ADDR")) or "", policy).is_trusted or _is_unix(request.META, policy)


class _Policy(NamedTuple):
    """What the settings say of addresses; `header` is its name in META."""

    proxies: NetworkSet
    unix: bool
    header: str
    listed: NetworkSet


class _Judged(NamedTuple):
    """What is known of one text: the address it spells, how that and its network are written, whom it belongs to."""

    address: Address | None
    ip: Written
    net: Written
    is_trusted: bool


_NOBODY = _Judged(None, Written(UNKNOWN), Written(UNKNOWN), is_trusted=False)


@lru_cache(maxsize=64)
def meta_key(header: str) -> str:
    """Return the name under which META holds a header."""
    return "HTTP_" + header.upper().replace("-", "_")


def _policy() -> _Policy:
    trusted, listed = conf.TRUSTED_PROXIES, conf.BANNABLE_NETWORKS
    if not trusted and not listed:
        return _ALONE
    return _policy_of(_texts(trusted), _text(conf.PROXY_RANGES_FILE), _header(), _texts(listed))


def _header() -> str | None:
    return _text(conf.CLIENT_IP_HEADER)


@lru_cache(maxsize=32)
def _policy_of(entries: tuple[str, ...], ranges: str | None, header: str | None, listed: tuple[str, ...]) -> _Policy:
    proxies = trusted_proxies(entries, ranges)
    return _Policy(proxies.networks, proxies.unix, meta_key(header or proxies.header), network_set(listed))


_ALONE = _policy_of((), None, None, ())  # of a site with nothing in front: no header is read


def _judge(text: str, policy: _Policy) -> _Judged:
    return _judged(text, policy) if len(text) <= MAX_LENGTH else _NOBODY  # the cache must not fill with long texts


@lru_cache(maxsize=4096)  # who attacks comes back
def _judged(text: str, policy: _Policy) -> _Judged:
    """Return what is known of an address; one that a ban of could hit somebody else is written as unknown."""
    address = parse_address(text)
    if address is None:
        return _NOBODY
    if not is_bannable(address, policy.listed, policy.proxies):
        return _NOBODY._replace(address=address, is_trusted=address in policy.proxies)
    return _Judged(address, written(address), net_of(address), is_trusted=False)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(value: object) -> tuple[str, ...]:
    # A single text where a list belongs would be read letter by letter; like all that is wrong it counts for nothing.
    return tuple(map(str, value)) if isinstance(value, (tuple, list, set, frozenset)) else ()


def _is_unix(meta: Mapping[str, object], policy: _Policy) -> bool:
    """
    Tell whether the peer is a trusted unix socket: gunicorn writes an empty address, and uvicorn none.

    Uvicorn writes none either for a TCP client that has reset its connection by then, as any client can; but then it
    still knows the port that it serves. Of a unix socket Django says "None" there, or "0".
    """
    if not policy.unix or meta.get("REMOTE_ADDR"):
        return False
    return "REMOTE_ADDR" in meta or not str(meta.get("SERVER_PORT")).strip("0").isdigit()


def _header_of(request: HasMeta, policy: _Policy) -> str | None:
    """
    Return what the trusted proxies wrote.

    Under ASGI it is read as it was sent: Django before 5.2.13 and 6.0.4 takes X_Forwarded_For, which a proxy may let
    pass, for the same header, and so adds a client's words to it (CVE-2026-3902).
    """
    scope: Mapping[str, Iterable[tuple[bytes, bytes]]] | None = getattr(request, "scope", None)
    if scope is None:
        return _text(request.META.get(policy.header))
    name = policy.header.removeprefix("HTTP_").replace("_", "-").lower().encode()
    return ",".join(value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == name)


def _from_chain(header: str | None, policy: _Policy) -> tuple[_Judged, str]:
    """Walk from the right, where the trusted proxies write, and stop at the first address that is none of them."""
    if not header:
        return _NOBODY, TRUSTED_PROXY
    # The cut never makes "3.0.113.7" of "203.0.113.7": sixteen entries that may be addresses are far shorter.
    hops = header[-MAX_HEADER:].rsplit(",", MAX_HOPS)
    for hop in reversed(hops[-MAX_HOPS:]):
        client = _judge(hop, policy)
        if client.address is None:
            return _NOBODY, BROKEN_CHAIN
        if not client.is_trusted:
            return client, ""
    return _NOBODY, TOO_MANY_HOPS if len(hops) > MAX_HOPS else TRUSTED_PROXY


def _from_resolver(request: HasMeta, policy: _Policy) -> tuple[_Judged, str]:
    """Ask the project's own function; its word is checked like everybody's."""
    try:
        answer = _text(_resolver()(cast("HttpRequest", request)))
    except Exception:  # noqa: BLE001 (the project's code may raise anything, and the event must still be logged)
        internal.exception("SECURITY_LOGGING_CLIENT_IP_RESOLVER failed")
        return _NOBODY, RESOLVER_FAILED
    if answer is None:
        return _NOBODY, RESOLVER_UNSURE
    client = _judge(answer, policy)
    return client, RESOLVER_FAILED if client.address is None else ""


def _resolver() -> Callable[[HttpRequest], object]:
    value = conf.CLIENT_IP_RESOLVER
    return cast("Callable[[HttpRequest], object]", import_string(value) if isinstance(value, str) else value)


def _claimed(meta: Mapping[str, object], address: Address | None) -> Address | None:
    """Return the address that forwarding headers claim, None when there is none or it is the known one."""
    if meta.keys().isdisjoint(FORWARDING_HEADERS):
        return None
    claims = {key: _start(str(meta[key])) for key in FORWARDING_HEADERS if meta.get(key)}
    # The usual case behind one proxy: all headers name the client, and ipware (45 us) can say nothing else.
    if address is not None and all(parse_address(value) == address for value in claims.values()):
        return None
    claimed = parse_address(_best_guess(claims) or "") if claims else None
    return None if claimed == address else claimed


def _start(header: str) -> str:
    # The client stands first. Sixteen headers full of commas would keep ipware busy for 15 ms.
    return ",".join(header[:MAX_CLAIM].split(",", MAX_CLAIM_HOPS)[:MAX_CLAIM_HOPS])


def _best_guess(claims: dict[str, str]) -> str | None:
    request = HttpRequest()
    request.META = claims
    try:
        return get_client_ip(request, request_header_order=tuple(claims), strict=False, algorithm="modern")[0]
    except Exception:  # noqa: BLE001 (foreign code on an attacker's text must not cost the event)
        internal.exception("django-ipware failed")
        return None
