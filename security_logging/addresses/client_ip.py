"""The address of the client: the TCP peer, or what the trusted proxies vouch for, and never what a client claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

from django.http import HttpRequest
from django.utils.module_loading import import_string

from security_logging.addresses.chain import TRUSTED_PROXY, client_of
from security_logging.addresses.claims import claimed_address
from security_logging.addresses.headers import HasMeta, came_over_unix_socket, lacks_origin_secret, text_of
from security_logging.addresses.parsing import Address
from security_logging.addresses.policy import NOBODY, Judged, Policy, judge, present_policy
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN, Written
from security_logging.internal.errors import report

# Why an address is unknown; `chain` has more.
NO_PEER = "no_peer"  # no readable TCP peer, and no trusted unix socket
NOT_BANNABLE = "not_bannable"  # private, loopback, multicast, ...
NO_ORIGIN_SECRET = "no_origin_secret"  # noqa: S105 (a reason)  # the request did not come through your own front
RESOLVER_FAILED = "resolver_failed"  # the project's function raised, or returned what is not an address
RESOLVER_UNSURE = "resolver_unsure"  # the project's function returned None


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
    policy = present_policy()
    peer = _peer_of(request, policy)
    client, reason = _client_of(request, peer, policy)
    address = client.address
    if client.ip == UNKNOWN and address is not None:
        address, reason = None, TRUSTED_PROXY if client.is_trusted else NOT_BANNABLE
    return ClientIP(address, client.ip, client.net, peer.address, claimed_address(request.META, address), reason)


def has_listed_peer(request: HasMeta) -> bool:
    """Return whether the request comes from a proxy that SECURITY_LOGGING_TRUSTED_PROXIES lists."""
    policy = present_policy()
    return _is_believed(request, _peer_of(request, policy), policy)


def has_trusted_peer(request: HasMeta) -> bool:
    """Return whether the request comes from a proxy whose headers are believed."""
    return has_listed_peer(request) and not lacks_origin_secret(request)


def _peer_of(request: HasMeta, policy: Policy) -> Judged:
    return judge(text_of(request.META.get("REMOTE_ADDR")) or "", policy)


def _is_believed(request: HasMeta, peer: Judged, policy: Policy) -> bool:
    return peer.is_trusted or (policy.unix and peer.address is None and came_over_unix_socket(request))


def _client_of(request: HasMeta, peer: Judged, policy: Policy) -> tuple[Judged, str]:
    lacks_secret = lacks_origin_secret(request)
    if conf.CLIENT_IP_RESOLVER is not None and not lacks_secret:
        return _from_resolver(request, policy)
    if peer.address is not None and not peer.is_trusted:
        return peer, ""
    if not _is_believed(request, peer, policy):
        # Neither an address nor a unix socket. Uvicorn with --forwarded-allow-ips '*' puts there what the client wrote.
        return NOBODY, NO_PEER
    return (NOBODY, NO_ORIGIN_SECRET) if lacks_secret else client_of(request, peer, policy)


def _from_resolver(request: HasMeta, policy: Policy) -> tuple[Judged, str]:
    """Ask the project's own function; its answer passes the same guards."""
    try:
        answer = _answer_of(request)
    except Exception:  # noqa: BLE001 (the project's code may raise anything, and the event must still be logged)
        report("SECURITY_LOGGING_CLIENT_IP_RESOLVER")
        return NOBODY, RESOLVER_FAILED
    if answer is None:
        return NOBODY, RESOLVER_UNSURE
    client = judge(answer, policy)
    return client, RESOLVER_FAILED if client.address is None else ""


def _answer_of(request: HasMeta) -> str | None:
    value = conf.CLIENT_IP_RESOLVER
    function = cast("Callable[[HttpRequest], object]", import_string(value) if isinstance(value, str) else value)
    return text_of(function(cast("HttpRequest", request)))
