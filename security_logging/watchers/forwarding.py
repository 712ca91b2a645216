"""Forwarding headers of a peer that is not trusted: a forgery, or a proxy that the settings do not list."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from security_logging.addresses.client_ip import has_listed_peer
from security_logging.addresses.parsing import net_of, parse_address
from security_logging.addresses.policy import forwarding_key
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN
from security_logging.events.types import UNTRUSTED_FORWARDING
from security_logging.internal.errors import guarded
from security_logging.logger import events_of, log_event

if TYPE_CHECKING:
    from django.http import HttpRequest

INTERVAL = 3600  # seconds in which a network is logged once, because a proxy that is not trusted sends every request
MAX_NETS = 1000  # logged in that time, so that a client with many networks cannot fill the log
UNTRUSTED_PEER = "untrusted_peer"


class ForwardingWatch:
    """
    The log of one process about peers that name another client than themselves.

    Nothing is logged where SECURITY_LOGGING_CLIENT_IP_RESOLVER finds the client. Nothing is logged for a request that
    has a line already, because that line has the claimed address. Some servers put the client into REMOTE_ADDR and
    leave the header; then both name the same client, and nothing is logged.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing logged; `clock` counts seconds."""
        # Once, like MIDDLEWARE: each page would pay for it.
        self.key = _key() or "HTTP_X_FORWARDED_FOR"
        self._clock = clock
        self._began = float("-inf")
        self._logged: set[str] = set()  # networks
        self._settled: set[str] = set()  # peers that need no second look: behind a proxy each page would pay for it

    @guarded("forwarding")
    def look_at(self, request: HttpRequest) -> None:
        """Log that the request's peer forwards and is not trusted; once an hour for each network."""
        if self._clock() - self._began >= INTERVAL:
            self._began = self._clock()
            self._logged.clear()
            self._settled.clear()
        peer = str(request.META.get("REMOTE_ADDR"))
        if peer not in self._settled and self._is_settled(request, peer) and len(self._settled) < MAX_NETS:
            self._settled.add(peer)

    def _is_settled(self, request: HttpRequest, peer: str) -> bool:
        """Log the peer if it is new, and return whether its next requests need no look."""
        if has_listed_peer(request) or conf.CLIENT_IP_RESOLVER is not None:
            return True
        address = parse_address(peer)
        if address is not None and address == parse_address(str(request.META[self.key]).rpartition(",")[2]):
            return False
        net = UNKNOWN if address is None else net_of(address)  # uvicorn may put there any text of the client's
        if net not in self._logged and not events_of(request) and len(self._logged) < MAX_NETS:
            self._logged.add(net)
            log_event(UNTRUSTED_FORWARDING, request, reason=UNTRUSTED_PEER)
        return net in self._logged


@guarded("forwarding")
def _key() -> str:
    return forwarding_key()
