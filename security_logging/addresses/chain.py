"""The chain of proxies in front of the site, read from the right end, where the trusted ones write."""

from __future__ import annotations

from security_logging.addresses.headers import HasMeta, sent
from security_logging.addresses.policy import NOBODY, Judged, Policy, judge

MAX_HOPS = 16  # entries of the header, from the right
MAX_HEADER = 8192  # characters, from the right; python-ipware took 2.2 ms for one of that length

# Why the client's address is unknown.
TRUSTED_PROXY = "trusted_proxy"  # a proxy speaks for itself, e.g. its health check
BROKEN_CHAIN = "broken_chain"  # what a trusted proxy wrote is not an address
TOO_MANY_HOPS = "too_many_hops"  # a loop of proxies, or a header from a client that can write to one
SHARED_EGRESS = "shared_egress"  # a program that a stranger runs in a shared network may have written the header


def client_of(request: HasMeta, peer: Judged, policy: Policy) -> tuple[Judged, str]:
    """
    Return the client that a trusted peer names, and why it is unknown where it is.

    The walk skips trusted proxies and stops at the first address that is none. A proxy in a shared network is the
    outermost: what stands left of its own entry was written by whom it serves, who may be anybody, so the entry that
    it wrote itself is the last that is read. Where that entry is of a shared network too, or the proxy marks the
    request as a program's, a stranger may have written all of it.
    """
    header = sent(request, policy.header)
    if not header:
        return NOBODY, TRUSTED_PROXY
    hop = peer
    # The cut never makes "3.0.113.7" of "203.0.113.7": sixteen entries that may be addresses are far shorter.
    entries = header[-MAX_HEADER:].rsplit(",", MAX_HOPS)
    for entry in reversed(entries[-MAX_HOPS:]):
        client = judge(entry, policy)
        if client.address is None:
            return NOBODY, BROKEN_CHAIN
        if hop.is_shared or (client.is_trusted and client.is_egress):
            return _behind_shared(request, hop, client, policy)
        if not client.is_trusted:
            return client, ""
        hop = client
    return NOBODY, TOO_MANY_HOPS if len(entries) > MAX_HOPS else TRUSTED_PROXY


def _behind_shared(request: HasMeta, hop: Judged, client: Judged, policy: Policy) -> tuple[Judged, str]:
    if client.is_shared or _is_program(request, hop, policy):
        return NOBODY, SHARED_EGRESS
    return (NOBODY, TRUSTED_PROXY) if client.is_trusted else (client, "")


def _is_program(request: HasMeta, hop: Judged, policy: Policy) -> bool:
    # Of any other hop the header means nothing.
    marks = (key for key, networks in policy.programs if hop.address is not None and hop.address in networks)
    return any(sent(request, key) is not None for key in marks)
